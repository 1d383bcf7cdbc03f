"""The sink: batches in, nothing lost silently, nothing that waits for ever."""

import asyncio
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import pytest
from structlog.testing import capture_logs

from accounting.access.record import Row
from accounting.access.sink import BATCH_LIMIT, QUEUE_LIMIT, AccessSink, Outlets

BOUND_S = 5.0


class Ledger:
    """What the sink is given: remembers, and fails as told."""

    def __init__(self) -> None:
        """All works."""
        self.written: list[list[Row]] = []
        self.spooled: list[Row] = []
        self.told: set[str] = set()
        self.alarms: list[tuple[str, Row]] = []
        self.counts: dict[str, int] = {}
        self.error: Exception | None = None
        self.spool_has_room = True
        self.changed = asyncio.Condition()

    async def write(self, rows: Sequence[Row]) -> Mapping[str, str]:
        """ledger.access_batch."""
        if self.error is not None:
            raise self.error
        seen = {row["id"] for batch in self.written for row in batch}
        self.written.append(list(rows))
        await self._notify()
        return {row["id"]: "duplicate" if row["id"] in seen else "recorded" for row in rows}

    async def keep(self, kind: str, rows: list[Row]) -> bool:
        """The spool."""
        assert kind == "access"
        if self.spool_has_room:
            self.spooled += rows
        await self._notify()
        return self.spool_has_room

    async def tell(self, holds: AbstractSet[str]) -> None:
        """The settler."""
        self.told |= holds
        await self._notify()

    async def alarm(self, kind: str, _subject: str, detail: Row) -> None:
        """raise_alarm."""
        self.alarms.append((kind, detail))
        await self._notify()

    def count(self, result: str, number: int) -> None:
        """The metric."""
        self.counts[result] = self.counts.get(result, 0) + number

    async def until(self, holds: Any) -> None:
        """Wait for a condition, with a bound."""
        async with asyncio.timeout(BOUND_S), self.changed:
            await self.changed.wait_for(holds)

    def outlets(self, *, with_spool: bool = True) -> Outlets:
        """As the sink wants them."""
        keep = self.keep if with_spool else None
        return Outlets(self.write, self.tell, self.alarm, self.count, keep)

    async def _notify(self) -> None:
        async with self.changed:
            self.changed.notify_all()


def rows(count: int, *, upstream: bool = True, stage: str = "end", first: int = 0) -> list[Row]:
    """Rows about as many holds."""
    numbers = range(first, first + count)
    return [
        {"id": f"{stage}{n}", "hold_id": f"h{n}", "body": {"stage": stage, "upstream": upstream}}
        for n in numbers
    ]


