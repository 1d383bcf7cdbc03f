"""What a call that never reported exactly is estimated to have cost."""

from typing import Any

import pytest

from accounting.settling.estimate import (
    ANSWER_ENVELOPE_BYTES,
    DEFAULT_TOKENS_PER_S,
    STREAM_BYTES_PER_TOKEN,
    ReasoningPace,
    estimate_nanos,
)
from tests.unit.door import a_price
from tests.unit.evidence import access, cost, end, evidence, start

IN_NANOS, OUT_NANOS = 2_500, 10_000
PLAIN, THINKER = a_price(), a_price("gpt-5", supports_reasoning=True)
CERTAIN = 1_000 * IN_NANOS + 100 * OUT_NANOS  # 1,000 tokens in, 400 bytes out


def estimated(
    price: Any,
    *records: dict[str, Any],
    held: int | None = None,
    remembered: int | None = None,
) -> int:
    """The estimate of a model whose pace nobody knows."""
    return estimate_nanos(
        evidence(*records),
        price.key,
        price,
        ReasoningPace(),
        hold_nanos=held,
        remembered_tokens=remembered,
    )


def test_estimate_of_a_plain_model_is_input_and_a_quarter_of_the_bytes() -> None:
    """As the callback counted the input; a part of a token is a token."""
    assert estimated(PLAIN, start(), end("aborted", output_bytes=400)) == CERTAIN
    assert estimated(PLAIN, start(), end("aborted", output_bytes=1)) == 1_000 * IN_NANOS + OUT_NANOS


def test_estimate_without_start_or_end_takes_what_is_known() -> None:
    """LiteLLM crashed, or its first record was lost: never an exception."""
    assert estimated(PLAIN, start()) == 1_000 * IN_NANOS
    assert estimated(PLAIN, end("aborted", output_bytes=400)) == 100 * OUT_NANOS
    assert estimated(PLAIN) == 0


def test_estimate_of_a_reasoning_model_adds_its_silence() -> None:
    """Half a second of silence at the default pace, at the output price."""
    hidden = DEFAULT_TOKENS_PER_S // 2
    found = estimated(THINKER, start(), end("aborted", output_bytes=400, first_visible_ms=500))
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
    ended = end("aborted", output_bytes=400, first_visible_ms=1_000)
    unbounded = CERTAIN + DEFAULT_TOKENS_PER_S * OUT_NANOS
    assert estimated(THINKER, start(), ended, held=held) == (nanos or unbounded)


def test_estimate_in_a_service_tier_uses_its_price() -> None:
    """Priority costs more, when the cost record says so."""
    price = a_price(input_cost_per_token_priority=5e-06, output_cost_per_token_priority=2e-05)
    guess = cost(exact=False, service_tier="priority")
    assert estimated(price, start(), end("aborted", output_bytes=400), guess) == 2 * CERTAIN


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


def test_estimate_of_input_that_nobody_saw_is_what_the_provider_remembers_else_the_bound() -> None:
    """A continued conversation must not become free by hanging up."""
    unseen = start(unseen=True, input_bound_tokens=128_000)
    left = end("aborted", output_bytes=0)
    assert estimated(PLAIN, unseen, left, remembered=50_000) == 51_000 * IN_NANOS
    assert estimated(PLAIN, unseen, left) == 128_000 * IN_NANOS


def test_estimate_of_hidden_tokens_counts_each_choice_and_none_where_switched_off() -> None:
    """Eight answers think eight times; minimal effort does not think."""
    left = end("aborted", output_bytes=0, first_visible_ms=1_000)
    once = DEFAULT_TOKENS_PER_S * OUT_NANOS
    assert estimated(THINKER, start(choices=8), left) == 1_000 * IN_NANOS + 8 * once
    assert estimated(THINKER, start(thinks=False), left) == 1_000 * IN_NANOS


