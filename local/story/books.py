"""The books: what the ledger debited against what the provider's own log says, priced."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from credit.cost import cost_nanos
from credit.models import ModelMap
from credit.prices import Price, Usage
from local.provider.truth import TruthCall

ANSWERED = 200


@dataclass(frozen=True)
class Debit:
    """What the ledger debited for one answer, and which deployment LiteLLM says gave it."""

    nanos: int
    model_group: str
    model_id: str


@dataclass(frozen=True)
class Difference:
    """One call that does not match, in nano-USD; None: that side does not know it."""

    response_id: str
    model: str
    ledger_nanos: int | None
    provider_nanos: int | None


@dataclass(frozen=True)
class Books:
    """Both sides in nano-USD, and the calls that do not match."""

    ledger_nanos: int
    provider_nanos: int
    calls: int
    differing: tuple[Difference, ...]
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


def deployment_nanos(
    call: TruthCall, debit: Debit | None, models: ModelMap, prices: Mapping[str, Price]
) -> int | None:
    """Cost of an answered call by the price of the deployment that gave it; None: it has none.

    A deployment may have a price of its own in LiteLLM's configuration. A call that was never
    debited is priced by the book.
    """
    own = debit and models.find_price(debit.model_group, debit.model_id)
    price = own or prices.get(call.model)
    return cost_nanos(price, usage_of(call), call.service_tier) if price else None


def compare(
    truth: Iterable[TruthCall],
    debits: Mapping[str, Debit],
    models: ModelMap,
    prices: Mapping[str, Price],
    *,
    ledger_nanos: int,
    open_holds: int,
    overage_nanos: int,
) -> Books:
    """Set every answered call of the provider against the debit that carries its id."""
    answered = [call for call in truth if call.status == ANSWERED]
    sides = [_sides(call, debits.get(call.response_id), models, prices) for call in answered]
    known = {call.response_id for call in answered}
    unknown = [
        Difference(name, debit.model_group, debit.nanos, None)
        for name, debit in debits.items()
        if name not in known
    ]
    unequal = [each for each in sides if each.ledger_nanos != each.provider_nanos]
    return Books(
        ledger_nanos=ledger_nanos,
        provider_nanos=sum(each.provider_nanos or 0 for each in sides),
        calls=len(answered),
        differing=(*unequal, *unknown),
        open_holds=open_holds,
        overage_nanos=overage_nanos,
    )


def _sides(
    call: TruthCall, debit: Debit | None, models: ModelMap, prices: Mapping[str, Price]
) -> Difference:
    """What both sides say of one answered call; equal figures are no difference."""
    return Difference(
        call.response_id,
        call.model,
        debit.nanos if debit else None,
        deployment_nanos(call, debit, models, prices),
    )
