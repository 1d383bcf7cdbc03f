"""Exceptions: what a person should look at, and what came of it."""

import json
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from accounting.admin import fields, page_token, statements
from accounting.admin.errors import ConflictError, NotFoundError
from accounting.oddities import KINDS

NEWEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Oddity:
    """One exception; `resolved_at` None: nobody has looked at it yet."""

    id: int
    kind: str
    subject: str
    detail_json: str
    recorded_at: datetime
    resolved_at: datetime | None
    resolved_by: str
    resolution: str


async def list_page(
    pool: asyncpg.Pool, kind: str, page_size: int, token: str, *, resolved: bool
) -> tuple[list[Oddity], str]:
    """One page, the newest first, and the token of the next; `kind` empty: of all kinds."""
    size = fields.page_size("page_size", page_size)
    wanted = fields.choice("kind", kind.strip(), KINDS) if kind.strip() else ""
    scope = f"exceptions:{wanted}:{resolved}"
    below = page_token.decode("page_token", token, scope, int)[0] if token else NEWEST
    found = await statements.rows(
        pool, "list_exceptions", below=below, kind=wanted, resolved=resolved, page_size=size + 1
    )
    shown = [_oddity(row) for row in found[:size]]
    return shown, page_token.encode(scope, shown[-1].id) if len(found) > size else ""


async def resolve(pool: asyncpg.Pool, exception_id: int, change: fields.Change) -> Oddity:
    """Say what came of an exception, once; NotFoundError, ConflictError where somebody has said it."""
    row = await statements.row(
        pool, "resolve_exception", id=exception_id, actor=change.actor, reason=change.reason
    )
    if row is not None:
        return _oddity(row)
    known = await statements.row(pool, "find_exception", id=exception_id)
    if known is None:
        raise NotFoundError(f"there is no exception {exception_id}")
    who, said = known["resolved_by"], known["resolution"]
    raise ConflictError(f"exception {exception_id} is resolved already, by {who}: {said}")


def _oddity(row: asyncpg.Record) -> Oddity:
    return Oddity(
        row["id"],
        row["kind"],
        row["subject"],
        json.dumps(row["detail"], ensure_ascii=False, sort_keys=True),
        row["recorded_at"],
        row["resolved_at"],
        row["resolved_by"] or "",
        row["resolution"] or "",
    )