def test_estimate_without_a_cost_event_uses_the_tier_that_answered() -> None:
    """Breaking LiteLLM's report must not make priority cheap: the end record says the tier."""
    usage = {"prompt_tokens": 1_000, "completion_tokens": 100}
    price = a_price(input_cost_per_token_priority=5e-06, output_cost_per_token_priority=2e-05)
    standard = estimated(price, start(), end(usage=usage))
    assert standard == 1_000 * IN_NANOS + 100 * OUT_NANOS
    assert estimated(price, start(), end(usage=usage, service_tier="priority")) == 2 * standard


STREAMED = 1_000 * IN_NANOS + 100 * OUT_NANOS  # 4,000 bytes in, 100 streamed tokens out


def test_estimate_by_bytes_stands_in_for_a_callback_that_said_nothing() -> None:
    """Input a quarter of a token per byte; a streamed token comes in an object of its own."""
    size = 100 * STREAM_BYTES_PER_TOKEN
    assert estimated(PLAIN, access(bytes_sent=size)) == STREAMED
    whole = access(bytes_sent=ANSWER_ENVELOPE_BYTES + 400, content_type="json")
    assert estimated(PLAIN, whole) == STREAMED
    assert estimated(PLAIN, access(bytes_sent=10, content_type="json")) == 1_000 * IN_NANOS


def test_estimate_by_bytes_counts_no_error_as_output() -> None:
    """What Envoy or LiteLLM sent with an error is no answer; what went in may have been billed."""
    for code in (None, 408, 503):
        assert estimated(PLAIN, access(code, bytes_sent=9_000)) == 1_000 * IN_NANOS


def test_estimate_by_bytes_stays_within_the_context_window_and_the_hold() -> None:
    """One photo is a million tokens of base64: nobody pays for that unseen."""
    photo = access(bytes_received=4_000_000, bytes_sent=0)
    assert estimated(PLAIN, photo) == 128_000 * IN_NANOS
    assert estimated(PLAIN, photo, held=7_000_000) == 7_000_000


def test_estimate_prefers_what_the_callback_counted_to_bytes() -> None:
    """A start without an end: the input as counted, the output as Envoy delivered it."""
    size = 100 * STREAM_BYTES_PER_TOKEN
    seen = access(bytes_received=4_000_000, bytes_sent=size)
    assert estimated(PLAIN, start(), seen) == CERTAIN
    left = end("aborted", output_bytes=400)
    assert estimated(PLAIN, start(), left, access(bytes_sent=9_000_000)) == CERTAIN


def test_estimate_prefers_litellms_own_guess_to_bytes() -> None:
    """Its webhook tells of a stream that the client left, with tokens that it counted itself."""
    guess = cost(exact=False, usage={"prompt_tokens": 10, "completion_tokens": 3})
    assert estimated(PLAIN, guess, access()) == 10 * IN_NANOS + 3 * OUT_NANOS


def test_estimate_by_bytes_of_a_reasoning_model_adds_its_silence() -> None:
    """Until the first byte came; all of the time where none did."""
    pause = access(bytes_sent=0, first_byte_ms=1_000)
    once = DEFAULT_TOKENS_PER_S * OUT_NANOS
    assert estimated(THINKER, pause) == 1_000 * IN_NANOS + once
    mute = access(None, bytes_sent=0, first_byte_ms=None, duration_ms=2_000)
    assert estimated(THINKER, mute) == 1_000 * IN_NANOS + 2 * once


def test_estimate_carries_the_markup_of_its_hold_and_stays_within_it() -> None:
    """As the debit would have."""
    seen = evidence(start(), end("aborted", output_bytes=400))
    marked = CERTAIN + CERTAIN * 15 // 100
    for held, expected in ((None, marked), (CERTAIN, marked), (2 * CERTAIN, marked)):
        found = estimate_nanos(
            seen, "gpt-4o", PLAIN, ReasoningPace(),
            hold_nanos=held, remembered_tokens=None, markup_percent=15,
        )  # fmt: skip
        assert found == expected
