"""The cheaper model: who is one, and what a call would cost at most with it."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from credit.cheaper import bound_elsewhere, find_cheaper
from credit.money import nanos_from_picos
from credit.policy import Policy
from credit.terms import Terms
from tests.unit.door import a_model_map, a_price

PICOS = st.integers(0, 10**8)
TOKENS = st.integers(0, 10**7)
TERMS = st.builds(
    Terms,
    input_picos=PICOS,
    output_picos=PICOS,
    above=st.none() | st.tuples(st.integers(1, 10**6), PICOS, PICOS),
    audio_in_picos=st.just(0),
    audio_out_picos=st.just(0),
    context_tokens=st.just(0),
    max_output_tokens=st.just(0),
    min_output_tokens=st.sampled_from([256, 4096]),
    image_tokens=st.just(0),
    reasoning=st.just(False),  # noqa: FBT003 (a value to draw)
    free=st.just(False),  # noqa: FBT003 (a value to draw)
)


@given(TERMS, TERMS, TOKENS, TOKENS)
def test_bound_elsewhere_is_never_below_the_cost_there(
    asked: Terms, other: Terms, tokens_in: int, tokens_out: int
) -> None:
    """Whatever the call consists of: a hint must not lead to the next refusal."""
    cost = nanos_from_picos(tokens_in * asked.input_picos + tokens_out * asked.output_picos)
    bound = bound_elsewhere(cost, asked, other)
    assume(bound is not None)
    _, above_in, above_out = other.above or (0, 0, 0)
    dear_in, dear_out = max(other.input_picos, above_in), max(other.output_picos, above_out)
    assert bound is not None
    assert nanos_from_picos(tokens_in * dear_in + tokens_out * dear_out) <= bound


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"cheaper": {"gpt-4o": "mini"}}, "mini"),
        ({"cheaper": {"gpt-4o": "mini"}, "models": ["gpt*"]}, None),
        ({"cheaper": {"gpt-4o": "mystery"}}, None),
        ({"cheaper": {"gpt-4o": "nobody"}}, None),
        ({"cheaper": {"o3": "mini"}}, None),
    ],
)
def test_cheaper_model_is_one_that_may_be_used(body: dict[str, Any], found: str | None) -> None:
    """Named for the one asked for, allowed, and priced."""
    models = a_model_map(mini=a_price("mini"))
    assert find_cheaper(Policy.from_json(body), "gpt-4o", models) == found
    assert find_cheaper(Policy.from_json(body), "gpt-4o", None) is None
