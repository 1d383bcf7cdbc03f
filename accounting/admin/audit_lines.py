"""The audit log: who did what to what, when, why."""

import hashlib
import json
from dataclasses import astuple, dataclass
from datetime import UTC, datetime

import asyncpg

from accounting.admin import fields, page_token, statements
from accounting.admin.errors import InvalidFieldError

NEWEST = 2**63 - 1
LATEST_MS = 253_402_300_799_000  # the end of the year 9999: no datetime lies beyond


@dataclass(frozen=True, slots=True)
class Line:
    """One write, as it was recorded with it."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail_json: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for; an empty text: whatever; moments in epoch milliseconds, until 0: now."""

    since_ms: int
    until_ms: int
    actor: str
    action: str
    subject: str


async def list_page(
    pool: asyncpg.Pool, wanted: Wanted, page_size: int, token: str
) -> tuple[list[Line], str]:
    """One page, the newest first, and the token of the next."""
    size = fields.page_size("page_size", page_size)
    asked = json.dumps(astuple(wanted))
    scope = f"audit:{hashlib.sha256(asked.encode()).hexdigest()[:16]}"
    below = page_token.decode("page_token", token, scope, int)[0] if token else NEWEST
    found = await statements.rows(
        pool, "list_audit", below=below, page_size=size + 1,
        since=_moment("since_ms", wanted.since_ms),
        until=_moment("until_ms", wanted.until_ms or LATEST_MS),
        actor=fields.optional_text("actor", wanted.actor, 254) or "",
        action=fields.optional_text("action", wanted.action, 64) or "",
        subject=fields.optional_text("subject", wanted.subject, 254) or "",
    )  # fmt: skip
    shown = [_line(row) for row in found[:size]]
    return shown, page_token.encode(scope, shown[-1].id) if len(found) > size else ""


def _moment(field: str, epoch_ms: int) -> datetime:
    if not 0 <= epoch_ms <= LATEST_MS:
        raise InvalidFieldError(field, "must be milliseconds since 1970")
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


def _line(row: asyncpg.Record) -> Line:
    detail = json.dumps(row["detail"], ensure_ascii=False, sort_keys=True)
    return Line(row["id"], row["recorded_at"], row["actor"], row["action"], row["subject"], detail)
