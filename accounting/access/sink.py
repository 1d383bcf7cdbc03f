"""Writes access-log rows to the ledger in batches; what it cannot write it sets aside.

The access log is the second witness of how a call ended: debits never wait for it. So everything here is
bounded, and what neither the ledger nor the spool takes is counted, said once, and left to a replay of
Envoy's own file (`pedagio access-log replay`).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

import structlog

from accounting.access.record import Row

QUEUE_LIMIT: Final = 20_000
BATCH_LIMIT: Final = 500
WRITE_WITHIN_S: Final = 12.0  # more than the pool's own bounds: those name the cause
UNTOLD_LIMIT: Final = 10_000
RECORDED: Final = "recorded"

Write = Callable[[Sequence[Row]], Awaitable[Mapping[str, str]]]
Keep = Callable[[str, list[Row]], Awaitable[bool]]
Alarm = Callable[[str, str, Row], Awaitable[None]]
Tell = Callable[[AbstractSet[str]], Awaitable[None]]
Count = Callable[[str, int], None]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where rows go, and what follows.

    `write`: ledger.access_batch; returns id -> recorded, duplicate, unknown.
    `keep`: the spool for times without Postgres; False when it is full. None: there is no spool.
    `tell`: is given holds whose request never went upstream: they can close at once. All others become
    ripe by time, or by a report, and their own loops see them.
    `alarm`: (kind, subject, detail); `count`: (result, how many), for the metrics.
    """

    write: Write
    tell: Tell
    alarm: Alarm
    count: Count
    keep: Keep | None = None


class AccessSink:
    """A bounded queue between Envoy's streams and the ledger. `run` empties it for ever."""

    def __init__(self, outlets: Outlets) -> None:
        """Nothing runs until `run`."""
        self._out = outlets
        self._rows: deque[Row] = deque()
        self._came = asyncio.Event()
        self._untold: set[str] = set()
        self._untold_came = asyncio.Event()
        self._lost = 0
        self._not_written = False

    async def offer(self, rows: Sequence[Row]) -> None:
        """Queue the rows; those for which there is no room are set aside. Never raises."""
        room = QUEUE_LIMIT - len(self._rows)
        self._rows.extend(rows[:room])
        self._came.set()
        if rows[room:]:
            await self._set_aside(rows[room:])

    async def run(self) -> None:
        """Write what comes, tell of it; for ever."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._write_loop())
            loops.create_task(self._tell_loop())

    async def drain(self) -> None:
        """Write what is queued, once nothing more comes; `run` must have been cancelled."""
        while self._rows:
            await self._write_some()

    async def _write_loop(self) -> None:
        while True:
            await self._came.wait()
            self._came.clear()
            while self._rows:
                await self._write_some()

    async def _write_some(self) -> None:
        batch = [self._rows.popleft() for _ in range(min(BATCH_LIMIT, len(self._rows)))]
        try:
            async with asyncio.timeout(WRITE_WITHIN_S):
                results = await self._out.write(batch)
        except Exception as error:  # noqa: BLE001 (whatever it was: the rows are safe elsewhere, or counted)
            kept = await self._set_aside(batch)
            self._say_not_written(error, kept=kept)
            return
        except asyncio.CancelledError:
            # For `drain`; a row that was written all the same is a duplicate then.
            self._rows.extendleft(reversed(batch))
            raise
        if self._not_written:
            self._not_written = False
            log.info("access_log_written_again")
        for result in results.values():
            self._out.count(result, 1)
        self._note(row["hold_id"] for row in batch if _can_close(row, results))
        await self._say_what_was_lost()

    def _note(self, holds: Iterable[str]) -> None:
        self._untold.update(holds)
        if len(self._untold) > UNTOLD_LIMIT:  # the sweep finds them
            self._untold.clear()
        if self._untold:
            self._untold_came.set()

    async def _tell_loop(self) -> None:
        """Apart from writing: closing holds takes longer than keeping rows."""
        while True:
            await self._untold_came.wait()
            self._untold_came.clear()
            holds, self._untold = self._untold, set()
            try:
                await self._out.tell(holds)
            except Exception as error:  # noqa: BLE001 (the rows are kept: the sweep closes these holds)
                log.warning("access_log_not_told", error=type(error).__name__)

    def _say_not_written(self, error: Exception, *, kept: bool) -> None:
        """Once for each outage: batches come several times a second, and most are kept."""
        if not self._not_written:
            log.warning("access_log_not_written", error=type(error).__name__, kept=kept)
        self._not_written = True

    async def _set_aside(self, rows: Sequence[Row]) -> bool:
        """Whether the spool has them; what it has not is counted."""
        kept = False
        if self._out.keep is not None:
            try:
                kept = await self._out.keep("access", list(rows))
            except Exception as error:  # noqa: BLE001 (a full disk must not end the streams)
                log.warning("access_log_not_spooled", error=type(error).__name__)
        self._out.count("spooled" if kept else "lost", len(rows))
        if not kept:
            self._lost += len(rows)
        return kept

    async def _say_what_was_lost(self) -> None:
        """Once the ledger is there again, since the alarm is a row in it."""
        if not self._lost:
            return
        lost, self._lost = self._lost, 0
        try:
            await self._out.alarm("access_log_lost", "accounting", {"entries": lost})
        except Exception as error:  # noqa: BLE001 (said with the next batch)
            self._lost += lost
            log.warning("alarm_not_raised", error=type(error).__name__)


def _can_close(row: Row, results: Mapping[str, str]) -> bool:
    body = row["body"]
    ended = body["stage"] == "end" and not body["upstream"]
    return ended and results.get(row["id"]) == RECORDED