class Running:
    """A sink at work within a test."""

    def __init__(self, outlets: Outlets) -> None:
        """Nothing runs yet."""
        self.sink = AccessSink(outlets)

    async def __aenter__(self) -> AccessSink:
        """Run it."""
        self._task = asyncio.create_task(self.sink.run())
        return self.sink

    async def __aexit__(self, *_: object) -> None:
        """End it."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_sink_writes_in_batches_in_the_order_they_came() -> None:
    """Bounded statements, whatever comes at once."""
    ledger = Ledger()
    async with Running(ledger.outlets()) as sink:
        await sink.offer(rows(BATCH_LIMIT + 3))
        await ledger.until(lambda: len(ledger.written) == 2)
    assert [len(batch) for batch in ledger.written] == [BATCH_LIMIT, 3]
    assert [row["id"] for batch in ledger.written for row in batch][-1] == f"end{BATCH_LIMIT + 2}"
    assert ledger.counts == {"recorded": BATCH_LIMIT + 3}


async def test_sink_tells_only_of_ends_without_upstream_that_are_new() -> None:
    """These can close at once; for all others nothing has changed."""
    ledger = Ledger()
    async with Running(ledger.outlets()) as sink:
        await sink.offer(rows(1, upstream=True))
        await sink.offer(rows(1, upstream=False, stage="progress", first=1))
        await sink.offer(rows(1, upstream=False, first=2))
        await ledger.until(lambda: ledger.told == {"h2"})
        ledger.told.clear()
        await sink.offer([*rows(1, upstream=False, first=2), *rows(1, upstream=False, first=3)])
        await ledger.until(lambda: bool(ledger.told))
    assert ledger.told == {"h3"}


@pytest.mark.parametrize("error", [OSError("away"), TimeoutError(), RuntimeError("a bug")])
async def test_sink_without_the_ledger_spools_then_goes_on(error: Exception) -> None:
    """Postgres away: the entries are on disk here, and the loop lives."""
    ledger = Ledger()
    ledger.error = error
    async with Running(ledger.outlets()) as sink:
        await sink.offer(rows(2))
        await ledger.until(lambda: len(ledger.spooled) == 2)
        ledger.error = None
        await sink.offer(rows(1, first=5))
        await ledger.until(lambda: len(ledger.written) == 1)
    assert ledger.counts == {"spooled": 2, "recorded": 1}
    assert ledger.alarms == []


async def test_sink_without_the_ledger_says_so_once_for_each_outage() -> None:
    """Many batches a second would hide the one line that matters; the end of it is no warning."""
    ledger = Ledger()
    with capture_logs() as said:
        async with Running(ledger.outlets()) as sink:
            for outage in range(2):
                ledger.error = OSError("away")
                for number in range(3):
                    await sink.offer(rows(1, first=number))
                    await ledger.until(lambda: len(ledger.spooled) == number + 1)  # noqa: B023
                ledger.error = None
                ledger.spooled.clear()
                await sink.offer(rows(1, first=10 + outage))
                await ledger.until(lambda: len(ledger.written) == outage + 1)  # noqa: B023
    assert [(line["event"], line["log_level"], line.get("kept")) for line in said] == 2 * [
        ("access_log_not_written", "warning", True),
        ("access_log_written_again", "info", None),
    ]


@pytest.mark.parametrize("with_spool", [True, False])
async def test_sink_that_loses_entries_says_so_when_it_can(*, with_spool: bool) -> None:
    """No ledger, no room in the spool (or none): counted, then one alarm with the figure."""
    ledger = Ledger()
    ledger.error, ledger.spool_has_room = OSError("away"), False
    async with Running(ledger.outlets(with_spool=with_spool)) as sink:
        await sink.offer(rows(3))
        while ledger.counts.get("lost") != 3:
            async with asyncio.timeout(BOUND_S):
                await asyncio.sleep(0)
        ledger.error = None
        await sink.offer(rows(2, first=9))
        await ledger.until(lambda: bool(ledger.alarms))
        await sink.offer(rows(1, first=19))
        await ledger.until(lambda: len(ledger.written) == 2)
    assert ledger.alarms == [("access_log_lost", {"entries": 3})]


async def test_sink_that_is_full_sets_the_rest_aside() -> None:
    """The queue is bounded, and what does not fit is not silently gone."""
    ledger = Ledger()
    sink = AccessSink(ledger.outlets())
    await sink.offer(rows(QUEUE_LIMIT + 7))
    assert len(ledger.spooled) == 7
    await sink.drain()
    assert sum(map(len, ledger.written)) == QUEUE_LIMIT


async def test_sink_stopped_in_a_write_writes_all_when_drained() -> None:
    """A restart of accounting loses nothing that had arrived."""
    ledger = Ledger()
    begun, hold_back = asyncio.Event(), asyncio.Event()

    async def slow(batch: Sequence[Row]) -> Mapping[str, str]:
        begun.set()
        await hold_back.wait()
        return await ledger.write(batch)

    outlets = Outlets(slow, ledger.tell, ledger.alarm, ledger.count, ledger.keep)
    async with Running(outlets) as sink:
        await sink.offer(rows(4))
        async with asyncio.timeout(BOUND_S):
            await begun.wait()
    hold_back.set()
    await sink.drain()
    assert [row["id"] for row in ledger.written[0]] == ["end0", "end1", "end2", "end3"]
