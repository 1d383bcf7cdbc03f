"""What was bought, and how much credit it may back."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import asyncpg

from accounting.admin import fields, page_token, statements
from accounting.admin.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidFieldError,
    NotFoundError,
)
from credit.money import format_usd

CURRENCIES: Final = ("BRL", "USD")
NAME_LIMIT: Final = 120
# What a million million of a currency would cost nobody has paid.
CENTS_LIMIT: Final = 10**14
FIRST_DAY: Final = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Bought:
    """What an invoice says. `cents` of the currency; `worth_nanos`: the most credit that it backs."""

    bought_on: str
    supplier: str
    reference: str
    buyer: str
    cents: int
    currency: str
    worth_nanos: int


@dataclass(frozen=True, slots=True)
class Purchase:
    """A recorded one; `backed_nanos`: its grants without what was revoked of them."""

    id: int
    bought: Bought
    backed_nanos: int
    actor: str
    reason: str
    recorded_at: datetime
    replayed: bool = False


async def record(
    pool: asyncpg.Pool, bought: Bought, request_id: str, change: fields.Change, today: date
) -> Purchase:
    """Record a purchase, once per request id and once per reference of a supplier.

    Raises ConflictError for an id used for another purchase, AlreadyExistsError for a known invoice.
    """
    checked = _checked(bought, today)
    request_id = fields.text("request_id", request_id, fields.REQUEST_ID_LIMIT)
    made = await statements.row(
        pool, "record_purchase", **checked, request_id=request_id, actor=change.actor,
        reason=change.reason,
    )  # fmt: skip
    if made is not None:
        return await find(pool, made["id"])
    same = await statements.row(pool, "find_purchase_request", **checked, request_id=request_id)
    if same is not None:
        found = await find(pool, same["id"])
        return Purchase(
            found.id, found.bought, found.backed_nanos, found.actor, found.reason,
            found.recorded_at, replayed=True,
        )  # fmt: skip
    used = await statements.row(pool, "is_purchase_request", request_id=request_id)
    if used is not None and used["used"]:
        raise ConflictError(f"request_id {request_id} was used for another purchase")
    raise AlreadyExistsError(
        f"{bought.reference} of {bought.supplier} is recorded already: `pedagio purchase list`"
    )


async def find(source: statements.Source, purchase_id: int) -> Purchase:
    """One purchase."""
    rows = await statements.rows(source, "list_purchases", id=purchase_id, before=0, page_size=1)
    if not rows:
        raise NotFoundError(
            f"there is no purchase {purchase_id}: `pedagio purchase list` shows all"
        )
    return _purchase(rows[0])


async def list_page(pool: asyncpg.Pool, page_size: int, token: str) -> tuple[list[Purchase], str]:
    """One page, newest first, and the token of the next."""
    size = fields.page_size("page_size", page_size)
    before = page_token.decode("page_token", token, "purchases", int)[0] if token else 0
    rows = await statements.rows(pool, "list_purchases", id=None, before=before, page_size=size + 1)
    found = [_purchase(row) for row in rows[:size]]
    return found, page_token.encode("purchases", found[-1].id) if len(rows) > size else ""


async def check_backs(connection: statements.Source, purchase_id: int, amount: int) -> None:
    """Raises ConflictError where a purchase, which the caller has locked, has not so much left to back."""
    found = await find(connection, purchase_id)
    left = found.bought.worth_nanos - found.backed_nanos
    if amount > left:
        raise ConflictError(
            f"purchase {purchase_id} backs {format_usd(found.bought.worth_nanos)}, "
            f"of which {format_usd(left)} is left; nothing was granted"
        )


def _checked(bought: Bought, today: date) -> dict[str, Any]:
    """The columns; raises InvalidFieldError with the field of the request."""
    day = _day(bought.bought_on)
    if not FIRST_DAY <= day <= today:
        raise InvalidFieldError(
            "purchase.bought_on", f"must be from {FIRST_DAY} to today, {today}; it is {day}"
        )
    if not 0 < bought.cents <= CENTS_LIMIT:
        raise InvalidFieldError(
            "purchase.amount_cents", f"must be from 1 to {CENTS_LIMIT}; it is {bought.cents}"
        )
    return {
        "bought_on": day,
        "supplier": fields.text("purchase.supplier", bought.supplier, NAME_LIMIT),
        "reference": fields.text("purchase.reference", bought.reference, NAME_LIMIT),
        "buyer": fields.text("purchase.buyer", bought.buyer, NAME_LIMIT),
        "amount": bought.cents,
        "currency": fields.choice("purchase.currency", bought.currency, CURRENCIES),
        "worth": fields.amount("purchase.worth_nanos", bought.worth_nanos),
    }


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        problem = f"must be a day as 2026-11-27; it is {text[:40]!r}"
        raise InvalidFieldError("purchase.bought_on", problem) from error


def _purchase(row: asyncpg.Record) -> Purchase:
    bought = Bought(
        row["bought_on"].isoformat(), row["supplier"], row["reference"], row["buyer"],
        row["amount"], row["currency"], row["worth"],
    )  # fmt: skip
    at = row["recorded_at"].astimezone(UTC)
    return Purchase(row["id"], bought, row["backed"], row["actor"], row["reason"], at)
