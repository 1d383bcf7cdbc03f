"""One entry of Envoy's access log as the row that the ledger keeps.

Two sources say the same: Envoy's stream (access_entry.py) and its JSON lines (access_file.py). Both become
an `Entry`, and only what is allowed here goes on: no path, no query, no address, no text of a request.
"""

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from credit.flat import FLAT_NAMES

# Names of the routes in envoy/routes.yaml on which calls are held for; a test compares them.
METERED_ROUTES: Final = frozenset({"chat", "responses", "embeddings"}) | FLAT_NAMES
SAID: Final = ("decision", "reason", "mode", "client", "account")
STAGES: Final = frozenset({"end", "progress"})
FLAG: Final = re.compile(r"[A-Z]{1,8}")
WORD: Final = re.compile(r"[\w.:-]{1,128}", re.ASCII)
DETAILS_LIMIT: Final = 64
COUNT_LIMIT: Final = 2**53
# The answer to somebody of whom the ledger may know all the same: it was asked, its answer was lost.
UNSURE: Final = "enforcement_unavailable"

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """What either source says of one request. `said` are texts of authz's dynamic metadata.

    `upstream`: at least the first byte of the request went to LiteLLM; a chosen host is not enough, since
    Envoy names it after a refused connection too (measured).
    """

    request_id: str
    stage: str
    route: str
    code: int | None
    details: str
    flags: tuple[str, ...]
    bytes_received: int
    bytes_sent: int
    duration_ms: int
    first_byte_ms: int | None
    upstream: bool
    content_type: str
    said: Mapping[str, str]
    at_ms: int


def row(entry: Entry) -> Row | None:
    """The row for `ledger.access_batch`, or None for an entry that is only counted.

    That is: another route, no request id, an answer of authz in a model's place, or a refusal of authz,
    which moved nothing. One refusal is kept: where the ledger did not answer in time, it may have placed
    the hold all the same.
    """
    hold_id = _uuid_text(entry.request_id)
    if not hold_id or entry.route not in METERED_ROUTES or entry.stage not in STAGES:
        return None
    said = {name: _word(entry.said.get(name, "")) for name in SAID}
    if said["decision"] == "answer":
        return None
    if said["decision"] == "refuse" and said["reason"] != UNSURE:
        return None
    body = {
        "stage": entry.stage,
        "code": None if entry.code is None else _count(entry.code),
        "details": _word(entry.details.partition("{")[0])[:DETAILS_LIMIT],
        "flags": sorted(flag for flag in entry.flags if FLAG.fullmatch(flag)),
        "bytes_received": _count(entry.bytes_received),
        "bytes_sent": _count(entry.bytes_sent),
        "duration_ms": _count(entry.duration_ms),
        "upstream": entry.upstream,
        "first_byte_ms": None if entry.first_byte_ms is None else _count(entry.first_byte_ms),
        "content_type": _content(entry.content_type),
        "route": entry.route,
        **said,
    }
    return {
        "id": record_id(hold_id, entry.stage),
        "hold_id": hold_id,
        "body": body,
        "at_ms": _count(entry.at_ms),
    }


def record_id(hold_id: str, stage: str) -> str:
    """The same for both sources, so that a replayed file finds what the stream brought."""
    return hashlib.sha256(f"access:{hold_id}:{stage}".encode()).hexdigest()[:32]


def _uuid_text(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return ""


def _word(text: str) -> str:
    return text if WORD.fullmatch(text) else ""


def _count(number: int) -> int:
    return min(max(number, 0), COUNT_LIMIT)


def _content(content_type: str) -> str | None:
    kind = content_type.partition(";")[0].strip().lower()
    return {"text/event-stream": "stream", "application/json": "json"}.get(kind)
