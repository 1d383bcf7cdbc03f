"""Translation in: a line of Envoy's JSON access log (envoy/listener.yaml), as plain values of ours."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from accounting.access.record import SAID, Entry

# A line of ours has at most some 1,200 characters: a path of 200, names, figures.
LINE_LIMIT: Final = 16_384
# By these a line is known as ours; a log may hold Envoy's own messages and other programs' lines too.
MARKS: Final = ("request_id", "route", "code", "flags")
NOTHING: Final = "-"


class UnreadableLineError(ValueError):
    """The line is a piece of a log line, or its values are of other types than Envoy writes."""


def read(line: str) -> Entry | None:
    """Translate; None for a line that is no access-log entry. Raises UnreadableLineError."""
    text = line.strip()
    if not text or text.startswith("["):  # Envoy's own messages: "[2026-11-23 03:00:00.000][…"
        return None
    fields = _object(text)
    if not all(mark in fields for mark in MARKS):
        return None
    try:
        return _entry(fields)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnreadableLineError(f"a value is no {type(error).__name__}") from None


def _object(text: str) -> Mapping[str, Any]:
    if len(text) > LINE_LIMIT:
        raise UnreadableLineError("too long")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableLineError("not JSON") from None
    if not isinstance(fields, dict):
        raise UnreadableLineError("not a JSON object")
    return fields


def _entry(fields: Mapping[str, Any]) -> Entry:
    duration_ms = _number(fields, "duration_ms") or 0
    return Entry(
        request_id=_text(fields, "request_id"),
        stage="end",  # a line is written when a request ended
        route=_text(fields, "route"),
        code=_number(fields, "code") or None,
        details=_text(fields, "details"),
        flags=tuple(_text(fields, "flags").split(",")),
        bytes_received=_number(fields, "bytes_received") or 0,
        bytes_sent=_number(fields, "bytes_sent") or 0,
        duration_ms=duration_ms,
        first_byte_ms=_number(fields, "first_byte_ms"),
        upstream=_number(fields, "added_us") is not None,
        content_type=_text(fields, "content_type"),
        said={name: _text(fields, name) for name in SAID},
        at_ms=_began_ms(_text(fields, "time")) + duration_ms,
    )


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None or value == NOTHING:
        return ""
    if not isinstance(value, str):
        raise TypeError(name)
    return value


def _number(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if value is None or value == NOTHING:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(name)
    return value


def _began_ms(text: str) -> int:
    """Milliseconds of an ISO time with zone; exact, since a float of a time of today is not."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000
