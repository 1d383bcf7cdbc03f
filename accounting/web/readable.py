"""What a JSON document says, field by field, for people: amounts with their unit, no braces."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from credit.money import exact_usd

LIMIT: Final = 300
NANOS: Final = "_nanos"
EMPTY: Final[tuple[object, ...]] = (None, "", [], {})


def fields(document: str, *, aside: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    """(name, value) of each field that says something; `aside`: those that stand elsewhere."""
    found: Any = json.loads(document or "{}")
    if not isinstance(found, Mapping):
        return [("", plain(found)[:LIMIT])]
    return [(name, value[:LIMIT]) for name, value in _fields(found) if name not in aside]


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
        if name.endswith(NANOS) and str(value).lstrip("-").isdigit():
            yield name.removesuffix(NANOS).replace("_", " "), exact_usd(int(value))
        else:
            yield name.replace("_", " "), plain(value)
