"""Open holds: what is reserved now, for how long, why."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg

from accounting.admin import fields, page_token, statements
from accounting.admin.accounts import Name, read

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOWEST_ID = "00000000-0000-0000-0000-000000000000"
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Hold:
    """An open hold; it closes by itself at `frees_at` at the latest."""

    hold_id: str
    account: Name
    model: str
    amount_nanos: int
    age_s: int
    reason: str
    frees_at: datetime


async def list_page(
    pool: asyncpg.Pool, name: Name, page_size: int, token: str
) -> tuple[list[Hold], str]:
    """One page of open holds, the next to free first, and the token of the next page.

    `name.client` empty: those of all accounts.
    """
    size = fields.page_size("page_size", page_size)
    account_id = (await read(pool, name)).id if name.client else None
    scope = f"holds:{account_id or 'all'}"
    after_us, after_id = _place(token, scope)
    found = await statements.rows(
        pool,
        "list_holds",
        account_id=account_id,
        after_at=_EPOCH + after_us * _MICROSECOND,
        after_id=after_id,
        page_size=size + 1,
    )
    holds = [_hold(row) for row in found[:size]]
    if len(found) <= size:
        return holds, ""
    last = holds[-1]
    return holds, page_token.encode(scope, (last.frees_at - _EPOCH) // _MICROSECOND, last.hold_id)


def open_reason(kinds: Collection[str]) -> str:
    """Why a hold is still open, from the kinds of records seen (protocol.md 6, "Close")."""
    if not kinds:
        return "report_missing"
    if "end" not in kinds:
        return "end_missing" if "cost" in kinds else "in_flight"
    return "closing" if "cost" in kinds else "cost_missing"


def _place(token: str, scope: str) -> tuple[int, str]:
    if not token:
        return 0, _LOWEST_ID
    after_us, after_id = page_token.decode("page_token", token, scope, int, str)
    return int(after_us), fields.hold_id("page_token", str(after_id))


def _hold(row: asyncpg.Record) -> Hold:
    return Hold(
        hold_id=str(row["hold_id"]),
        account=Name(row["client_id"] or "", row["external_id"] or ""),
        model=row["model"],
        amount_nanos=row["amount"],
        age_s=max(row["age_s"], 0),
        reason=open_reason(row["records"]),
        frees_at=row["deadline_at"],
    )
