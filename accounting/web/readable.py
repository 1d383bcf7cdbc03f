"""What a JSON document says, field by field, for people: amounts with their unit, no braces."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from credit.money import exact_usd

LIMIT: Final = 300
NANOS: Final = "_nanos"
MOMENT: Final = "_ms"
LATEST_MS: Final = 253_402_300_799_000
EMPTY: Final[tuple[object, ...]] = (None, "", [], {})


def fields(document: str, *, aside: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    """(name, value) of each field that says something; `aside`: those that stand elsewhere."""
    found: Any = json.loads(document or "{}")
    if not isinstance(found, Mapping):
        return [("", plain(found)[:LIMIT])]
    return [(name, value[:LIMIT]) for name, value in _fields(found) if name not in aside]


def leaves(document: str, *, aside: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    """The same with what is inside of inner documents, by its own name."""
    return [
        (name, value[:LIMIT])
        for name, value in _leaves(json.loads(document or "{}"))
        if name not in aside
    ]


def _leaves(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in found.items():
        if isinstance(value, Mapping):
            yield from _leaves(value)
        else:
            yield from _fields({name: value})


def plain(value: Any) -> str:
    """A value in a line; an inner document as `name: value; ...`."""
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {inner}" for name, inner in _fields(value))
    if isinstance(value, list):
        return ", ".join(plain(each) for each in value)
    if isinstance(value, bool):
        return "✓" if value else "✗"
    return str(value)


def _fields(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in found.items():
        if value in EMPTY:
            continue
        # JSON of protobuf writes an int64 as a text.
        number = int(value) if str(value)[:20].lstrip("-").isdecimal() else None
        if name.endswith(NANOS) and number is not None:
            yield name.removesuffix(NANOS).replace("_", " "), exact_usd(number)
        elif name.endswith(MOMENT) and number is not None and 0 <= number <= LATEST_MS:
            at = datetime.fromtimestamp(number / 1000, UTC)
            yield name.removesuffix(MOMENT).replace("_", " "), f"{at:%Y-%m-%d %H:%M} UTC"
        else:
            yield name.replace("_", " "), plain(value)
