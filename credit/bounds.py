"""The bound at the door: what a call may cost at most, from what Envoy can see of it (pure).

Source: DESIGN section 4. It sizes the hold and never refuses by itself: one photo is a million
"tokens" of base64, a thousand real ones. The body bound, made exact, is the callback's.
"""

from dataclasses import dataclass

from credit.models import Terms
from credit.money import nanos_from_picos

# What nearly every prompt exceeds: a hold below it could not carry any call.
MINIMUM_INPUT_TOKENS = 1000
# What the callback adds to a body for the words a provider puts around the whole of it. Its share
# for each message is less than the quotes and braces of that message; this one is not in the bytes.
# Without it a small hold would need an extension, which nobody answers while Postgres is away.
REQUEST_TOKENS = 64
# Where LiteLLM knows neither the output limit nor the context window of a model.
UNKNOWN_CONTEXT_TOKENS = 131_072


@dataclass(frozen=True, slots=True)
class DoorRequest:
    """What is known at the door; `continued`: the provider keeps a conversation that counts as input."""

    route: str  # chat, responses, embeddings
    body_bytes: int
    output_asked_tokens: int | None
    choices: int
    continued: bool


@dataclass(frozen=True, slots=True)
class DoorBound:
    """Sizes in tokens (output for all choices together), amounts in nano-USD: min <= target <= want.

    Prices are pico-USD per token, those of text.
    """

    input_tokens: int
    output_tokens: int
    input_picos: int
    output_picos: int
    choices: int
    min_output_tokens: int
    min_nanos: int
    want_nanos: int

    def target_nanos(self, usual_output_tokens: int) -> int:
        """Room for the input, and for an answer of the usual size of this model for this client."""
        usual = max(self.min_output_tokens, usual_output_tokens * self.choices)
        target = _nanos(self.input_tokens, self.input_picos, usual, self.output_picos)
        return max(self.min_nanos, min(target, self.want_nanos))


def door_bound(request: DoorRequest, terms: Terms) -> DoorBound:
    """The bound of one call under the dearest terms: a token per body byte, with those around it.

    `want` covers a body that is all sound, since the door cannot tell; the rest reckons with text.
    """
    input_tokens = _input_tokens(request, terms)
    input_picos, output_picos = terms.input_picos, terms.output_picos
    if terms.above is not None and input_tokens > terms.above[0]:
        _, input_picos, output_picos = terms.above
    per_choice = _output_tokens(request, terms)
    output_tokens = per_choice * request.choices
    want = _nanos(
        input_tokens,
        max(input_picos, terms.audio_in_picos),
        output_tokens,
        max(output_picos, terms.audio_out_picos),
    )
    minimum = min(terms.min_output_tokens, per_choice) * request.choices
    least = _nanos(
        min(MINIMUM_INPUT_TOKENS, input_tokens), terms.input_picos, minimum, terms.output_picos
    )
    return DoorBound(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        input_picos=input_picos,
        output_picos=output_picos,
        choices=request.choices,
        min_output_tokens=minimum,
        min_nanos=min(least, want),
        want_nanos=want,
    )


def _input_tokens(request: DoorRequest, terms: Terms) -> int:
    if request.route == "embeddings":  # many inputs, each with a window of its own: no cap
        return request.body_bytes
    if request.continued:  # what the provider kept is not in the body
        return terms.context_tokens or max(request.body_bytes, UNKNOWN_CONTEXT_TOKENS)
    tokens = request.body_bytes + REQUEST_TOKENS
    return min(tokens, terms.context_tokens or tokens)


def _output_tokens(request: DoorRequest, terms: Terms) -> int:
    if request.route == "embeddings":
        return 0
    limit = terms.max_output_tokens or terms.context_tokens or UNKNOWN_CONTEXT_TOKENS
    return limit if request.output_asked_tokens is None else min(request.output_asked_tokens, limit)


def _nanos(input_tokens: int, input_picos: int, output_tokens: int, output_picos: int) -> int:
    return nanos_from_picos(input_tokens * input_picos + output_tokens * output_picos)
