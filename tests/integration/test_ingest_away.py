"""Reports while Postgres is away: on disk before the 202, replayed in order, debited once."""

import asyncio
import errno
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from accounting.ingest.intake import Intake
from accounting.settling.hearing import ROLL_CALL_S
from accounting.settling.settle import Settler
from credit.pool import connect
from credit.spool import Spool
from tests.books import Figures
from tests.integration.doors import Wire
from tests.integration.office import Office, batch, cost, end, start, token

CREDIT = 1_000_000_000
HELD = 50_000_000
COST = 4_500_000


class Scene:
    """Accounting over a wire that can be cut, with its spool; the books are read past the wire."""

    def __init__(self, wire: Wire, cut: asyncpg.Pool, whole: asyncpg.Pool, spool: Spool) -> None:
        self.wire = wire
        self.spool = spool
        self.office = Office(cut, spool=spool)
        self.office.books.pool = whole

    async def placed(self) -> tuple[str, str, int]:
        """Maria's call has a hold: its id, its token, her account."""
        account_id = await self.office.books.account(CREDIT)
        hold_id, answer = await self.office.books.place(account_id, HELD)
        assert answer.result == "placed"
        return hold_id, token(hold_id, account_id), account_id

    async def send(self, *records: Any) -> tuple[int, dict[str, Any]]:
        """Status and body."""
        answer = await self.office.send(batch(*records, looked_ms=0))
        return answer.status_code, answer.json()

    def kept(self) -> bytes:
        """Everything in the files of the spool."""
        return b"".join(self.spool.all_lines())


@pytest.fixture
async def scene(database_url: str, pool: asyncpg.Pool, tmp_path: Path) -> AsyncIterator[Scene]:
    """Accounting that is connected, and its spool."""
    wire = Wire(database_url)
    await wire.mend()
    spool = Spool(tmp_path)
    spool.open()
    async with await connect(wire.url) as cut:
        yield Scene(wire, cut, pool, spool)
        await wire.cut()


async def test_reports_in_an_outage_are_kept_then_debited_once(scene: Scene) -> None:
    """202 while Postgres is away, again and again; afterwards each is in the books, once."""
    hold_id, text, account_id = await scene.placed()
    batch = [start(hold_id, text), end(hold_id, text), cost(hold_id, text)]
    await scene.wire.cut()
    assert await scene.send(*batch) == (202, {"spooled": 3})
    assert await scene.send(*batch) == (202, {"spooled": 3})
    with pytest.raises(Exception):  # noqa: B017, PT011 (away: whatever the driver says)
        await scene.office.intake.round()
    assert scene.office.intake.away
    await scene.wire.mend()
    await scene.office.intake.round()
    assert scene.office.intake.settled
    assert await scene.office.books.figures(account_id) == Figures(CREDIT - COST, 0)
    told = [(kind, detail.get("replayed")) for kind, detail in scene.office.told]
    assert told == [("store_away", None), ("store_back", 6)]
    assert await scene.send(*batch) == (
        200,
        {"recorded": 0, "duplicates": 3, "quarantined": 0},
    )


async def test_report_that_contradicts_one_waiting_does_not_overtake_it(scene: Scene) -> None:
    """Postgres is back, the first report still waits on the disk: the second waits behind it."""
    hold_id, text, account_id = await scene.placed()
    usage = {"prompt_tokens": 3_000, "completion_tokens": 600}
    second = cost(hold_id, text, cost_usd="0.0135", usage=usage)
    assert await scene.office.intake.keep("report", [cost(hold_id, text)])
    assert not scene.office.intake.away
    assert await scene.send(second) == (202, {"spooled": 1})
    await scene.office.intake.round()
    assert (await scene.office.books.figures(account_id)).posted == CREDIT - COST
    assert await scene.office.books.pool.fetchval("SELECT count(*) FROM usage_conflict") == 1


async def test_report_that_is_bad_is_reduced_before_it_is_kept(scene: Scene) -> None:
    """The allow-list comes first: no prompt reaches the disk, and quarantine tells only the shape."""
    hold_id, text, account_id = await scene.placed()
    secret = "the salary of Maria"
    bad = start(hold_id, text) | {"messages": [{"role": "user", "content": secret}]}
    good = cost(hold_id, text)
    await scene.wire.cut()
    assert (await scene.send(bad, good))[0] == 202
    assert secret.encode() not in scene.kept()
    await scene.wire.mend()
    await scene.office.intake.round()
    rows = await scene.office.books.pool.fetch("SELECT reason, body FROM usage_quarantine")
    assert [row["reason"] for row in rows] == ["not accepted: start.messages"]
    assert secret not in str(rows[0]["body"])
    assert (await scene.office.books.figures(account_id)).posted == CREDIT - COST


