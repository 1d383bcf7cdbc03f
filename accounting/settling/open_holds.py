"""Shows how much is reserved right now, for whoever watches the metrics."""

import asyncio
from typing import Final

import asyncpg
import structlog

from accounting.metrics import HELD_NANOS, OPEN_HOLDS
from credit import ledger

EVERY_S: Final = 10.0

log = structlog.get_logger()


async def count_for_ever(pool: asyncpg.Pool) -> None:
    """Count the working set each few seconds; while Postgres is away the last figures stand."""
    while True:
        try:
            await count_once(pool)
        except Exception as error:  # noqa: BLE001 (a metric that stands still harms nobody)
            log.info("open_holds_not_counted", error=type(error).__name__)
        await asyncio.sleep(EVERY_S)


async def count_once(pool: asyncpg.Pool) -> None:
    """One look; raises what the driver raises."""
    row = (await ledger.query(pool, "count_open"))[0]
    OPEN_HOLDS.set(row["holds"])
    HELD_NANOS.set(row["nanos"])
