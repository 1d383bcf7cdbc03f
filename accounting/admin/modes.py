"""The ledger-wide enforcement mode (DESIGN 5)."""

from dataclasses import dataclass

import asyncpg

from accounting.admin import fields, statements

MODES = ("off", "shadow", "enforce", "closed")


@dataclass(frozen=True, slots=True)
class Mode:
    """The mode, with the version under which every process hears of it; `enforcing`: accounts of a cohort."""

    mode: str
    version: int
    enforcing: int = 0


async def read(pool: asyncpg.Pool) -> Mode:
    """The mode in force."""
    row = await statements.row(pool, "read_mode")
    assert row is not None, "the migration inserts both rows"
    return Mode(row["mode"], row["version"], row["enforcing"])


async def set_mode(pool: asyncpg.Pool, mode: str, change: fields.Change) -> Mode:
    """Put another mode in force; a trigger bumps the news that all replicas poll."""
    wanted = fields.choice("mode", mode, MODES)
    await statements.row(pool, "set_mode", mode=wanted, actor=change.actor, reason=change.reason)
    return await read(pool)
