"""Runs the named statements of the auditor, each with a bound of its own.

The driver's bound of a statement is made for traffic; a run over everything takes longer.
"""

from importlib.resources import files
from typing import Any

import aiosql
import asyncpg
from aiosql.adapters.asyncpg import AsyncPGAdapter

# Seconds that the driver waits longer than Postgres, so that it is Postgres that ends a statement.
GRACE_S = 5.0

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy

_ADAPTER: Any = AsyncPGAdapter()  # type: ignore[no-untyped-call]
_FILES = ("audit.sql", "auditor.sql", "seal.sql")
_STATEMENTS = aiosql.from_str(
    "\n\n".join((files("accounting") / "sql" / name).read_text("utf-8") for name in _FILES),
    lambda *_: _ADAPTER,
    mandatory_parameters=False,
)


async def rows(connection: Connection, name: str, bound_s: float, /, **arguments: Any) -> list[Any]:
    """All rows of a statement; it takes of the arguments those that it names."""
    sql, values = _prepared(name, arguments)
    found: list[Any] = await connection.fetch(sql, *values, timeout=bound_s + GRACE_S)
    return found


async def first_rows(
    connection: Connection, name: str, bound_s: float, limit: int, /, **arguments: Any
) -> list[Any]:
    """At most so many rows of a statement, inside a transaction."""
    sql, values = _prepared(name, arguments)
    timeout = bound_s + GRACE_S
    cursor = await connection.cursor(sql, *values, timeout=timeout)
    found: list[Any] = await cursor.fetch(limit, timeout=timeout)
    return found


async def row(connection: Connection, name: str, bound_s: float, /, **arguments: Any) -> Any:
    """The one row of a statement that has one."""
    (found,) = await rows(connection, name, bound_s, **arguments)
    return found


def available() -> dict[str, str]:
    """Every statement as Postgres gets it, by name."""
    names = [name for name in _STATEMENTS.available_queries if not name.endswith("_cursor")]
    return {name: getattr(_STATEMENTS, name).sql for name in names}


def _prepared(name: str, arguments: dict[str, Any]) -> tuple[str, list[Any]]:
    return getattr(_STATEMENTS, name).sql, _ADAPTER.maybe_order_params(name, arguments)
