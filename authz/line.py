"""The lines about credit that an answer may end with: authz words them, the callback adds them or not."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from authz.balance_texts import line_in
from authz.call import Call
from credit.ledger import Placed
from credit.money import PERCENT, format_amount
from credit.token import Claims
from credit.wording import Wording


def with_lines(claims: Claims, call: Call, placed: Placed, wording: Wording) -> Claims:
    """The claims of an allowed call, with the lines where its answer may carry them."""
    if not call.line:
        return claims
    language = call.client.language
    cut = cut_line(call, placed, language, wording)
    low = low_line(placed.low, language, wording) if placed.low else ""
    return replace(claims, cut=cut, low=low)


def cut_line(call: Call, placed: Placed, language: str, wording: Wording) -> str:
    """What follows an answer that credit cut short; the figure only where it is the person's own credit."""
    fields = {"url": wording.url}
    if placed.payer in {0, call.account_id}:
        fields["available"] = _amount(placed.available_nanos, language, wording)
    return line_in(language, "cut", fields)


def low_line(low: Mapping[str, Any], language: str, wording: Wording) -> str:
    """What is said once a day below a fifth of the allowance: `low` as place_batch says it, nano-USD."""
    left = max(low["posted"], 0)
    fields = {
        "available": _amount(left, language, wording),
        "percent": str(left * PERCENT // low["allowance"]),
        "coming": _amount(low["coming"], language, wording),
        "date": wording.date(date.fromisoformat(low["day"]), language),
        "url": wording.url,
    }
    return line_in(language, "low", fields)


def _amount(nanos: int, language: str, wording: Wording) -> str:
    return format_amount(max(nanos, 0), language, wording.unit)
