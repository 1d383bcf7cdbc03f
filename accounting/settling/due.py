"""Settles in the background what nobody has looked at: so that whoever comes back after weeks waits for nothing.

No figure depends on it: each account is settled before anything is decided on it. But a day's plan of
somebody who was away for a month is thirty periods, and a morning's crowd of such people would wait
for each other in one batch (200 of them, 45 days: nearly all were refused; measured).
"""

import asyncio
from typing import Final

import asyncpg
import structlog

from credit import ledger

EVERY_S: Final = 30.0
# Those who call at midnight settle their own: this one comes after them.
AFTER_S: Final = 60.0
PAGE: Final = 500

log = structlog.get_logger()


async def settle_for_ever(pool: asyncpg.Pool) -> None:
    """For ever; an account that cannot be settled is said, and keeps none of the others waiting."""
    while True:
        try:
            if await settle_page(pool, AFTER_S) == PAGE:
                continue
        except Exception as error:  # noqa: BLE001 (the loop must live; the accounts stay due and are seen again)
            log.info("due_not_settled", error=type(error).__name__)
        await asyncio.sleep(EVERY_S)


async def settle_page(pool: asyncpg.Pool, after_s: float) -> int:
    """One transaction each, so that nobody's lock is held for long; how many were settled."""
    rows = await ledger.query(pool, "list_overdue", after_s=after_s, page=PAGE)
    settled = 0
    for row in rows:
        try:
            settled += await ledger.settle_due(pool, row["id"])
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            log.error("account_not_settled", account=row["id"], state=error.sqlstate)  # noqa: TRY400 (its trace says no more)
    return settled
