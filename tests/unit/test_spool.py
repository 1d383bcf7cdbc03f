"""The spool on a real disk: nothing acknowledged is lost, nothing half written is read."""

import asyncio
import errno
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit.spool import LIMIT_BYTES, Spool
from credit.spool_segment import LINE_LIMIT_BYTES, adopt, create

# Acknowledges each line on its standard output only after `append` returned, until it is killed.
WRITER = """
import asyncio, sys
from pathlib import Path
from credit.spool import Spool

async def write():
    spool = Spool(Path(sys.argv[1]))
    spool.open()
    number = 0
    while True:
        lines = [b'%d' % n for n in range(number, number + 7)]
        await asyncio.gather(*(spool.append(line) for line in lines))
        number += 7
        print(number, flush=True)

asyncio.run(write())
"""


def a_spool(folder: Path, limit_bytes: int = LIMIT_BYTES) -> Spool:
    """An open spool in the folder."""
    spool = Spool(folder, limit_bytes=limit_bytes)
    spool.open()
    return spool


def drained(spool: Spool) -> list[bytes]:
    """Every line, taken."""
    found: list[bytes] = []
    while lines := spool.read():
        found += lines
        spool.take(lines)
    return found


def files(folder: Path) -> list[str]:
    """What is in the folder."""
    return sorted(path.name for path in folder.iterdir())


def tear(folder: Path) -> None:
    """Leave half a line at the end of each segment, as a crash does."""
    for path in folder.glob("*.jsonl"):
        with path.open("ab") as file:
            file.write(b'{"half')


async def test_lines_appended_at_once_come_back_in_order(tmp_path: Path) -> None:
    """Lines that share a sync keep the order in which they were given."""
    spool = a_spool(tmp_path)
    lines = [b"line %d" % n for n in range(200)]
    await asyncio.gather(*(spool.append(line) for line in lines))
    assert drained(spool) == lines
    assert spool.empty
    assert files(tmp_path) == []


async def test_line_is_synced_before_append_returns(tmp_path: Path) -> None:
    """The answer that depends on a line leaves after the line is on the disk."""
    sizes: list[int] = []
    spool = Spool(tmp_path, sync=lambda descriptor: sizes.append(os.fstat(descriptor).st_size))
    spool.open()
    sizes.clear()
    await spool.append(b"precious")
    assert sizes == [len(b"precious\n")]


async def test_lines_taken_in_part_are_read_from_there_by_the_next_process(tmp_path: Path) -> None:
    """Progress is durable: a successor begins after what was taken."""
    spool = a_spool(tmp_path)
    await spool.append(*(b"%d" % n for n in range(10)))
    spool.take(spool.read()[:4])
    spool.close()
    assert drained(a_spool(tmp_path)) == [b"%d" % n for n in range(4, 10)]


async def test_segment_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    """Two replicas may share a folder: only what a dead one left is taken over, once."""
    one, two = a_spool(tmp_path), a_spool(tmp_path)
    await one.append(b"one")
    await two.append(b"two")
    assert two.adopt_orphans() == 0
    assert drained(two) == [b"two"]
    one.close()
    assert two.adopt_orphans() == 1
    assert drained(two) == [b"one"]


async def test_line_on_its_way_while_the_last_one_is_taken_is_kept(tmp_path: Path) -> None:
    """A segment is not dropped while its next line is being synced: that line is about to be acknowledged."""
    syncing, go_on = threading.Event(), threading.Event()
    go_on.set()

    def sync(_: int) -> None:
        if threading.current_thread() is not threading.main_thread():
            syncing.set()
            assert go_on.wait(10)

    spool = Spool(tmp_path, sync=sync)
    spool.open()
    await spool.append(b"one")
    lines = spool.read()
    syncing.clear()
    go_on.clear()
    second = asyncio.create_task(spool.append(b"two"))
    assert await asyncio.to_thread(syncing.wait, 10)
    spool.take(lines)
    go_on.set()
    await second
    spool.close()
    assert drained(a_spool(tmp_path)) == [b"two"]


def test_segment_that_its_owner_removed_meanwhile_is_not_adopted(tmp_path: Path) -> None:
    """Listed, then emptied and deleted by another process before the lock: it is no orphan, and nobody's disk."""
    path = tmp_path / "1-000000.jsonl"
    create(path).remove()
    gone = tmp_path / "gone"
    gone.write_bytes(b"taken already\n")
    descriptor = os.open(gone, os.O_RDWR)
    gone.unlink()
    # A name that still opens the file without a directory entry, as the one that was open before the deletion.
    assert adopt(Path(f"/proc/self/fd/{descriptor}")) is None
    os.close(descriptor)
    assert adopt(path) is None


