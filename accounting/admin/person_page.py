"""What a person sees on their own page, read from the ledger; amounts in nano-USD."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from accounting.admin import fields, requests, settings, statements
from accounting.admin.errors import ConflictError, NotFoundError
from accounting.admin.request_rules import Standing
from accounting.admin.visitors import Visitor

CALLS_SHOWN: Final = 20
REFUSALS_SHOWN: Final = 10
REQUESTS_SHOWN: Final = 5
# As the free model: of today's calls so many are added up, of the newest so many looked at for a refusal.
CALLS_LIMIT: Final = 5_000
CALLS_LOOKED_AT: Final = 200
DISPUTES_A_DAY: Final = 10
# The audit names an account by its number; the person's words stand nowhere in it.
ACTOR: Final = "the person"
ON_PAGE: Final = "on the person's own page"

Row = asyncpg.Record


@dataclass(frozen=True, slots=True)
class Page:
    """`balance`, `calls`, `refusals`: rows of their statements; `settings` None: of a service."""

    visitor: Visitor
    balance: Row
    calls: Sequence[Row]
    refusals: Sequence[Row]
    requests: Sequence[requests.Request]
    terms: Standing
    settings: settings.Settings | None


async def read(pool: asyncpg.Pool, visitor: Visitor) -> Page:
    """All of it; nobody else's."""
    account = visitor.account_id
    balance = await statements.row(pool, "read_own_balance", account_id=account, calls=CALLS_LIMIT)
    assert balance is not None, "an account is never deleted"
    asked, _ = await requests.list_page(
        pool, name=visitor.name, pool_ids=None, waiting=False, page_size=REQUESTS_SHOWN, token=""
    )
    # Only of one request who has it is read.
    asked = [
        await requests.find(pool, each.id) if each.state == "requested" else each for each in asked
    ]
    return Page(
        visitor,
        balance,
        await statements.rows(pool, "list_own_calls", account_id=account, page_size=CALLS_SHOWN),
        await _refusals(pool, account, None),
        asked,
        await requests.read_terms(pool, visitor.name),
        await settings.read(pool, visitor.name) if visitor.kind == "user" else None,
    )


async def dispute(pool: asyncpg.Pool, visitor: Visitor, refusal: str, words: str) -> Row:
    """Call a refusal wrong, once; the second time it is as it was. NotFoundError for any that is not their own."""
    said = requests.read_words("words", words)
    found = await _refusals(pool, visitor.account_id, fields.hold_id("refusal", refusal))
    if not found:
        raise NotFoundError("there is no such refusal")
    if found[0]["disputed"]:
        return found[0]
    counted = await statements.row(pool, "count_disputes", account_id=visitor.account_id)
    if counted is not None and counted["number"] >= DISPUTES_A_DAY:
        raise ConflictError(f"{DISPUTES_A_DAY} refusals a day are looked at: please ask somebody")
    await statements.row(
        pool, "dispute_refusal", hold_id=found[0]["hold_id"], account_id=visitor.account_id,
        words=said, actor=ACTOR, reason=ON_PAGE,
    )  # fmt: skip
    return (await _refusals(pool, visitor.account_id, str(found[0]["hold_id"])))[0]


async def _refusals(pool: asyncpg.Pool, account_id: int, hold_id: str | None) -> Sequence[Row]:
    return await statements.rows(
        pool, "list_own_refusals", account_id=account_id, hold_id=hold_id,
        page_size=REFUSALS_SHOWN, calls=CALLS_LOOKED_AT,
    )  # fmt: skip
