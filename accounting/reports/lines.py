"""A line of the readiness report: a finding, whether it blocks, the command that mends it."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Final

import asyncpg

Row = Mapping[str, Any] | asyncpg.Record

# Names in a finding; the rest is a number.
NAMED: Final = 3
WHY: Final = "--reason 'before enforcement'"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing; `blocks`: enforcement waits for it. `command` is empty where nothing is to be mended."""

    name: str
    finding: str
    command: str = ""
    _: KW_ONLY
    ready: bool = False
    blocks: bool = True


def counted(count: int, one: str, many: str) -> str:
    """`1 person`, `2 people`."""
    return f"{count} {one if count == 1 else many}"


def some(names: Iterable[str]) -> str:
    """The first few, and how many more."""
    found = list(dict.fromkeys(names))
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return ", ".join(found[:NAMED]) + more


def person(row: Row) -> str:
    """Whose it is, for people."""
    return f"{row['client_id']} / {row['external_id'] or '(own account)'}"


def words(row: Row) -> str:
    """Whose it is, as the commands take it."""
    return f"{row['client_id']} {shlex.quote(row['external_id'] or '-')}"
