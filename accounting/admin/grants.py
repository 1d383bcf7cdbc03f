"""What an account's credit is made of: given, in which order it burns, taken back, what comes next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from accounting.admin import accounts, corrections, fields, plans, purchases, statements
from accounting.admin.errors import ConflictError, InvalidFieldError, NotFoundError
from accounting.admin.holder import Holder

SOURCES = ("purchase", "request", "goodwill", "correction")


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant; amounts in nano-USD; `valid_until` None: it never ends."""

    id: int
    source: str
    state: str
    amount_nanos: int
    remaining_nanos: int
    priority: int
    valid_from: datetime
    valid_until: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Credit:
    """Figures in nano-USD, grants in burn order, the allowance that comes next."""

    posted_nanos: int
    held_nanos: int
    overdraft_nanos: int
    plan: str
    next_at: datetime | None
    next_nanos: int
    grants: Sequence[Grant]


@dataclass(frozen=True, slots=True)
class Gift:
    """What to give; times in epoch milliseconds, 0: now, or never."""

    amount_nanos: int
    source: str
    priority: int
    valid_from_ms: int
    valid_until_ms: int
    request_id: str
    purchase: int = 0  # which backs it; 0: none
    corrects: str = ""  # the hold whose debit it gives back


async def read(pool: asyncpg.Pool, account_id: int) -> Credit:
    """The credit of an account that was brought to the present."""
    row = await statements.row(pool, "read_credit", account_id=account_id)
    assert row is not None, "an account is never deleted"
    grants = [
        Grant(
            g["id"], g["source"], g["state"], g["amount"], g["remaining"], g["priority"],
            g["valid_from"], g["valid_until"], g["reason"],
        )
        for g in await statements.rows(pool, "list_grants", account_id=account_id)
    ]  # fmt: skip
    return Credit(
        row["posted"], row["held"], row["overdraft"], row["plan"], row["plan_ends_at"],
        row["allowance"] if row["plan_ends_at"] else 0, grants,
    )  # fmt: skip


async def give(pool: asyncpg.Pool, account_id: int, gift: Gift, change: fields.Change) -> bool:
    """Give credit once per request id; whether an earlier request with that id had given it.

    Raises ConflictError when the id was used for something else.
    """
    amount = fields.amount("amount_nanos", gift.amount_nanos)
    corrects = corrections.read_hold(gift.corrects, gift.source)
    usual = "purchase" if gift.purchase else corrections.SOURCE if corrects else "goodwill"
    source = fields.choice("source", gift.source or usual, SOURCES)
    if gift.purchase and source != "purchase":
        raise InvalidFieldError("source", f"must be purchase where one backs it; it is {source!r}")
    priority = plans.priority("priority", gift.priority)
    request_id = fields.request_id(gift.request_id)
    begins, until = (
        _moment("valid_from_ms", gift.valid_from_ms),
        _moment("valid_until_ms", gift.valid_until_ms),
    )
    if until is not None and until <= (begins or datetime.now(UTC)):
        raise InvalidFieldError("valid_until_ms", "must lie after the grant begins")
    async with pool.acquire() as connection, connection.transaction():
        await _check_covered(connection, account_id, gift, corrects, request_id)
        made = await statements.row(
            connection, "give_credit", account_id=account_id, amount=amount, source=source,
            priority=priority, valid_from=begins, valid_until=until, request_id=request_id,
            actor=change.actor, reason=change.reason,
        )  # fmt: skip
        if made is not None:
            await _note_cover(connection, made["o_grant_id"], gift, corrects)
            return False
    earlier = await statements.row(pool, "find_grant_request", request_id=request_id)
    same = earlier is not None and begins in (None, earlier["valid_from"]) and (
        earlier["account_id"], earlier["amount"], earlier["source"], earlier["priority"],
        earlier["valid_until"], earlier["purchase_id"] or 0, earlier["corrects"] or "",
    ) == (account_id, amount, source, priority, until, gift.purchase, corrects)  # fmt: skip
    if not same:
        raise ConflictError(
            f"request_id {request_id} was used for another grant; nothing was granted"
        )
    return True


async def _check_covered(
    connection: statements.Source, account_id: int, gift: Gift, corrects: str, request_id: str
) -> None:
    """What stands behind the grant has so much left, and keeps it until this transaction ends.

    A request that was granted meanwhile asks for nothing.
    """
    if gift.purchase:
        await statements.row(connection, "lock_purchase", id=gift.purchase)
    if corrects:
        await statements.rows(connection, "lock_correction", hold_id=corrects)
    if await statements.row(connection, "find_grant_request", request_id=request_id):
        return
    if gift.purchase:
        await purchases.check_backs(connection, gift.purchase, gift.amount_nanos)
    if corrects:
        await corrections.check(connection, corrects, account_id, gift.amount_nanos)


async def _note_cover(
    connection: statements.Source, grant_id: int, gift: Gift, corrects: str
) -> None:
    if gift.purchase:
        await statements.run(connection, "back_grant", grant_id=grant_id, purchase_id=gift.purchase)
    if corrects:
        await statements.run(connection, "correct_debit", grant_id=grant_id, hold_id=corrects)


async def revoke(
    pool: asyncpg.Pool, grant_id: int, change: fields.Change, *, account_id: int | None = None
) -> tuple[int, Holder]:
    """Take back what is left of a grant, but for what open holds reserve; nano-USD taken back, and whose they were.

    With an account, only if the grant is this account's.
    """
    row = await statements.row(
        pool, "revoke_grant", grant_id=grant_id, account_id=account_id, actor=change.actor,
        reason=change.reason,
    )  # fmt: skip
    if row is None:
        whose = "" if account_id is None else " of theirs"
        raise NotFoundError(
            f"there is no grant {grant_id}{whose} that could be taken back:"
            " `pedagio grants list` shows what somebody has"
        )
    if row["kind"] == "pool":
        return int(row["o_amount"]), Holder(None, row["name"])
    name = accounts.Name(row["client_id"], row["external_id"])
    return int(row["o_amount"]), Holder(name, "")


async def assign(
    pool: asyncpg.Pool, account_id: int, plan: str, change: fields.Change, *, now: bool
) -> None:
    """Put an account on a plan, or on none; a first plan begins at once."""
    if plan:
        await plans.find(pool, plan)
    await statements.row(
        pool, "assign_plan", account_id=account_id, plan=plan, now=now, actor=change.actor,
        reason=change.reason,
    )  # fmt: skip


def _moment(field: str, epoch_ms: int) -> datetime | None:
    if epoch_ms == 0:
        return None
    try:
        return datetime.fromtimestamp(epoch_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidFieldError(field, f"is no moment: {epoch_ms}") from error
