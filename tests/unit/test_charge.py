"""From a cost record to a debit: which figure counts, and what is odd about it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.ingest.charge import charge, is_exact
from accounting.ingest.reports import Cost
from tests.unit.door import a_price
from tests.unit.evidence import RECORD_ID, a_cost

BOOK_NANOS = 4_500_000
NO_TOKENS: dict[str, int] = {}
COUNTS = st.integers(0, 1_000_000)


def charged(**changes: Any) -> tuple[int, tuple[str, ...]]:
    """The debit in nano-USD and the oddities, with gpt-4o in the book."""
    result = charge(a_cost(**changes), "h", a_price(), 1)
    return result.event["cost"], result.oddities


@pytest.mark.parametrize(
    ("changes", "exact"),
    [
        ({}, True),
        ({"usage": NO_TOKENS, "cost_usd": "0"}, False),  # no usage from upstream
        ({"usage": NO_TOKENS, "cost_usd": "0.04"}, True),  # an image: a cost without tokens
        ({"usage": NO_TOKENS, "cost_usd": "0", "cache_hit": True}, True),
        ({"error_code": "499"}, False),  # the client left: LiteLLM guessed
        ({"status": "failure", "cost_usd": "0"}, False),
        ({"status": "failure", "cost_usd": "0.0001"}, True),  # upstream died mid-stream
        ({"status": "failure", "cost_usd": "0.0001", "error_code": "499"}, True),
        ({"status": "failure", "cost_usd": "0", "usage": {"prompt_tokens": 9}}, False),
    ],
)
def test_record_is_a_debit_or_only_evidence(changes: dict[str, Any], *, exact: bool) -> None:
    """A guess, nothing, and a failure that cost nothing are evidence; all else is debited."""
    assert is_exact(a_cost(**changes)) is exact


def test_charge_of_litellms_cost_that_agrees_with_the_book() -> None:
    """LiteLLM's figure is the authoritative one."""
    assert charged() == (BOOK_NANOS, ())


@pytest.mark.parametrize(
    ("cost_usd", "oddities"),
    [
        ("0.004545", ()),  # exactly 1 % more
        ("0.004455", ()),
        ("0.004545001", ("price_mismatch",)),
        ("0.004454999", ("price_mismatch",)),
        ("0.45", ("price_mismatch",)),
    ],
)
def test_charge_beyond_one_percent_of_the_book_is_odd(
    cost_usd: str, oddities: tuple[str, ...]
) -> None:
    """Debited as LiteLLM says all the same; a person looks at the difference."""
    cost, found = charged(cost_usd=cost_usd)
    assert (f"{cost / 10**9:.9f}", found) == (f"{float(cost_usd):.9f}", oddities)


def test_charge_of_cost_zero_for_a_priced_model_uses_the_book() -> None:
    """Cost 0 does not mean free."""
    assert charged(cost_usd="0") == (BOOK_NANOS, ("litellm_cost_zero",))


@pytest.mark.parametrize("cost_usd", ["0", "0.0045"])
def test_charge_of_a_cache_hit_is_nothing(cost_usd: str) -> None:
    """The provider was not asked."""
    assert charged(cache_hit=True, cost_usd=cost_usd) == (0, ())


@pytest.mark.parametrize(("cost_usd", "nanos"), [("0.0045", BOOK_NANOS), ("0", 0)])
def test_charge_without_a_book_price_is_litellms_and_odd(cost_usd: str, nanos: int) -> None:
    """Somebody must give the model a price."""
    result = charge(a_cost(cost_usd=cost_usd), "h", None, None)
    assert (result.event["cost"], result.oddities) == (nanos, ("no_book_price",))


def test_charge_rounds_the_float_to_the_pico_before_it_rounds_up() -> None:
    """7.500000000000001e-08 is 75 nanos, not 76: a nano off in half of all calls otherwise."""
    assert charged(cost_usd="7.500000000000001e-08")[0] == 75
    assert charged(cost_usd="7.51e-08")[0] == 76
    assert charged(cost_usd="1e-15", usage=NO_TOKENS)[0] == 0


def test_charge_of_contradictory_meters_is_no_credit() -> None:
    """More one-hour cache than cache at all: the book's figure stays at or above zero."""
    usage = {"prompt_tokens": 1, "cache_creation_1h_tokens": 10**9}
    result = charge(a_cost(usage=usage), "h", a_price(), 1)
    assert result.event["book_cost"] >= 0


def test_event_id_names_hold_status_and_provider() -> None:
    """With a fallback, the failure and the success of one call may share the provider's id."""
    ids = {
        charge(a_cost(**changes), "h", None, None).event["id"]
        for changes in ({}, {"status": "failure"}, {"provider_id": "chatcmpl-2"})
    }
    assert ids == {"h:success:chatcmpl-1", "h:failure:chatcmpl-1", "h:success:chatcmpl-2"}
    nameless = charge(a_cost(provider_id=None), "h", None, None).event
    assert nameless["id"] == f"h:success:{RECORD_ID}"


@given(COUNTS, COUNTS, COUNTS, COUNTS, st.floats(0, 999_999))
def test_charge_of_any_report_is_never_negative(
    prompt: int, completion: int, cached: int, reasoning: int, cost_usd: float
) -> None:
    """A debit is a debit."""
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "cached_tokens": cached,
        "reasoning_tokens": reasoning,
    }
    record: Cost = a_cost(usage=usage, cost_usd=str(cost_usd))
    event = charge(record, "h", a_price(), 1).event
    assert min(event["cost"], event["litellm_cost"], event["book_cost"]) >= 0


@pytest.mark.parametrize("cost_usd", ["0", "0.0045", "9.5"])
def test_price_set_here_is_debited_whatever_litellm_says(cost_usd: str) -> None:
    """LiteLLM cannot know it: nothing is odd about the difference, and the event says whose price it was."""
    made = charge(a_cost(cost_usd=cost_usd), "h", replace(a_price(), house=True), 1)
    assert (made.event["cost"], made.oddities) == (BOOK_NANOS, ())
    assert made.event["flags"] == ["house_price"]


def test_cached_answer_is_free_at_a_price_set_here_too() -> None:
    """Nobody was paid for it."""
    made = charge(a_cost(cache_hit=True), "h", replace(a_price(), house=True), 1)
    assert made.event["cost"] == 0
