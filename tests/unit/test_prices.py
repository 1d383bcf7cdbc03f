"""Prices: what each token costs, by LiteLLM's own rules (held equal in the integration tests)."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.cost import cost_nanos, cost_picos
from credit.prices import Price, Usage, rates_for
from tests.unit.pricing_cases import TIERS, price_of, prices, usages

GPT_5 = price_of(
    "gpt-5",
    input_cost_per_token=1.25e-06,
    cache_read_input_token_cost=1.25e-07,
    output_cost_per_token=1e-05,
    input_cost_per_token_flex=6.25e-07,
    output_cost_per_token_flex=5e-06,
    max_input_tokens=272_000,
    max_output_tokens=128_000.0,
    supports_reasoning=True,
)


def test_cost_cached_prompt_bills_each_part_at_its_price() -> None:
    """Cached tokens are part of the prompt, reasoning tokens part of the answer."""
    usage = Usage(1000, 500, cached_tokens=400, reasoning_tokens=300)
    assert cost_picos(GPT_5, usage) == 600 * 1_250_000 + 400 * 125_000 + 500 * 10_000_000


def test_cost_any_fraction_is_rounded_up_once() -> None:
    """Nano-USD are rounded once per call, not once per meter."""
    price = price_of(input_cost_per_token="1e-12", output_cost_per_token="1e-12")
    assert cost_nanos(price, Usage(prompt_tokens=500, completion_tokens=500)) == 1
    assert cost_nanos(price, Usage(prompt_tokens=501, completion_tokens=500)) == 2


@pytest.mark.parametrize(
    ("tier", "input_picos"),
    [
        (None, 1_250_000),
        ("default", 1_250_000),
        ("auto", 1_250_000),
        ("flex", 625_000),
        ("FLEX", 625_000),
        ("priority", 1_250_000),
        ("nonsense", 1_250_000),
    ],
)
def test_rates_tier_without_a_price_is_billed_as_standard(
    tier: str | None, input_picos: int
) -> None:
    """As LiteLLM: the tier's own key, else the standard one."""
    assert rates_for(GPT_5, 10, tier).input == input_picos


def test_rates_beyond_a_threshold_hold_for_every_token() -> None:
    """A prompt one token beyond the threshold is billed wholly at the higher price."""
    price = price_of(input_cost_per_token_above_200k_tokens=3e-6)
    assert rates_for(price, 200_000, None).input == 1_000_000
    assert rates_for(price, 200_001, None).input == 3_000_000
    assert rates_for(price, 200_001, None).output == 2_000_000


def test_rates_of_xai_at_the_threshold_are_the_higher_ones() -> None:
    """This provider bills the higher tier once the prompt reaches the threshold."""
    price = price_of(litellm_provider="xai", input_cost_per_token_above_200k_tokens=3e-6)
    assert rates_for(price, 200_000, None).input == 3_000_000


def test_rates_missing_meters_fall_back_as_in_litellm() -> None:
    """Cached and created at the input price, an hour's cache as creation, reasoning as output."""
    rates = rates_for(price_of(cache_creation_input_token_cost=4e-6), 1, None)
    assert (rates.cached, rates.creation_1h, rates.reasoning) == (1_000_000, 4_000_000, 2_000_000)


@pytest.mark.parametrize(
    "entry",
    [
        {"mode": "image_generation"},
        {"input_cost_per_token": None},
        {"output_cost_per_token": None},
        {"output_cost_per_token": "free"},
        {"output_cost_per_token": -1e-6},
        {"tiered_pricing": [{"range": [0, 32000], "input_cost_per_token": 1e-6}]},
        {"off_peak_pricing": {"hours_utc": "16:30-00:30"}},
        {"input_cost_per_request": 0.005},
        {"litellm_provider": "perplexity"},
    ],
)
def test_price_not_by_tokens_alone_is_none(entry: dict[str, object]) -> None:
    """What tokens alone do not price is unpriced, hence refused: never a silent difference."""
    whole = {"mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6} | entry
    assert Price.from_litellm("m", whole) is None


def test_price_of_a_model_that_searches_unasked_is_none() -> None:
    """Its searches cost a fee that no token count shows."""
    entry = {"mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
    assert Price.from_litellm("gpt-4o-search-preview", entry) is None


def test_price_zero_is_free_only_when_written() -> None:
    """A model is free when every price is an explicit zero."""
    assert price_of(input_cost_per_token=0, output_cost_per_token=0.0).free
    assert not price_of(input_cost_per_token=0).free


@pytest.mark.parametrize(
    ("key", "tokens"),
    [
        ("gpt-4o", 1445),
        ("gpt-4o-mini-2024-07-18", 48_169),
        ("azure/gpt-5", 1190),
        ("gpt-5.1-codex-mini", 2489),
        ("gpt-5.4", 24_600),
        ("o4-mini", 2642),
        ("openai/o3", 1275),
        ("claude-sonnet-4-20250514", 1600),
        ("claude-opus-4-7", 4784),
        ("gemini/gemini-2.5-pro", 0),
        ("some-model", 0),
    ],
)
def test_price_image_bound_follows_the_model_family(key: str, tokens: int) -> None:
    """One image's tokens at most; an unknown family has no bound of its own."""
    assert price_of(key).image_tokens == tokens


def test_price_limits_in_any_form_are_read() -> None:
    """LiteLLM writes limits as integers, floats or text; absent means unknown."""
    assert (GPT_5.context_tokens, GPT_5.max_output_tokens) == (272_000, 128_000)
    assert price_of(max_input_tokens="8191").context_tokens == 8191
    assert price_of().context_tokens == 0


@given(prices())
def test_price_json_round_trip_is_the_same_price(price: Price) -> None:
    """What Postgres stores is what was read."""
    assert Price.from_json(json.loads(json.dumps(price.to_json()))) == price


@given(st.data(), prices(), st.sampled_from(TIERS))
def test_cost_scaled_price_never_costs_less_than_the_factor(
    data: st.DataObject, price: Price, tier: str | None
) -> None:
    """A regional surcharge is never rounded away."""
    usage = data.draw(usages(300_000, 50_000))
    dearer = cost_picos(price.scaled(Decimal("1.1")), usage, tier)
    assert dearer * 10 >= cost_picos(price, usage, tier) * 11
