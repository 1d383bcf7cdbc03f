"""Alarms: what somebody must be told, as it was raised."""

import json
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from accounting.admin import fields, page_token, statements

NEWEST = 2**63 - 1
KIND_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm; rows of it are never changed."""

    id: int
    kind: str
    subject: str
    detail_json: str
    raised_at: datetime


async def list_page(
    pool: asyncpg.Pool, kind: str, page_size: int, token: str
) -> tuple[list[Alarm], str]:
    """One page, the newest first, and the token of the next; `kind` empty: of all kinds."""
    size = fields.page_size("page_size", page_size)
    wanted = fields.optional_text("kind", kind, KIND_LIMIT) or ""
    scope = f"alarms:{wanted}"
    below = page_token.decode("page_token", token, scope, int)[0] if token else NEWEST
    found = await statements.rows(pool, "list_alarms", below=below, kind=wanted, page_size=size + 1)
    shown = [_alarm(row) for row in found[:size]]
    return shown, page_token.encode(scope, shown[-1].id) if len(found) > size else ""


def _alarm(row: asyncpg.Record) -> Alarm:
    detail = json.dumps(row["detail"], ensure_ascii=False, sort_keys=True)
    return Alarm(row["id"], row["kind"], row["subject"], detail, row["raised_at"])
