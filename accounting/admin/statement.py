"""The statement of an account: its transfers, newest first, page by page."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from accounting.admin import fields, page_token, statements
from accounting.admin.accounts import Account, Name, read

NEWEST = 2**63 - 1  # above every transfer id


@dataclass(frozen=True, slots=True)
class Entry:
    """One transfer as this account sees it: `amount_nanos` > 0 came in, < 0 went out."""

    transfer_id: int
    kind: str
    amount_nanos: int
    hold_id: str
    model: str
    reason: str
    actor: str
    event_at: datetime
    recorded_at: datetime
    reverses: int
    person: Name | None = None  # whose call it was, where another account pays


async def list_page(
    pool: asyncpg.Pool, name: Name, page_size: int, token: str
) -> tuple[Account, list[Entry], str]:
    """The account, one page of entries, and the token of the next page (empty: there is none).

    Pages go by transfer id, so entries that arrive meanwhile neither repeat nor hide one.
    """
    account = await read(pool, name)
    return account, *await list_entries(pool, account.id, page_size, token)


async def list_entries(
    pool: asyncpg.Pool, account_id: int, page_size: int, token: str
) -> tuple[list[Entry], str]:
    """One page of the entries of an account, whatever its kind."""
    size = fields.page_size("page_size", page_size)
    scope = f"statement:{account_id}"
    below = page_token.decode("page_token", token, scope, int)[0] if token else NEWEST
    found = await statements.rows(
        pool, "list_statement", account_id=account_id, below=below, page_size=size + 1
    )
    entries = [_entry(row) for row in found[:size]]
    more = len(found) > size
    return entries, page_token.encode(scope, entries[-1].transfer_id) if more else ""


def _entry(row: asyncpg.Record) -> Entry:
    return Entry(
        transfer_id=row["id"],
        kind=row["kind"],
        amount_nanos=row["amount"],
        hold_id=str(row["hold_id"] or ""),
        model=row["model"] or "",
        reason=row["reason"] or "",
        actor=row["actor"],
        event_at=row["event_at"],
        recorded_at=row["recorded_at"],
        reverses=row["reverses"] or 0,
        person=Name(row["person_client"], row["person"]) if row["person_client"] else None,
    )
