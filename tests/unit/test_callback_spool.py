"""The spool on disk: what was appended survives, in order, exactly once shipped."""

import itertools
import json
import os
import threading
import time
from pathlib import Path

import pytest
from pedagio_callback import shipper as shipping
from pedagio_callback.shipper import Shipper, encode, read_batch
from pedagio_callback.spool import Segment, Spool

IDS = itertools.count()


def new_spool(folder: Path) -> Spool:
    """A spool as one process opens it."""
    return Spool(folder, lambda: f"p{next(IDS)}")


def die(spool: Spool) -> None:
    """Let go of the locks without any farewell, as kill -9 does."""
    for segment in spool.segments:
        os.close(segment.descriptor)


class Accounting:
    """Collects lines; `statuses` are answered first, then 200 for ever."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.lines: list[dict[str, int]] = []
        self.batches: list[int] = []

    def __call__(self, body: bytes) -> int:
        """Answer one batch; 0 stands for no answer."""
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 0:
            raise OSError("away")
        records = json.loads(body)["records"]
        if status == 200 and any(record.get("bad") for record in records):
            return 400
        if status == 200:
            self.lines += records
            self.batches.append(len(records))
        return status


def ship(spool: Spool, accounting: Accounting) -> bool:
    """One pass over everything there is."""
    return Shipper(spool, accounting, lambda: None).ship_all()


def test_spool_ships_in_order_in_batches_of_five_hundred(tmp_path: Path) -> None:
    """Order is kept and a batch is bounded."""
    spool, accounting = new_spool(tmp_path), Accounting()
    for number in range(1_100):
        spool.append(encode({"number": number}))
    assert ship(spool, accounting)
    assert [line["number"] for line in accounting.lines] == list(range(1_100))
    assert accounting.batches == [500, 500, 100]


def test_spool_ships_nothing_twice_after_success(tmp_path: Path) -> None:
    """Progress is durable: another pass, or another process, finds nothing."""
    spool, accounting = new_spool(tmp_path), Accounting()
    spool.append(encode({"number": 1}))
    assert ship(spool, accounting)
    assert ship(spool, accounting)
    die(spool)
    heir = new_spool(tmp_path)
    assert heir.adopt_orphans() == 1
    assert ship(heir, accounting)
    assert len(accounting.lines) == 1
    assert list(tmp_path.glob("*.jsonl")) == []


@pytest.mark.parametrize("status", [0, 401, 500, 503])
def test_spool_keeps_what_accounting_did_not_take(tmp_path: Path, status: int) -> None:
    """No answer, a wrong signature and a server error are all tried again."""
    spool, accounting = new_spool(tmp_path), Accounting(status)
    spool.append(encode({"number": 1}))
    assert not ship(spool, accounting)
    assert ship(spool, accounting)
    assert len(accounting.lines) == 1


def test_spool_of_a_dead_process_is_adopted_and_a_live_one_is_not(tmp_path: Path) -> None:
    """The lock says who is alive."""
    dead, alive, accounting = new_spool(tmp_path), new_spool(tmp_path), Accounting()
    dead.append(encode({"number": 1}))
    alive.append(encode({"number": 2}))
    die(dead)
    heir = new_spool(tmp_path)
    assert heir.adopt_orphans() == 1
    assert ship(heir, accounting)
    assert [line["number"] for line in accounting.lines] == [1]


def test_spool_with_a_torn_last_line_ships_the_whole_ones(tmp_path: Path) -> None:
    """A kill -9 in the middle of a write costs that line only, and it is kept aside."""
    dead, accounting = new_spool(tmp_path), Accounting()
    dead.append(encode({"number": 1}))
    os.write(dead.segments[0].descriptor, b'{"number": 2, "tor')
    die(dead)
    heir = new_spool(tmp_path)
    heir.adopt_orphans()
    assert ship(heir, accounting)
    assert [line["number"] for line in accounting.lines] == [1]
    (aside,) = tmp_path.glob("*.rejected")
    assert aside.read_bytes() == b'{"number": 2, "tor\n'


def test_spool_sets_aside_only_the_record_that_cannot_be_read(tmp_path: Path) -> None:
    """A 400 never loops and takes no neighbour with it."""
    spool, accounting = new_spool(tmp_path), Accounting()
    for number in range(7):
        spool.append(encode({"number": number, "bad": number == 3}))
    assert ship(spool, accounting)
    assert [line["number"] for line in accounting.lines] == [0, 1, 2, 4, 5, 6]
    (aside,) = tmp_path.glob("*.rejected")
    assert json.loads(aside.read_bytes())["number"] == 3


def test_spool_begins_a_new_segment_when_one_is_full(tmp_path: Path) -> None:
    """Shipped segments leave the disk; the current one stays."""
    spool, accounting = new_spool(tmp_path), Accounting()
    for number in range(3):
        spool.append(encode({"number": number, "filler": "x" * (5 * 1024 * 1024)}))
    assert len(spool.segments) == 2
    assert read_batch(spool.segments[0]) == []  # longer than any batch may be
    assert ship(spool, accounting)
    assert len(list(tmp_path.glob("*.jsonl"))) == 1


def test_spool_on_a_full_disk_raises(tmp_path: Path) -> None:
    """The caller must know that the evidence is not kept."""
    spool = new_spool(tmp_path)
    spool.append(encode({"number": 1}))
    full = Segment(Path("/dev/full"), os.open("/dev/full", os.O_RDWR | os.O_APPEND))
    spool._current = full  # noqa: SLF001 - a full disk, without filling one
    with pytest.raises(OSError, match=r"28|22"):
        spool.append(encode({"number": 2}))


def test_shipper_ships_what_is_appended_while_it_waits(tmp_path: Path) -> None:
    """An append wakes the thread; an outage does not end it."""
    spool, arrived = new_spool(tmp_path), threading.Event()
    accounting = Accounting(0, 503)

    def post(body: bytes) -> int:
        status = accounting(body)
        if len(accounting.lines) == 2:
            arrived.set()
        return status

    shipper = Shipper(spool, post, lambda: None)
    shipper.start()
    for number in range(2):
        spool.append(encode({"number": number}))
        shipper.notify()
    assert arrived.wait(10)
    shipper.stop(10)
    assert [line["number"] for line in accounting.lines] == [0, 1]


def test_shipper_beats_when_everything_is_shipped(tmp_path: Path) -> None:
    """Also with nothing to tell: accounting hears that no start is on its way."""
    spool, beats, accounting = new_spool(tmp_path), threading.Event(), Accounting()

    def post(body: bytes) -> int:
        status = accounting(body)
        if json.loads(body)["records"] == [] and len(accounting.lines) == 1:
            beats.set()
        return status

    shipper = Shipper(spool, post, lambda: None, look_every_s=0.02)
    shipper.start()
    spool.append(encode({"number": 1}))
    shipper.notify()
    assert beats.wait(10)
    shipper.stop(10)


def test_shipper_does_not_beat_while_another_process_has_something_to_tell(tmp_path: Path) -> None:
    """One worker of LiteLLM must not vouch for another: its start may still be on this disk."""
    spool, neighbour, accounting = new_spool(tmp_path), new_spool(tmp_path), Accounting()
    neighbour.append(encode({"number": 1}))
    shipper = Shipper(spool, accounting, lambda: None)
    before, noted_s = spool.sizes(), time.monotonic()
    shipper.beat(before, noted_s)
    assert accounting.batches == []
    assert ship(neighbour, Accounting())
    shipper.beat(before, noted_s)
    assert accounting.batches == [0]
    neighbour.append(encode({"number": 2}))
    shipper.beat(before, noted_s)  # what came since is not what this beat speaks of
    assert accounting.batches == [0, 0]


def test_shipper_says_when_it_looked_and_whose_spool_it_is(tmp_path: Path) -> None:
    """Now, when all that is there is shipped; else when it noted what is. All batches carry the folder's name."""
    spool, told = new_spool(tmp_path), []

    def post(body: bytes) -> int:
        told.append(json.loads(body))
        return 200

    shipper = Shipper(spool, post, lambda: None)
    shipper.beat(spool.sizes(), time.monotonic() - 5.0)
    assert told[-1]["looked_ms"] < 5_000
    before, noted_s = spool.sizes(), time.monotonic() - 5.0
    spool.append(encode({"number": 1}))
    shipper.beat(before, noted_s)
    assert told[-1]["looked_ms"] >= 5_000
    assert shipper.ship_all()
    assert told[-1]["records"]
    assert {body["spool"] for body in told} == {spool.name()}


