"""The books: what the ledger debited against what the provider's own log says, priced."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from credit.cost import cost_nanos
from credit.prices import Price, Usage
from local.provider.truth import TruthCall

ANSWERED = 200


@dataclass(frozen=True)
class Books:
    """Both sides in nano-USD; `differing` holds the provider's ids of calls that do not match."""

    ledger_nanos: int
    provider_nanos: int
    calls: int
    differing: tuple[str, ...]
    open_holds: int
    overage_nanos: int

    @property
    def matched(self) -> int:
        """Calls with one debit that equals the provider's figure to the nano."""
        return self.calls - len(self.differing)

    @property
    def agree(self) -> bool:
        """Whether the sums are equal, every call matches and every hold is closed."""
        same = self.ledger_nanos == self.provider_nanos and not self.differing
        return same and self.open_holds == 0


def usage_of(call: TruthCall) -> Usage:
    """What a call consumed, as the price book counts it."""
    return Usage(
        prompt_tokens=call.prompt_tokens,
        completion_tokens=call.completion_tokens,
        cached_tokens=call.cached_tokens,
        reasoning_tokens=call.reasoning_tokens,
        audio_input_tokens=call.audio_input_tokens,
        audio_output_tokens=call.audio_output_tokens,
    )


def truth_nanos(call: TruthCall, prices: Mapping[str, Price]) -> int:
    """Cost of one call by the price book; 0 for one that the provider refused."""
    if call.status != ANSWERED:
        return 0
    return cost_nanos(prices[call.model], usage_of(call), call.service_tier)


def compare(
    truth: Iterable[TruthCall],
    prices: Mapping[str, Price],
    costs: Mapping[str, int],
    *,
    ledger_nanos: int,
    open_holds: int,
    overage_nanos: int,
) -> Books:
    """Set every answered call of the provider against the debit that carries its id."""
    answered = [call for call in truth if call.status == ANSWERED]
    provider = {call.response_id: truth_nanos(call, prices) for call in answered}
    unequal = [name for name, nanos in provider.items() if costs.get(name) != nanos]
    unknown = [name for name in costs if name not in provider]
    return Books(
        ledger_nanos=ledger_nanos,
        provider_nanos=sum(truth_nanos(call, prices) for call in answered),
        calls=len(answered),
        differing=(*unequal, *unknown),
        open_holds=open_holds,
        overage_nanos=overage_nanos,
    )