async def test_extension_in_an_outage_is_refused_at_once(scene: Scene) -> None:
    """The callback waits 0.3 s for it: no answer and this one are the same to it."""
    hold_id, text, _ = await scene.placed()
    await scene.wire.cut()
    await scene.send(start(hold_id, text))
    asked = {"hold": hold_id, "want_total_nanos": 1, "min_total_nanos": 1}
    answer = await scene.office.send(json.dumps(asked).encode(), "/v1/extend")
    assert answer.status_code == 503


def heard(settler: Settler) -> float | None:
    """Until when every callback vouches for itself."""
    return settler.hearing.vouched_at_s()


async def test_heartbeat_while_something_waits_says_nothing(scene: Scene) -> None:
    """What the callback told is not in the ledger yet: a missing start proves nothing."""
    scene.office.listen(ROLL_CALL_S)
    hold_id, text, _ = await scene.placed()
    await scene.wire.cut()
    await scene.send(start(hold_id, text))
    assert await scene.send() == (200, {"recorded": 0, "duplicates": 0, "quarantined": 0})
    assert heard(scene.office.settler) is None
    await scene.wire.mend()
    await scene.office.intake.round()
    await scene.send()
    assert heard(scene.office.settler) is not None


async def test_spool_that_is_full_or_missing_is_a_503(scene: Scene, tmp_path: Path) -> None:
    """Then the callback's own spool keeps it: 2xx means on disk, here or there."""
    hold_id, text, _ = await scene.placed()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    await scene.wire.cut()
    for spool in (Spool(tmp_path, sync=full), None):
        office = Office(scene.office.pool, spool=spool)
        office.books.pool = scene.office.books.pool
        body = json.dumps({"source": "callback", "records": [start(hold_id, text)]}).encode()
        assert (await office.send(body)).status_code == 503


class Store:
    """What an intake without a real ledger talks to."""

    def __init__(self, folder: Path) -> None:
        self.error: Exception | None = None
        self.taken: list[Any] = []
        self.told: list[str] = []
        self.spool = Spool(folder)
        self.spool.open()
        self.intake = Intake(self.spool, probe=self._probe, tell=self._tell)
        self.intake.on("report", self._take)

    async def _probe(self) -> None:
        """Always there; it is `error` that comes of writing."""

    async def _tell(self, kind: str, _subject: str, _detail: dict[str, Any]) -> None:
        self.told.append(kind)

    async def _take(self, items: list[Any]) -> None:
        if "poison" in items:
            raise asyncpg.DataError
        if self.error is not None:
            raise self.error
        self.taken += items


async def test_poison_on_the_disk_is_set_aside_alone(tmp_path: Path) -> None:
    """Order is kept around it, and a person is told; a damaged line is poison, too."""
    store = Store(tmp_path)
    items = ["a", "b", "poison", "c", "d"]
    assert await store.intake.keep("report", items)
    await store.spool.append(b"damaged")
    assert await store.intake.keep("report", ["e"])
    await store.intake.round()
    assert store.taken == ["a", "b", "c", "d", "e"]
    assert store.told == ["spool_line_rejected"] * 2
    kept = await asyncio.to_thread((tmp_path / "rejected.txt").read_bytes)
    assert len(kept.splitlines()) == 2


@pytest.mark.parametrize("error", [ConnectionResetError(), asyncpg.UndefinedFunctionError()])
async def test_error_that_is_no_fault_of_the_item_waits(tmp_path: Path, error: Exception) -> None:
    """Away, or a schema that is behind: nothing is set aside, nothing is lost, it is tried again."""
    store = Store(tmp_path)
    assert await store.intake.keep("report", ["a", "b"])
    store.error = error
    with pytest.raises(type(error)):
        await store.intake.round()
    assert store.taken == []
    store.error = None
    await store.intake.round()
    assert store.taken == ["a", "b"]
    assert not (await asyncio.to_thread((tmp_path / "rejected.txt").exists))


async def test_items_of_a_process_that_died_are_replayed_by_the_next(tmp_path: Path) -> None:
    """The 202 was given by a process that is gone."""
    store = Store(tmp_path)
    assert await store.intake.keep("report", ["a"])
    store.spool.close()
    after = Store(tmp_path)
    assert not after.intake.settled
    await after.intake.round()
    assert after.taken == ["a"]
    assert after.intake.settled
