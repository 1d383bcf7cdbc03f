"""Runs the named statements of sql/reports.sql."""

from importlib.resources import files
from typing import Any

import aiosql
import asyncpg

# Seconds: a report looks at days, an administrator waits for it.
BOUND_S = 30.0

_STATEMENTS = aiosql.from_str(
    (files("accounting") / "sql" / "reports.sql").read_text(encoding="utf-8"),
    "asyncpg",
    mandatory_parameters=False,
)

Source = asyncpg.Pool | asyncpg.Connection | asyncpg.pool.PoolConnectionProxy


async def rows(source: Source, name: str, /, **arguments: Any) -> list[Any]:
    """All rows of a statement; errors of the driver pass through."""
    return [row async for row in getattr(_STATEMENTS, name)(source, **arguments)]


async def row(source: Source, name: str, /, **arguments: Any) -> Any:
    """The one row of a statement, or None."""
    return await getattr(_STATEMENTS, name)(source, **arguments)


def available() -> dict[str, str]:
    """Every statement as Postgres gets it, by name."""
    names = [name for name in _STATEMENTS.available_queries if not name.endswith("_cursor")]
    return {name: getattr(_STATEMENTS, name).sql for name in names}
