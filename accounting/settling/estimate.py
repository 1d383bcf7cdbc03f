"""What a call that never reported exactly is estimated to have cost (pure).

Source: protocol.md 6. Unbiased, not a bound: input as the callback counted it, a quarter of a
token per delivered byte, and for reasoning models the silent time at the model's own pace. Where the
callback said nothing, the bytes that Envoy counted stand in: rough, and never more than the hold.
"""

from collections import defaultdict, deque
from collections.abc import Mapping
from statistics import median
from typing import Any

from accounting.settling.evidence import Evidence
from credit.cost import cost_nanos
from credit.money import marked_up
from credit.prices import Price, Usage

# A quarter of a token per byte of UTF-8: as ever for Latin letters, and near the truth for others.
BYTES_PER_TOKEN = 4
# A streamed token comes in a JSON object of its own, of LiteLLM's making; a whole answer in one (measured: 635 bytes
# for 10 tokens, 2,225 for 400). A client that takes gzip gets fewer, and is estimated too low.
STREAM_BYTES_PER_TOKEN = 220
ANSWER_ENVELOPE_BYTES = 600
CALLS_KEPT = 200
DEFAULT_TOKENS_PER_S = 60
MILLIS_PER_S = 1000


class ReasoningPace:
    """Hidden tokens per second by model: the median of its last complete calls."""

    def __init__(self) -> None:
        """Knows nothing yet: DEFAULT_TOKENS_PER_S."""
        self._seen: defaultdict[str, deque[int]] = defaultdict(lambda: deque(maxlen=CALLS_KEPT))

    def learn(self, model: str, reasoning_tokens: int, silent_ms: int) -> None:
        """Add one complete call."""
        if reasoning_tokens > 0 and silent_ms > 0:
            self._seen[model].append(reasoning_tokens * MILLIS_PER_S // silent_ms)

    def tokens(self, model: str, silent_ms: int) -> int:
        """Hidden tokens expected in so much silence."""
        pace = self._seen.get(model)
        tokens_per_s = int(median(pace)) if pace else DEFAULT_TOKENS_PER_S
        return tokens_per_s * silent_ms // MILLIS_PER_S


def estimate_nanos(
    evidence: Evidence,
    model: str,
    price: Price,
    pace: ReasoningPace,
    *,
    hold_nanos: int | None,
    remembered_tokens: int | None,
    markup_percent: int = 0,
) -> int:
    """The estimate in nano-USD, with the markup of its hold.

    `hold_nanos` bounds hidden reasoning (None: nothing was held); `remembered_tokens` is the size
    of the conversation that the provider keeps (None: unknown).
    """
    start: Mapping[str, Any] = evidence.start or {}
    end: Mapping[str, Any] = evidence.end or {}
    tiers = [cost.get("service_tier") for cost in evidence.bodies("cost")]
    tier = next(filter(None, [*tiers, end.get("service_tier")]), None)
    if end.get("complete") and end.get("usage"):  # the provider's own count reached the callback
        return marked_up(cost_nanos(price, Usage(**end["usage"]), tier), markup_percent)
    seen = Usage(_prompt_tokens(start, remembered_tokens), _spoken_tokens(end))
    certain = marked_up(cost_nanos(price, seen, tier), markup_percent)
    prompt = seen.prompt_tokens if start else _unseen_prompt(evidence, price)
    spoken = seen.completion_tokens if end else _unseen_answer(evidence)
    hidden = _hidden_tokens(evidence, model, pace) if price.reasoning else 0
    whole = Usage(prompt_tokens=prompt, completion_tokens=spoken + hidden, reasoning_tokens=hidden)
    total = marked_up(cost_nanos(price, whole, tier), markup_percent)
    return total if hold_nanos is None else max(certain, min(total, hold_nanos))


def _prompt_tokens(start: Mapping[str, Any], remembered_tokens: int | None) -> int:
    """As the callback counted it; what nobody could see counts as remembered, else as its bound."""
    counted = int(start.get("input_count_tokens") or 0)
    if not start.get("unseen"):
        return counted
    if remembered_tokens is not None:
        return counted + remembered_tokens
    return int(start.get("input_bound_tokens") or counted)


def _spoken_tokens(end: Mapping[str, Any]) -> int:
    return -(-int(end.get("output_bytes") or 0) // BYTES_PER_TOKEN)


def _unseen_prompt(evidence: Evidence, price: Price) -> int:
    """Without a start: LiteLLM's own guess, else Envoy's bytes, within the context window.

    The bytes may be a photo's: then they are far too many tokens, and the hold is the bound.
    """
    guessed = _guessed_tokens(evidence, "prompt_tokens")
    if guessed or evidence.access is None:
        return guessed
    tokens = -(-int(evidence.access.body.get("bytes_received") or 0) // BYTES_PER_TOKEN)
    return min(tokens, price.context_tokens) if price.context_tokens else tokens


def _unseen_answer(evidence: Evidence) -> int:
    """Without an end: LiteLLM's own guess, else the bytes that Envoy delivered."""
    guessed = _guessed_tokens(evidence, "completion_tokens")
    if guessed or evidence.access is None:
        return guessed
    size = evidence.access.output_bytes
    if evidence.access.body.get("content_type") == "stream":
        return -(-size // STREAM_BYTES_PER_TOKEN)
    return -(-max(size - ANSWER_ENVELOPE_BYTES, 0) // BYTES_PER_TOKEN)


def _guessed_tokens(evidence: Evidence, meter: str) -> int:
    costs = evidence.bodies("cost")
    return max((int((cost.get("usage") or {}).get(meter) or 0) for cost in costs), default=0)


def _hidden_tokens(evidence: Evidence, model: str, pace: ReasoningPace) -> int:
    """Silence at the model's pace, for each choice; none where reasoning was switched off."""
    start: Mapping[str, Any] = evidence.start or {}
    if not start.get("thinks", True):
        return 0
    return pace.tokens(model, _silent_ms(evidence)) * int(start.get("choices") or 1)


def _silent_ms(evidence: Evidence) -> int:
    """Until the first visible token, or all the time of a call that never spoke."""
    if evidence.end is not None:
        silent_ms = evidence.end.get("first_visible_ms")
        return int(evidence.end.get("duration_ms") or 0) if silent_ms is None else int(silent_ms)
    if evidence.access is None:
        return 0
    silent_ms = evidence.access.body.get("first_byte_ms")
    return (
        int(evidence.access.body.get("duration_ms") or 0) if silent_ms is None else int(silent_ms)
    )
