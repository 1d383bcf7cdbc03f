"""Runs the named statements of the administrator's SQL files."""

from importlib.resources import files
from typing import Any

import aiosql
import asyncpg

_FILES = (
    "admin.sql",
    "admins.sql",
    "plans.sql",
    "prices.sql",
    "settings.sql",
    "notices.sql",
    "usage.sql",
    "people.sql",
    "purchases.sql",
    "requests.sql",
    "sign_in.sql",
    "person.sql",
    "corrections.sql",
)
_STATEMENTS = aiosql.from_str(
    "\n\n".join((files("accounting") / "sql" / name).read_text("utf-8") for name in _FILES),
    "asyncpg",
    mandatory_parameters=False,
)

Source = asyncpg.Pool | asyncpg.Connection | asyncpg.pool.PoolConnectionProxy


async def rows(source: Source, name: str, /, **arguments: Any) -> list[asyncpg.Record]:
    """All rows of a statement; errors of the driver pass through."""
    return [row async for row in getattr(_STATEMENTS, name)(source, **arguments)]


async def row(source: Source, name: str, /, **arguments: Any) -> asyncpg.Record | None:
    """The one row of a statement, or None."""
    found: asyncpg.Record | None = await getattr(_STATEMENTS, name)(source, **arguments)
    return found


async def run(source: Source, name: str, /, **arguments: Any) -> None:
    """A statement without a result."""
    await getattr(_STATEMENTS, name)(source, **arguments)


def available() -> dict[str, str]:
    """Every statement as Postgres gets it, by name."""
    names = [name for name in _STATEMENTS.available_queries if not name.endswith("_cursor")]
    return {name: getattr(_STATEMENTS, name).sql for name in names}
