"""Asks accounting for more credit for one hold, when the body needs more than the grant."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

EXTEND_TIMEOUT_S = 0.3
OK = 200

PostAsync = Callable[[bytes], Awaitable[tuple[int, bytes]]]


@dataclass(frozen=True)
class Extended:
    """The hold now covers `granted_nanos` in all."""

    granted_nanos: int


@dataclass(frozen=True)
class Denied:
    """The ledger says no; `error` is what the client is told, rendered by accounting."""

    reason: str
    error: Mapping[str, Any]


class ExtendUnansweredError(Exception):
    """Accounting did not answer in time, or not in a way that we understand."""


async def extend(
    post: PostAsync, hold: str, want_nanos: int, least_nanos: int
) -> Extended | Denied:
    """Ask for totals, not increments: asking twice is the same. Raises ExtendUnansweredError."""
    body = json.dumps(
        {"hold": hold, "want_total_nanos": want_nanos, "min_total_nanos": least_nanos}
    ).encode()
    try:
        status, answer = await asyncio.wait_for(post(body), EXTEND_TIMEOUT_S)
    except (TimeoutError, OSError) as error:
        raise ExtendUnansweredError(type(error).__name__) from error
    if status != OK:
        raise ExtendUnansweredError(f"status {status}")
    return _read(answer)


def _read(answer: bytes) -> Extended | Denied:
    try:
        read = json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise ExtendUnansweredError("no JSON") from error
    match read:
        case {"result": "extended", "granted_nanos": int(granted)} if granted >= 0:
            return Extended(granted)
        case {"result": "refused", "reason": str(reason), "error": {"error": {**inner}}}:
            return Denied(reason, {"error": inner})
        case _:
            raise ExtendUnansweredError("an unknown answer")
