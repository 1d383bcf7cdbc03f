"""The cost of one call, also where a provider's counts do not add up.

Equality with LiteLLM over thousands of calls is held by tests/integration/test_litellm_costs.py.
"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.cost import cost_nanos, cost_picos
from credit.prices import Price, Usage
from tests.unit.pricing_cases import TIERS, price_of, prices, usages

CLAUDE = price_of(
    "claude-sonnet-4-5",
    input_cost_per_token=3e-6,
    output_cost_per_token=1.5e-5,
    cache_read_input_token_cost=3e-7,
    cache_creation_input_token_cost=3.75e-6,
    cache_creation_input_token_cost_above_1hr=6e-6,
)


@pytest.mark.parametrize(
    ("usage", "picos"),
    [
        (Usage(), 0),
        (Usage(prompt_tokens=100, completion_tokens=10), 450_000_000),
        (Usage(prompt_tokens=100, cached_tokens=40), 60 * 3_000_000 + 40 * 300_000),
        (Usage(prompt_tokens=100, cache_creation_tokens=100), 375_000_000),
        (
            Usage(prompt_tokens=100, cache_creation_tokens=100, cache_creation_1h_tokens=60),
            40 * 3_750_000 + 60 * 6_000_000,
        ),
        # Parts beyond the whole: what LiteLLM is told is what it bills.
        (Usage(prompt_tokens=10, cached_tokens=40), 40 * 300_000),
        (Usage(cache_creation_1h_tokens=60), 60 * 6_000_000),
        (Usage(completion_tokens=5, reasoning_tokens=9), 9 * 15_000_000),
    ],
)
def test_cost_of_any_split_bills_each_part_once(usage: Usage, picos: int) -> None:
    """Cached, newly cached and hidden tokens are parts of the counts; nothing is ever negative."""
    assert cost_picos(CLAUDE, usage) == picos


@given(st.data(), prices(), st.sampled_from(TIERS))
def test_cost_any_usage_is_rounded_up_once(
    data: st.DataObject, price: Price, tier: str | None
) -> None:
    """Less than one nano-USD above the exact figure, never below."""
    usage = data.draw(usages(300_000, 50_000))
    picos, nanos = cost_picos(price, usage, tier), cost_nanos(price, usage, tier)
    assert 0 <= nanos * 1000 - picos < 1000


@given(st.data(), prices(), st.sampled_from(TIERS), st.integers(1, 1000))
def test_cost_more_output_never_costs_less(
    data: st.DataObject, price: Price, tier: str | None, more: int
) -> None:
    """An answer cut short by our clamp is never dearer than the whole one."""
    usage = data.draw(usages(300_000, 50_000))
    longer = replace(usage, completion_tokens=usage.completion_tokens + more)
    assert cost_picos(price, longer, tier) >= cost_picos(price, usage, tier)


@given(st.data(), st.sampled_from(TIERS))
def test_cost_of_a_free_model_is_zero(data: st.DataObject, tier: str | None) -> None:
    """Explicit zeros, whatever was used."""
    free = price_of(input_cost_per_token=0, output_cost_per_token=0)
    assert cost_nanos(free, data.draw(usages(300_000, 50_000)), tier) == 0
