"""How flat calls end on the real ledger: LiteLLM's cost where it has one, else the amount that was held."""

import uuid
from typing import Any

import pytest

from credit import ledger
from credit.ledger import Place
from tests.books import Figures
from tests.integration.office import COST_WAIT_S, CREDIT, Office, cost, end, start, token

FLAT = 50_000_000
IMAGE_COST = 42_290_000
# LiteLLM knows the image model's price; its tokens alone would say something else.
IMAGE = {"model_group": "gpt-image-1", "model": "gpt-image-1", "model_id": "x", "cost_usd": "0.04229"}  # fmt: skip
UNPRICED = {"model_group": "voz", "model": "voz", "model_id": "x", "cost_usd": "0"}
SHOWN = "SELECT cost, litellm_cost, flags FROM usage_event"


async def placed(
    office: Office, flat: int = FLAT, *, answers: int = 1, mode: str = "enforce"
) -> tuple[str, str, int]:
    """A person's image has a hold: its id, its token, the account."""
    account_id = await office.books.account(CREDIT)
    hold_id = str(uuid.uuid4())
    whole = flat * answers
    place = Place(hold_id, account_id, "librechat", "images", "m", *(whole,) * 3, shadow=False)
    answer = (await ledger.place_batch(office.pool, [place], 2100))[hold_id]
    assert (answer.result, answer.granted_nanos) == ("placed", whole)
    claims: dict[str, Any] = {"route": "images", "fee": flat, "granted": whole, "mode": mode}
    return hold_id, token(hold_id, account_id, **claims), account_id


def sent(hold_id: str, text: str | None, nanos: int = FLAT) -> dict[str, Any]:
    """An image is about to be asked for."""
    none = {"input_bound_tokens": 0, "input_count_tokens": 0}
    return start(hold_id, text, route="images", bound_nanos=nanos, **none)


@pytest.mark.parametrize("usage", [{}, {"prompt_tokens": 10, "completion_tokens": 1_056}])
async def test_cost_of_litellm_is_debited_and_is_no_exception(
    office: Office, usage: dict[str, int]
) -> None:
    """No book says more of it, so nobody is asked to look."""
    hold_id, text, account_id = await placed(office)
    records = sent(hold_id, text), cost(hold_id, text, usage=usage, **IMAGE), end(hold_id, text)
    await office.report(*records)
    assert await office.closed(hold_id) == ("captured", "reported", IMAGE_COST)
    assert await office.books.figures(account_id) == Figures(CREDIT - IMAGE_COST, 0)
    assert await office.exceptions() == []


@pytest.mark.parametrize("usage", [{}, {"prompt_tokens": 10, "completion_tokens": 1_056}])
@pytest.mark.parametrize("model", [UNPRICED, {"cost_usd": "0"}])
async def test_answer_without_a_cost_is_debited_the_amount(
    office: Office, model: dict[str, str], usage: dict[str, int]
) -> None:
    """Unknown to LiteLLM is not free, whatever its tokens or a price of the name's tokens say."""
    hold_id, text, account_id = await placed(office)
    records = sent(hold_id, text), cost(hold_id, text, usage=usage, **model), end(hold_id, text)
    await office.report(*records)
    assert await office.closed(hold_id) == ("settled", "flat_amount", FLAT)
    assert await office.books.figures(account_id) == Figures(CREDIT - FLAT, 0)
    assert await office.exceptions() == []


async def test_answers_without_a_cost_are_debited_as_held(office: Office) -> None:
    """Two images at the door, three as the callback counted: the extended hold is the amount."""
    hold_id, text, account_id = await placed(office, answers=2)
    extended = await ledger.extend_hold(office.pool, hold_id, 3 * FLAT, 3 * FLAT)
    assert extended.granted_nanos == 3 * FLAT
    records = sent(hold_id, text), cost(hold_id, text, usage={}, **UNPRICED), end(hold_id, text)
    await office.report(*records)
    assert await office.books.figures(account_id) == Figures(CREDIT - 3 * FLAT, 0)


