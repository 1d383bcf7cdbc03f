"""Looks whether what the database itself refuses is still switched on, as it was defined.

The definitions are a data file beside this module; after a migration that changes a guard,
`python -m accounting.audit.guards URL` writes it anew from a freshly migrated database.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import asyncpg

from accounting.audit import statements
from accounting.audit.invariants import GUARDS
from accounting.audit.report import Finding, Violation

BOOK = Path(__file__).with_name("guards.json")
# Of the migration library, which makes and drops what it needs.
_FOREIGN = ("yoyo",)


@cache
def expected_guards() -> Mapping[str, str]:
    """Definition by name, as of this release."""
    book: dict[str, str] = json.loads(BOOK.read_text(encoding="utf-8"))
    return book


async def read_guards(connection: statements.Connection, bound_s: float) -> dict[str, str]:
    """Definition by name, as the database has them now."""
    found = await statements.rows(connection, "list_guards", bound_s)
    return {
        row["name"]: row["definition"]
        for row in found
        if not any(word in row["name"] for word in _FOREIGN)
    }


async def check_guards(connection: statements.Connection, bound_s: float) -> Finding:
    """Every guard of this release; more guards than those are welcome."""
    found = await read_guards(connection, bound_s)
    violations = [
        Violation(GUARDS, None, name, _problem(definition, found.get(name)))
        for name, definition in expected_guards().items()
        if found.get(name) != definition
    ]
    return Finding(len(expected_guards()), tuple(violations))


def _problem(expected: str, found: str | None) -> str:
    if found is None:
        return "is gone"
    if found in {"switched off", f"{expected} (switched off)"}:
        return "is switched off"
    return f"was changed to: {' '.join(found.split())[:300]}"


async def _write(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        found = await read_guards(connection, 10.0)
    finally:
        await connection.close()
    BOOK.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_write(sys.argv[1]))
