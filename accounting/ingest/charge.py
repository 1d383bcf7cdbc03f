"""From a cost record to a usage event: which figure is debited, and what is odd about it.

DESIGN 6: LiteLLM's cost is the authoritative meter, checked against our own price book;
more than 1 % apart raises an exception; cost 0 for a model that has a price uses the book.
Where a person set the price here, the book is the meter: LiteLLM cannot know it.
"""

from dataclasses import dataclass
from typing import Any

from accounting.ingest.reports import Cost
from credit.cost import cost_nanos
from credit.flat import FLAT_NAMES
from credit.money import nanos_from_picos, picos_from_usd_text
from credit.prices import Price, Usage
from credit.token import Claims

CLIENT_LEFT = "499"
TOLERANCE_PART = 100  # 1/100 = 1 %
HOUSE_PRICE = "house_price"  # on the event only: nothing is odd about it


@dataclass(frozen=True, slots=True)
class Charge:
    """One usage event to be debited, amounts in nano-USD, with the oddities found."""

    event: dict[str, Any]
    oddities: tuple[str, ...]


def is_flat(claims: Claims | None) -> bool:
    """Whether the call has an amount of its own, which does not follow from tokens."""
    return claims is not None and claims.route in FLAT_NAMES


def is_exact(record: Cost, *, flat: bool = False) -> bool:
    """Whether this record is a debit, not merely evidence.

    A stream that the client left (499) carries LiteLLM's guess; a success without tokens and
    without cost (no usage from upstream) carries nothing; a failure that cost nothing is no event.
    Images and audio have a cost without tokens: a real one. On flat routes (`flat`) only a cost says
    what is due, never tokens; without one the flat amount is.
    """
    if record.error_code == CLIENT_LEFT and record.status == "success":
        return False
    costs = picos_from_usd_text(record.cost_usd) > 0
    if record.status == "failure":
        return costs
    return record.cache_hit or costs or (not flat and _tokens(record) > 0)


def charge(record: Cost, hold_id: str, price: Price | None, price_version: int | None) -> Charge:
    """The usage event of an exact record; what it costs is without the markup, which the ledger puts on."""
    usage = Usage(**record.usage.model_dump())
    # A provider that gives no id cannot be told apart by it: then the record itself is the event.
    provider_id = record.provider_id or record.id
    event_id = f"{hold_id}:{record.status}:{provider_id}"
    if record.status == "failure" and provider_id in {hold_id, str(record.hold)}:
        # LiteLLM names every failed attempt by the call: two that were billed differ by when they began.
        event_id += f"@{record.started_ms or 0}"
    litellm_nanos = nanos_from_picos(picos_from_usd_text(record.cost_usd))
    # Meters that contradict each other must not turn a debit into a credit.
    book_nanos = None if price is None else max(cost_nanos(price, usage, record.service_tier), 0)
    house = price is not None and price.house
    cost, oddities = _decide(litellm_nanos, book_nanos, house=house, cache_hit=record.cache_hit)
    event = {
        "id": event_id,
        "hold_id": hold_id,
        "record_id": record.id,
        "source": record.source,
        "status": record.status,
        "provider_id": provider_id,
        "model_group": record.model_group or "",
        "model": record.model or "",
        "model_id": record.model_id or "",
        "usage": record.usage.model_dump(),
        "service_tier": record.service_tier,
        "cost": cost,
        "litellm_cost": litellm_nanos,
        "book_cost": book_nanos,
        "price_version": price_version,
        "flags": [*oddities, *([HOUSE_PRICE] if house else [])],
        "event_at_ms": record.ended_ms or record.at_ms,
    }
    return Charge(event, oddities)


def charge_flat(record: Cost, hold_id: str, *, free: bool) -> Charge:
    """The usage event of an exact record of a flat route: no book says more; `free`: the policy says US$0."""
    event = charge(record, hold_id, None, None).event
    return Charge(event | {"flags": []} | ({"cost": 0} if free else {}), ())


def _decide(
    litellm: int, book: int | None, *, house: bool, cache_hit: bool
) -> tuple[int, tuple[str, ...]]:
    if cache_hit:
        return 0, ()
    if book is None:
        return litellm, ("no_book_price",)
    if house:
        return book, ()
    if litellm == 0 and book > 0:
        return book, ("litellm_cost_zero",)
    if abs(litellm - book) * TOLERANCE_PART > book:
        return litellm, ("price_mismatch",)
    return litellm, ()


def _tokens(record: Cost) -> int:
    return record.usage.prompt_tokens + record.usage.completion_tokens