async def test_failed_call_debits_nothing(office: Office) -> None:
    """The hold is free at once."""
    hold_id, text, account_id = await placed(office)
    failure = cost(hold_id, text, status="failure", usage={}, **UNPRICED)
    await office.report(sent(hold_id, text), failure, end(hold_id, text, "failed", chunks=0))
    assert await office.books.figures(account_id) == Figures(CREDIT, 0)
    closed = await office.closed(hold_id)
    assert closed == ("released", "failed", 0)


@pytest.mark.parametrize(
    ("outcome", "reason"), [("ok", "cost_missing"), ("aborted", "aborted")]
)  # fmt: skip
async def test_outcome_that_is_unknown_is_estimated_as_the_amount(
    office: Office, outcome: str, reason: str
) -> None:
    """No words were counted, and none would say what an image costs; a late cost trues it up."""
    hold_id, text, account_id = await placed(office)
    records = [sent(hold_id, text), end(hold_id, text, outcome)]
    await office.grow_old(hold_id, records, COST_WAIT_S + 1)
    await office.sweep()
    assert await office.closed(hold_id) == ("settled", reason, FLAT)
    await office.report(cost(hold_id, text, usage={}, **IMAGE))
    assert await office.books.figures(account_id) == Figures(CREDIT - IMAGE_COST, 0)


async def test_answer_that_only_envoy_saw_is_estimated_as_the_amount(office: Office) -> None:
    """The callback never told of a start: bytes that were delivered were not free."""
    hold_id, _, account_id = await placed(office)
    await office.envoy(hold_id, age_s=200.0, route="images")
    office.listen(200.0)
    await office.sweep()
    assert await office.closed(hold_id) == ("settled", "report_missing", FLAT)
    assert await office.books.figures(account_id) == Figures(CREDIT - FLAT, 0)


async def test_explicit_zero_is_free_whatever_litellm_says(office: Office) -> None:
    """US$0 was written by a person: the cost stays on record, and nobody is debited."""
    hold_id, text, account_id = await placed(office, 0)
    await office.report(sent(hold_id, text, 0), cost(hold_id, text, **IMAGE), end(hold_id, text))
    assert await office.closed(hold_id) == ("captured", "reported", 0)
    assert await office.books.figures(account_id) == Figures(CREDIT, 0)
    row = await office.pool.fetchrow(SHOWN)
    assert row is not None
    assert (row["cost"], row["litellm_cost"]) == (0, IMAGE_COST)


async def test_zero_without_a_cost_is_free_too(office: Office) -> None:
    """As moderations are."""
    hold_id, text, account_id = await placed(office, 0)
    await office.report(
        sent(hold_id, text, 0), cost(hold_id, text, usage={}, **UNPRICED), end(hold_id, text)
    )
    assert await office.closed(hold_id) == ("settled", "flat_amount", 0)
    assert await office.books.figures(account_id) == Figures(CREDIT, 0)
    assert await office.exceptions() == []


async def test_call_that_nobody_held_for_is_debited_what_the_callback_counted(
    office: Office,
) -> None:
    """Shadow let pass what would have been refused; debits go on."""
    account_id = await office.books.account(CREDIT)
    hold_id = str(uuid.uuid4())
    text = token(hold_id, account_id, route="images", fee=FLAT, granted=0, mode="shadow")
    records = sent(hold_id, text), cost(hold_id, text, usage={}, **UNPRICED), end(hold_id, text)
    await office.report(*records)
    assert await office.books.figures(account_id) == Figures(CREDIT - FLAT, 0)


async def test_unmetered_call_is_debited_litellms_cost_as_ever(office: Office) -> None:
    """Off, or shadow without a flat hold: what costs is booked, what does not is a case for a person."""
    account_id = await office.books.account(CREDIT)
    hold_id = str(uuid.uuid4())
    text = token(hold_id, account_id, route="unmetered", granted=0, mode="off")
    await office.report(cost(hold_id, text, usage={}, **IMAGE))
    assert await office.books.figures(account_id) == Figures(CREDIT - IMAGE_COST, 0)
    assert await office.exceptions() == ["no_book_price"]
