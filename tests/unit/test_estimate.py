"""What a call that never reported exactly is estimated to have cost."""

from typing import Any

import pytest

from accounting.estimate import DEFAULT_TOKENS_PER_S, ReasoningPace, estimate_nanos
from tests.unit.door import a_price
from tests.unit.evidence import cost, end, evidence, start

IN_NANOS, OUT_NANOS = 2_500, 10_000
PLAIN, THINKER = a_price(), a_price("gpt-5", supports_reasoning=True)
CERTAIN = 1_000 * IN_NANOS + 100 * OUT_NANOS  # 1,000 tokens in, 400 characters out


def estimated(price: Any, *records: dict[str, Any], held: int | None = None) -> int:
    """The estimate of a model whose pace nobody knows."""
    return estimate_nanos(evidence(*records), price.key, price, ReasoningPace(), held)


def test_estimate_of_a_plain_model_is_input_and_a_quarter_of_the_characters() -> None:
    """As the callback counted the input; a part of a token is a token."""
    assert estimated(PLAIN, start(), end("aborted", output_chars=400)) == CERTAIN
    assert estimated(PLAIN, start(), end("aborted", output_chars=1)) == 1_000 * IN_NANOS + OUT_NANOS


def test_estimate_without_start_or_end_takes_what_is_known() -> None:
    """LiteLLM crashed, or its first record was lost: never an exception."""
    assert estimated(PLAIN, start()) == 1_000 * IN_NANOS
    assert estimated(PLAIN, end("aborted", output_chars=400)) == 100 * OUT_NANOS
    assert estimated(PLAIN) == 0


def test_estimate_of_a_reasoning_model_adds_its_silence() -> None:
    """Half a second of silence at the default pace, at the output price."""
    hidden = DEFAULT_TOKENS_PER_S // 2
    found = estimated(THINKER, start(), end("aborted", output_chars=400, first_visible_ms=500))
    assert found == CERTAIN + hidden * OUT_NANOS


def test_estimate_of_a_model_that_never_spoke_takes_the_whole_time() -> None:
    """Cut before the first visible token: all of it was thinking."""
    ended = end("aborted", first_visible_ms=None, duration_ms=3_000)
    assert estimated(THINKER, start(), ended) == (
        1_000 * IN_NANOS + 3 * DEFAULT_TOKENS_PER_S * OUT_NANOS
    )


@pytest.mark.parametrize(
    ("held", "nanos"), [(CERTAIN + 5, CERTAIN + 5), (0, CERTAIN), (10**9, None)]
)
def test_estimate_of_hidden_tokens_stays_within_the_hold(held: int, nanos: int | None) -> None:
    """Hidden tokens are a guess and never exceed the rest of the hold; what was seen counts in full."""
    ended = end("aborted", output_chars=400, first_visible_ms=1_000)
    unbounded = CERTAIN + DEFAULT_TOKENS_PER_S * OUT_NANOS
    assert estimated(THINKER, start(), ended, held=held) == (nanos or unbounded)


def test_estimate_in_a_service_tier_uses_its_price() -> None:
    """Priority costs more, when the cost record says so."""
    price = a_price(input_cost_per_token_priority=5e-06, output_cost_per_token_priority=2e-05)
    guess = cost(exact=False, service_tier="priority")
    assert estimated(price, start(), end("aborted", output_chars=400), guess) == 2 * CERTAIN


def test_pace_is_the_median_of_the_complete_calls() -> None:
    """One odd call does not move it; the old ones are forgotten."""
    pace = ReasoningPace()
    assert pace.tokens("gpt-5", 2_000) == 2 * DEFAULT_TOKENS_PER_S
    for tokens in (100, 120, 90_000):
        pace.learn("gpt-5", tokens, 1_000)
    pace.learn("gpt-5", 0, 1_000)
    pace.learn("gpt-5", 5, 0)
    assert pace.tokens("gpt-5", 2_000) == 240
    assert pace.tokens("other", 1_000) == DEFAULT_TOKENS_PER_S
    for _ in range(200):
        pace.learn("gpt-5", 10, 1_000)
    assert pace.tokens("gpt-5", 1_000) == 10
