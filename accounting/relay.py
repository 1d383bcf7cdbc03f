"""Writes every change of an account to the mirror in Redis, from the history that Postgres keeps.

The cursor is in memory: each start, each loss of Redis begins with all accounts. Nothing waits for this:
while Redis is away the mirror grows old, while Postgres is away it stands still and is read.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import asyncpg
import structlog

from accounting.metrics import MIRROR_LAG, MIRRORED
from credit import ledger
from credit.mirror import TTL_S, Mirror

EVERY_S: Final = 0.25
PAGE: Final = 500
PAGE_WITHIN_S: Final = 10.0
LONGEST_PAUSE_S: Final = 10.0
# Before what was written at the last load expires.
RELOAD_EVERY_S: Final = TTL_S / 3

log = structlog.get_logger()

Query = Callable[..., Awaitable[Sequence[Mapping[str, Any]]]]


class Relay:
    """Follows the ledger. `run` never ends; any failure is logged once, and retried for ever."""

    def __init__(
        self, query: Query, mirror: Mirror, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`query` runs a named read of the ledger."""
        self._query = query
        self._mirror = mirror
        self._clock = clock
        self._cursor: str | None = None  # None: load everything
        self._loaded_s = 0.0
        self._whole_s = clock()
        self._failures = 0

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                await self.round()
                self._say(None)
            except Exception as error:  # noqa: BLE001 (the mirror grows old meanwhile, which the metric shows)
                self._say(error)
            MIRROR_LAG.set(self._clock() - self._whole_s)
            await asyncio.sleep(min(LONGEST_PAUSE_S, EVERY_S * 2 ** min(self._failures, 8)))

    async def round(self) -> None:
        """Bring the mirror to the ledger's present; raises what either store raises."""
        began_s = self._clock()
        horizon = await self._horizon()
        stale = self._cursor is None or began_s - self._loaded_s > RELOAD_EVERY_S
        if stale or not await self._mirror.is_whole():
            self._cursor = None
            await self._copy("list_mirrored")
            await self._mirror.mark_whole()
            self._loaded_s = began_s
        elif horizon != self._cursor:
            await self._copy("list_changed", since=self._cursor, horizon=horizon)
        # What this transaction id and later ones changed is read next time.
        self._cursor, self._whole_s = horizon, began_s

    async def _horizon(self) -> str:
        async with asyncio.timeout(PAGE_WITHIN_S):
            return str((await self._query("read_horizon"))[0]["horizon"])

    async def _copy(self, statement: str, **window: Any) -> None:
        after = 0
        while True:
            async with asyncio.timeout(PAGE_WITHIN_S):
                rows = await self._query(statement, after=after, page=PAGE, **window)
                await self._mirror.write(rows)
            MIRRORED.inc(len(rows))
            if len(rows) < PAGE:
                return
            after = rows[-1]["id"]

    def _say(self, error: Exception | None) -> None:
        """Log a change of state once, not each round."""
        if error is None:
            if self._failures:
                log.warning("mirror_follows")
            self._failures = 0
            return
        if not self._failures:
            log.warning("mirror_stands", error=type(error).__name__)
        self._failures += 1


def relay_of(pool: asyncpg.Pool, mirror: Mirror) -> Relay:
    """The relay from this ledger to that mirror."""

    async def query(name: str, **arguments: Any) -> Sequence[Mapping[str, Any]]:
        return [dict(row) for row in await ledger.query(pool, name, **arguments)]

    return Relay(query, mirror)
