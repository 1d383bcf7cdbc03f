"""What a call may cost: the token's prices, or LiteLLM's own where those are dearer.

Integers only: picos per token, nanos per call, rounded up once.
"""

from __future__ import annotations

from dataclasses import dataclass

from .token import Above, HoldToken

PICOS_PER_NANO = 1000
# A model whose limit nobody knows: as much as an ordinary long answer is asked for.
UNKNOWN_OUTPUT_TOKENS = 16_384


@dataclass(frozen=True)
class Prices:
    """Picos per token, and those of a prompt above a threshold."""

    input_picos: int
    output_picos: int
    above: Above | None

    def for_prompt(self, tokens: int) -> tuple[int, int]:
        """The dearest input and output price a prompt of up to `tokens` tokens can meet."""
        if self.above is None or tokens <= self.above.threshold_tokens:
            return self.input_picos, self.output_picos
        return (
            max(self.input_picos, self.above.input_picos),
            max(self.output_picos, self.above.output_picos),
        )


@dataclass(frozen=True)
class Terms:
    """The prices of one call with its input bound: enough to price any output."""

    input_tokens: int
    input_picos: int
    output_picos: int
    fee_nanos: int
    price_stale: bool
    markup_percent: int = 0

    def cost_nanos(self, output_tokens: int) -> int:
        """The most the call can cost with that much output; rounded where the ledger rounds."""
        picos = self.input_tokens * self.input_picos + output_tokens * self.output_picos
        nanos = -(-picos // PICOS_PER_NANO) + self.fee_nanos
        return nanos + -(-nanos * self.markup_percent // 100)

    def affordable_output_tokens(self, granted_nanos: int) -> int | None:
        """How much output the grant pays after the input; None when output is free."""
        if self.output_picos == 0:
            return None
        before_markup = granted_nanos * 100 // (100 + self.markup_percent)
        left = (before_markup - self.fee_nanos) * PICOS_PER_NANO
        return max(0, (left - self.input_tokens * self.input_picos) // self.output_picos)


def settle_terms(
    token: HoldToken, billed: Prices | None, input_tokens: int, *, audio_in: bool, audio_out: bool
) -> Terms:
    """The terms of a call: the dearer of the token's prices and LiteLLM's, unless a person set the former."""
    stated = Prices(token.input_picos, token.output_picos, token.above)
    input_picos, output_picos = stated.for_prompt(input_tokens)
    stale = False
    if billed is not None and not token.house_prices:
        billed_input, billed_output = billed.for_prompt(input_tokens)
        stale = billed_input > input_picos or billed_output > output_picos
        input_picos = max(input_picos, billed_input)
        output_picos = max(output_picos, billed_output)
    if audio_in:
        input_picos = max(input_picos, token.audio_input_picos)
    if audio_out:
        output_picos = max(output_picos, token.audio_output_picos)
    return Terms(
        input_tokens, input_picos, output_picos, token.fee_nanos, stale, token.markup_percent
    )


@dataclass(frozen=True)
class Output:
    """The output of a call, per choice: what was asked, the model's limit, the least useful.

    `imposed`: a policy allows less than what the request or the model itself would stop at.
    """

    full_tokens: int
    least_tokens: int
    choices: int
    limited: bool
    imposed: bool = False

    @property
    def full_total(self) -> int:
        """Everything the provider may answer."""
        return self.full_tokens * self.choices

    @property
    def least_total(self) -> int:
        """The shortest answer that is of any use."""
        return self.least_tokens * self.choices


def plan_output(token: HoldToken, asked_tokens: int | None, choices: int) -> Output:
    """What the call may put out. `limited`: the provider itself stops at `full_tokens`."""
    limits = [limit for limit in (asked_tokens, token.max_output_tokens) if limit]
    if token.route == "embeddings":
        return Output(0, 0, 1, limited=True)
    full = min(limits) if limits else (token.context_tokens or UNKNOWN_OUTPUT_TOKENS)
    # Shadow and off alter no call: there the policy's limit would be a bound that nobody keeps.
    allowed = token.limit_tokens if token.mode == "enforce" else 0
    imposed = 0 < allowed < full or (allowed > 0 and not limits)
    full = min(full, allowed) if imposed else full
    least = min(token.min_output_tokens, full)
    return Output(full, least, choices, limited=bool(limits) or imposed, imposed=imposed)


def clamp_tokens(terms: Terms, output: Output, granted_nanos: int) -> int | None:
    """The output limit per choice to send upstream; None: leave the request as it is."""
    affordable = terms.affordable_output_tokens(granted_nanos)
    if affordable is None:
        return output.full_tokens if output.imposed else None
    per_choice = affordable // output.choices
    if output.limited and per_choice >= output.full_tokens:
        return output.full_tokens if output.imposed else None
    return max(1, min(per_choice, output.full_tokens) if output.limited else per_choice)