def test_shipper_does_not_beat_while_the_hooks_stand_aside(tmp_path: Path) -> None:
    """Switched off, calls begin of which nothing is written: nobody may say that none began."""
    spool, accounting, off = new_spool(tmp_path), Accounting(), [True]
    shipper = Shipper(spool, accounting, lambda: None, is_off=lambda: off[0])
    shipper.beat({}, time.monotonic())
    assert accounting.batches == []
    off[0] = False
    shipper.beat({}, time.monotonic())
    assert accounting.batches == [0]


def test_spool_has_one_name_for_all_who_share_its_folder(tmp_path: Path) -> None:
    """Restarts and neighbours keep it; a name that a crash cut short is made anew."""
    name = new_spool(tmp_path / "a").name()
    assert new_spool(tmp_path / "a").name() == name
    assert new_spool(tmp_path / "b").name() != name
    (tmp_path / "a" / "name").write_text("5f")
    fresh = new_spool(tmp_path / "a").name()
    assert len(fresh) == 32
    assert new_spool(tmp_path / "a").name() == fresh
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["name"]


def test_shipper_looks_for_orphans_under_constant_load(tmp_path: Path) -> None:
    """A dead worker's evidence must not wait until nobody calls any more."""
    dead, spool, found = new_spool(tmp_path), new_spool(tmp_path), threading.Event()
    accounting = Accounting()

    def post(body: bytes) -> int:
        status = accounting(body)
        if any(line["number"] == -1 for line in accounting.lines):
            found.set()
        return status

    shipper = Shipper(spool, post, lambda: None, look_every_s=0.05)
    shipper.start()
    dead.append(encode({"number": -1}))
    die(dead)
    for number in range(1_000):
        spool.append(encode({"number": number}))
        shipper.notify()
        if found.wait(0.01):
            break
    assert found.is_set()
    shipper.stop(10)


def test_encode_keeps_a_record_on_one_line() -> None:
    """No text, whatever it holds, can end a line or break the encoding."""
    line = encode({"reason": "a\nb\u2028\ud800"})
    assert b"\n" not in line
    assert json.loads(line)["reason"] == "a\nb\u2028\ud800"
    assert shipping.BATCH_BYTES < 4 * 1024 * 1024


def test_append_returns_only_when_the_record_is_on_disk(tmp_path: Path) -> None:
    """Evidence that a crash of the machine could lose is no evidence: each append is synced."""
    synced: list[int] = []
    spool = Spool(tmp_path, lambda: "a" * 32, lambda file: synced.append(os.fstat(file).st_size))
    spool.append(b"{}")
    assert synced == [len(b"{}\n")]