async def test_line_torn_by_a_crash_is_not_read(tmp_path: Path) -> None:
    """Nobody was told that it is kept; the lines before it were."""
    spool = a_spool(tmp_path)
    await spool.append(b"whole", b"also whole")
    spool.close()
    tear(tmp_path)
    after = a_spool(tmp_path)
    assert drained(after) == [b"whole", b"also whole"]
    await after.append(b"new")
    assert drained(after) == [b"new"]


async def test_disk_that_is_full_refuses_the_line_whole(tmp_path: Path) -> None:
    """An OSError, half a line removed, the neighbours untouched; afterwards it works again."""
    full = False

    def sync(_: int) -> None:
        if full:
            raise OSError(errno.ENOSPC, "full")

    spool = Spool(tmp_path, sync=sync)
    spool.open()
    await spool.append(b"taken", b"waiting")
    full = True
    with pytest.raises(OSError, match="full"):
        await spool.append(b"lost", b"lost too")
    # Even the progress cannot be written: what was taken counts as taken all the same.
    spool.take(spool.read()[:1])
    assert spool.read() == [b"waiting"]
    full = False
    await spool.append(b"after")
    spool.close()
    # The progress that could not be written is lost with the process: that line is read again.
    assert drained(a_spool(tmp_path)) == [b"taken", b"waiting", b"after"]


async def test_spool_at_its_limit_refuses_like_a_full_disk(tmp_path: Path) -> None:
    """Bounded: what waits is never more than the limit, what is taken makes room."""
    spool = a_spool(tmp_path, limit_bytes=100)
    await spool.append(b"x" * 60)
    with pytest.raises(OSError, match="as large as it may be"):
        await spool.append(b"x" * 60)
    drained(spool)
    await spool.append(b"x" * 60)


async def test_line_that_cannot_be_a_line_is_a_bug(tmp_path: Path) -> None:
    """A newline inside would make two of it; a giant would not be read back."""
    spool = a_spool(tmp_path)
    for line in (b"two\nlines", b"x" * LINE_LIMIT_BYTES):
        with pytest.raises(ValueError, match="no newline"):
            await spool.append(line)


async def test_folder_that_cannot_be_written_says_so_at_once(tmp_path: Path) -> None:
    """A misconfigured folder is found when it is opened, not in the first outage."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        Spool(tmp_path / "file").open()


async def test_rejected_line_is_kept_beside_the_spool(tmp_path: Path) -> None:
    """What nobody can take is for a person to look at."""
    spool = a_spool(tmp_path)
    await spool.append(b"poison")
    (line,) = spool.read()
    await spool.reject(line)
    spool.take([line])
    assert (tmp_path / "rejected.txt").read_bytes() == b"poison\n"
    assert spool.empty


def test_lines_acknowledged_before_kill_9_all_survive(tmp_path: Path) -> None:
    """A real process, killed in the middle: every acknowledged line is there, in order, none twice."""
    writer = subprocess.Popen(
        (sys.executable, "-c", WRITER, str(tmp_path)), stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    acknowledged = 0
    with writer.stdout as told:
        for text in told:
            acknowledged = int(text)
            if acknowledged > 300:
                writer.kill()
                break
        acknowledged = max([acknowledged, *(int(text) for text in told if text.endswith("\n"))])
    writer.wait(timeout=10)
    found = [int(line) for line in drained(a_spool(tmp_path))]
    assert found == list(range(len(found)))
    assert len(found) >= acknowledged


STEPS = st.lists(
    st.one_of(
        st.integers(1, 5).map(lambda n: ("append", n)),
        st.integers(0, 4).map(lambda n: ("take", n)),
        st.just(("crash", 0)),
        st.just(("torn", 0)),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_spool_through_any_history_is_a_queue(steps: list[tuple[str, int]]) -> None:
    """Appends, partial reads, crashes and torn lines in any order: what a list would hold, in its order."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_replay(Path(folder), steps))


async def _replay(folder: Path, steps: list[tuple[str, int]]) -> None:
    spool, waiting, number = a_spool(folder), list[bytes](), 0
    for step, count in steps:
        if step == "append":
            lines = [b"%d" % n for n in range(number, number + count)]
            number += count
            await spool.append(*lines)
            waiting += lines
        elif step == "take":
            lines = spool.read()[:count]
            assert lines == waiting[: len(lines)]
            if lines:
                spool.take(lines)
                del waiting[: len(lines)]
        else:
            spool.close()
            if step == "torn":
                tear(folder)
            spool = a_spool(folder)
        assert spool.all_lines() == waiting
    assert drained(spool) == waiting
    spool.close()
