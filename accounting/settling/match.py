"""The match: whether the hold, Envoy's access log and the callback tell of the same calls.

protocol.md 6, "Match". It debits nothing and closes nothing: the closing rules (outcome.py) do, hold by
hold. Here the calls of the last hour are counted by who told of them, and what is wrong is said. Running
it in two processes says everything once: each exception has a key, each alarm a time within which it stands.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any, Final

import aiosql
import asyncpg
import structlog

from accounting.alarm import raise_once
from accounting.metrics import MATCH_CALLS, MATCH_RATE, OLDEST_UNMATCHED
from accounting.settling.settle import Settler

ROUND_EVERY_S: Final = 5.0
# The second witness may be a little late; a report of a request that nobody held for, later.
WITNESS_AFTER = timedelta(seconds=30)
REPORT_AFTER = timedelta(seconds=180)
HOUR = timedelta(hours=1)
SLICE = timedelta(minutes=1)  # bounds each question, also when an hour is to be caught up
# Alarms: one missing entry in a thousand calls; a minute without any while calls ended.
CALLS_FLOOR: Final = 1_000
MISSING_PART: Final = 1_000  # 1/1000 = 0.1 %
SILENCE_FLOOR: Final = 3
# Hold, access log, callback.
COMBINATIONS: Final = ("111", "110", "101", "100", "011", "001", "010")

log = structlog.get_logger()

STATEMENTS: Final = aiosql.from_str(
    (files("accounting") / "sql" / "match.sql").read_text(encoding="utf-8"),
    "asyncpg",
    mandatory_parameters=False,
)


@dataclass(slots=True)
class Slices:
    """A slice after the other, up to `behind` the ledger's clock."""

    behind: timedelta
    at: datetime | None = None

    def next(self, now: datetime) -> tuple[datetime, datetime] | None:
        """The next slice (after, until], or None when there is nothing to look at yet."""
        after = now - HOUR if self.at is None else self.at
        until = min(after + SLICE, now - self.behind)
        return None if until <= after else (after, until)


class Hour:
    """Calls of the last hour by combination."""

    def __init__(self) -> None:
        self._slices: deque[tuple[datetime, Counter[str]]] = deque()

    def add(self, until: datetime, calls: Counter[str]) -> None:
        """Count a slice."""
        self._slices.append((until, calls))

    def calls(self, now: datetime) -> Counter[str]:
        """The sum, without what is older than an hour."""
        while self._slices and self._slices[0][0] <= now - HOUR - WITNESS_AFTER:
            self._slices.popleft()
        total: Counter[str] = Counter()
        for _, calls in self._slices:
            total.update(calls)
        return total


class Matcher:
    """Counts, and says what is wrong."""

    def __init__(self, pool: asyncpg.Pool, settler: Settler, *, expects_access: bool) -> None:
        """`expects_access`: Envoy is told to send its access log here; without it its absence is no alarm."""
        self._pool = pool
        self._settler = settler
        self._expects_access = expects_access
        self._closed = Slices(WITNESS_AFTER)
        self._lone = Slices(REPORT_AFTER)
        self._hour = Hour()

    async def run(self) -> None:
        """For ever. Errors are logged; the next round goes on where this one stopped."""
        while True:
            try:
                await self.round()
            except Exception as error:  # noqa: BLE001 (the loop must live; nothing is lost, the slice is asked for again)
                log.warning("match_failed", error=type(error).__name__)
            await asyncio.sleep(ROUND_EVERY_S)

    async def round(self) -> Mapping[str, int]:
        """Look at what has closed since the last round; the calls of the last hour by combination."""
        now: datetime = (await self._ask("read_now"))["now"]
        while (found := self._closed.next(now)) is not None:
            await self._count(*found)
            self._closed.at = found[1]
        while (found := self._lone.next(now)) is not None:
            row = await self._ask("note_unmetered", after=found[0], until=found[1])
            self._hour.add(found[1], Counter({"010": row["calls"]}))
            self._lone.at = found[1]
        calls = self._hour.calls(now)
        self._show(calls)
        if self._expects_access:
            await self._doubt_access_log(calls)
        return calls

    async def _count(self, after: datetime, until: datetime) -> None:
        calls: Counter[str] = Counter()
        unproven = 0
        rows = STATEMENTS.count_closed(self._pool, after=after, until=until)
        async for row in rows:
            name = "".join(str(int(row[witness])) for witness in ("held", "access", "callback"))
            calls[name] += row["calls"]
            unproven += row["calls"] if row["unproven"] else 0
        self._hour.add(until, calls)
        if unproven:
            # Signed by our callback, and yet no token of authz: it did not pass Envoy.
            await raise_once(self._pool, "unproven", "accounting", {"calls": unproven})

    def _show(self, calls: Mapping[str, int]) -> None:
        for name in COMBINATIONS:
            MATCH_CALLS.labels(name).set(calls.get(name, 0))
        total = sum(calls.values())
        MATCH_RATE.set(calls.get("111", 0) / total if total else 1)
        OLDEST_UNMATCHED.set(self._settler.oldest_unmatched_s)

    async def _doubt_access_log(self, calls: Mapping[str, int]) -> None:
        """Its absence changes no debit; but then a callback that fails would not be found either."""
        reported = calls.get("111", 0) + calls.get("101", 0)
        missing = calls.get("101", 0)
        if reported >= CALLS_FLOOR and missing * MISSING_PART > reported:
            detail = {"calls": reported, "missing": missing}
            await raise_once(self._pool, "access_log_incomplete", "envoy", detail)
        silence = await self._ask("read_silence")
        if silence["closed"] >= SILENCE_FLOOR and not silence["heard"]:
            await raise_once(self._pool, "access_log_silent", "envoy", {"calls": silence["closed"]})

    async def _ask(self, name: str, **arguments: Any) -> asyncpg.Record:
        row: asyncpg.Record = await getattr(STATEMENTS, name)(self._pool, **arguments)
        return row
