"""Connects as soon as Postgres is there: a process that starts in an outage waits for its end."""

import asyncio
from typing import Final

import structlog

from credit.away import is_away
from credit.pool import Pool, connect

RETRY_S: Final = 0.5

log = structlog.get_logger()


async def connect_when_there(url: str, *, min_size: int, max_size: int, role: str) -> Pool:
    """A pool; waits for ever. Raises asyncpg.PostgresError when Postgres is there and refuses us."""
    while True:
        try:
            return await connect(url, min_size=min_size, max_size=max_size, role=role)
        except Exception as error:
            if not is_away(error):
                raise
            log.warning("ledger_away", error=type(error).__name__)
            await asyncio.sleep(RETRY_S)
