"""Reads what people fill in on their page; what is wrong becomes a word that the page has a sentence for."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import grpc

from accounting.web.desk import RefusedError
from accounting.web.look import Look
from credit.money import CREDITS_PER_USD, NANOS_PER_USD, parse_amount
from protos.pedagio.v1 import person_pb2 as pb

WHY_LIMIT: Final = 500
THOUSANDS: Final = 3
# The field of a request -> the field of the page.
NAMES: Final = {
    "asked_nanos": "amount",
    "daily_limit_nanos": "daily_limit",
    "monthly_limit_nanos": "monthly_limit",
}


def read_amount(text: str, unit: str) -> int:
    """Nano-USD of what is typed beside the unit of the page, or with a unit of its own. Raises ValueError."""
    text = text.strip()
    if any(char.isalpha() for char in text):
        return parse_amount(text)
    return parse_amount(f"{text}cr" if unit == "credits" else f"US${text}")


def ask_for_credit(
    form: Mapping[str, Any], page: pb.PersonPage, look: Look
) -> tuple[pb.AskCreditRequest | None, dict[str, str]]:
    """The request, or what is wrong by field."""
    wrong: dict[str, str] = {}
    advance = form.get("kind") == "advance"
    nanos = 0
    try:
        nanos = read_amount(str(form.get("amount", "")), look.unit)
    except ValueError:
        wrong["amount"] = "amount"
    most = page.terms.advance_nanos if advance else page.terms.most_nanos
    if "amount" not in wrong and nanos <= 0:
        wrong["amount"] = "amount"
    elif nanos > most:
        wrong["amount"] = "most"
    why = " ".join(str(form.get("why", "")).split())
    if not why:
        wrong["why"] = "empty"
    elif len(why) > WHY_LIMIT:
        wrong["why"] = "long"
    elif not why.isprintable():
        wrong["why"] = "characters"
    if wrong:
        return None, wrong
    return pb.AskCreditRequest(
        asked_nanos=nanos, why=why, advance=advance, request_id=str(form.get("request_id", ""))
    ), {}


def words_of(error: RefusedError) -> dict[str, str]:
    """What a service refused, by the field of the page; else about the whole. Raises it where it is no such thing."""
    if error.code == grpc.StatusCode.INVALID_ARGUMENT:
        return {NAMES.get(name, name): "refused" for name in error.fields} or {"whole": "refused"}
    if error.code in {grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ALREADY_EXISTS}:
        return {"whole": "conflict"}
    raise error


def plain_amount(nanos: int, unit: str) -> str:
    """What stands in the field of an amount, as `read_amount` reads it; nothing for none."""
    if not nanos:
        return ""
    per_unit = NANOS_PER_USD // CREDITS_PER_USD if unit == "credits" else NANOS_PER_USD
    number = f"{Decimal(nanos) / per_unit:f}"
    number = number.rstrip("0").rstrip(".") if "." in number else number
    # Three digits behind one mark could be thousands.
    return f"{number}0" if len(number.partition(".")[2]) == THOUSANDS else number
