"""Lets accounts follow what lists say of their people.

Each in a transaction of its own: a list of thousands would else hold thousands of accounts until its end, and
everybody's chat with them (300 people who move: 0.7 s, more than the door waits; measured).
"""

import asyncio
from typing import Final

import asyncpg
import structlog

from accounting.admin import statements

EVERY_S: Final = 30.0

log = structlog.get_logger()


async def follow_for_ever(pool: asyncpg.Pool) -> None:
    """What an import that was interrupted left behind."""
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            await follow(pool)
        except Exception as error:  # noqa: BLE001 (the loop must live; what is behind is seen again)
            log.info("people_not_followed", error=type(error).__name__)


async def follow(pool: asyncpg.Pool) -> None:
    """Furnish every account that is behind, bind every guest who is a person now; what fails is tried again."""
    for row in await statements.rows(pool, "list_behind"):
        await _try(pool, "furnish_person", person_id=row["person_id"])
    for row in await statements.rows(pool, "list_expected"):
        await _try(pool, "attach_person", **dict(row))


async def _try(pool: asyncpg.Pool, name: str, **who: str | int) -> None:
    try:
        await statements.row(pool, name, **who)
    except (asyncpg.PostgresError, TimeoutError) as error:
        log.warning("person_not_followed", person=who["person_id"], error=type(error).__name__)
