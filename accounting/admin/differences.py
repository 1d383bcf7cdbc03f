"""What differs between two messages of one type, field by field: pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from google.protobuf.message import Message

from protos.pedagio.v1 import trials_pb2 as pb

# Counters of changes and of time: they differ without anybody having asked for it.
UNTOLD: Final = frozenset({"version", "changed_at_ms", "age_s", "next_page_token", "took_ms"})
# By what an element of a list is known, where it is not by the first of NAMES.
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "Cap": ("account", "pool", "period", "own"),
    "Notice": ("id", "channel"),
}
NAMES: Final = (
    "id",
    "hold_id",
    "model_id",
    "email",
    "name",
    "client",
    "account",
    "version",
    "model",
)
NOTHING: Final = frozenset({"", "0", "false"})


def between(before: Message | None, after: Message | None) -> list[pb.Difference]:
    """In the order of the fields; None: there is nothing. What is new or gone is told without its empty fields."""
    old, new = _flat(before), _flat(after)
    return [
        pb.Difference(path=path, before=old.get(path, ""), after=new.get(path, ""))
        for path in dict.fromkeys((*old, *new))
        if _differ(old.get(path), new.get(path))
    ]


def _differ(before: str | None, after: str | None) -> bool:
    if before is None or after is None:
        return (before or after or "") not in NOTHING
    return before != after


def _flat(message: Message | None) -> dict[str, str]:
    return {} if message is None else dict(_leaves(message, ""))


def _leaves(message: Message, path: str) -> Iterator[tuple[str, str]]:
    for field in message.DESCRIPTOR.fields:
        if field.name in UNTOLD:
            continue
        value, below = getattr(message, field.name), f"{path}.{field.name}".lstrip(".")
        if field.is_repeated:
            yield from _elements(value, below)
        elif field.message_type is not None:
            if message.HasField(field.name):
                yield from _one(value, below)
        elif not field.has_presence or message.HasField(field.name):
            yield from _scalar(value, below)


def _one(value: Message, path: str) -> Iterator[tuple[str, str]]:
    name = _name(value)
    if name is None:
        yield from _leaves(value, path)
    else:
        yield path, name


def _elements(values: Iterable[Any], path: str) -> Iterator[tuple[str, str]]:
    elements = list(values)
    if not all(isinstance(each, Message) and _name(each) is None for each in elements):
        yield path, ", ".join(_name(each) or str(each) for each in elements)
        return
    for each in elements:
        yield from _leaves(each, f"{path}[{_key(each)}]")


def _scalar(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if path.endswith("_json"):
        yield from _json(json.loads(value or "{}"), path.removesuffix("_json"))
    elif isinstance(value, bool):
        yield path, "true" if value else "false"
    else:
        yield path, str(value)


def _json(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _json(below, f"{path}.{name}")
    else:
        yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _name(value: Any) -> str | None:
    """What is a name as a whole: of an account, of whoever holds credit, of a role."""
    kind = value.DESCRIPTOR.name if isinstance(value, Message) else ""
    one: Any = value
    if kind == "AccountName":
        return f"{one.client} / {one.external_id}" if one.external_id else str(one.client)
    if kind == "Holder":
        return f"pool {one.pool}" if one.pool else _name(one.account)
    if kind == "Role":
        return f"{one.role}:{one.pool}" if one.pool else str(one.role)
    return None


def _key(element: Message) -> str:
    known = {field.name for field in element.DESCRIPTOR.fields}
    names = KEYS.get(element.DESCRIPTOR.name) or [each for each in NAMES if each in known][:1]
    values = (getattr(element, name) for name in names)
    return " ".join(filter(None, (_name(each) or _plain(each) for each in values)))


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "own" if value else ""
    return "" if isinstance(value, Message) else str(value)
