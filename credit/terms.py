"""Terms: the dearest prices under which one of several deployments may answer (pure)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from credit.price_entry import INCLUSIVE_PROVIDERS
from credit.prices import TIER_SUFFIX, Price, Rates, rates_for

MIN_OUTPUT_TOKENS = 256
# A reasoning model cut short returns nothing and is billed.
MIN_REASONING_OUTPUT_TOKENS = 4096
# `scale` is a capacity bought in advance: LiteLLM bills it as standard.
STANDARD_TIERS = {"", "default", "standard", "standard_only", "scale"}
AUTOMATIC_TIER = "auto"


@dataclass(frozen=True, slots=True)
class Terms:
    """The dearest terms under which a name may be answered: prices in pico-USD per token, sizes in tokens.

    `house`: set here by a person, so that LiteLLM's own prices say nothing about the call.
    `above`: (threshold, input, output) once the prompt has more tokens than the threshold.
    Sizes of 0 mean unknown.
    """

    input_picos: int
    output_picos: int
    above: tuple[int, int, int] | None
    audio_in_picos: int
    audio_out_picos: int
    context_tokens: int
    max_output_tokens: int
    min_output_tokens: int
    image_tokens: int
    reasoning: bool
    free: bool
    house: bool = False


def dearest_terms(prices: Sequence[Price], service_tier: str | None) -> Terms:
    """The dearest of at least one price, in the tiers that may be served for the one asked for."""
    tiers = _tiers(service_tier)
    low = [_up_to(price, 0, tier) for price in prices for tier in tiers]
    high = low + [
        _up_to(price, threshold + 1, tier)
        for price in prices
        for tier in tiers
        for threshold in price.thresholds
    ]
    reasoning = any(price.reasoning for price in prices)
    text = low[0].worse(*low[1:])
    beyond = high[0].worse(*high[1:])
    thresholds = [_last_cheap(price) for price in prices if price.thresholds]
    has_audio = any(price.has_audio for price in prices)
    return Terms(
        input_picos=text.input,
        output_picos=text.output,
        above=(min(thresholds), beyond.input, beyond.output) if thresholds else None,
        audio_in_picos=beyond.audio_input if has_audio else 0,
        audio_out_picos=beyond.audio_output if has_audio else 0,
        context_tokens=_largest(price.context_tokens for price in prices),
        max_output_tokens=_largest(price.max_output_tokens for price in prices),
        min_output_tokens=MIN_REASONING_OUTPUT_TOKENS if reasoning else MIN_OUTPUT_TOKENS,
        image_tokens=_largest(price.image_tokens for price in prices),
        reasoning=reasoning,
        free=all(price.free for price in prices),
        house=all(price.house for price in prices),
    )


@dataclass(frozen=True, slots=True)
class _Dearest:
    """Pico-USD per token."""

    input: int
    output: int
    audio_input: int
    audio_output: int

    def worse(self, *others: "_Dearest") -> "_Dearest":
        """The dearest of each."""
        rates = (self, *others)
        return _Dearest(
            max(each.input for each in rates),
            max(each.output for each in rates),
            max(each.audio_input for each in rates),
            max(each.audio_output for each in rates),
        )


def _up_to(price: Price, prompt_tokens: int, tier: str | None) -> _Dearest:
    rates: Rates = rates_for(price, prompt_tokens, tier)

    def in_region(picos: int) -> int:
        return -(-picos * price.region_percent // 100)

    return _Dearest(
        in_region(rates.dearest_input),
        in_region(rates.dearest_output),
        in_region(rates.dearest_audio_input),
        in_region(rates.audio_output),
    )


def _tiers(service_tier: str | None) -> tuple[str | None, ...]:
    """The tiers that may be billed: never only a cheaper one, since the provider may serve standard."""
    tier = (service_tier or "").lower()
    if tier in STANDARD_TIERS:
        return (None,)
    if tier == AUTOMATIC_TIER:
        return (None, "priority")
    return (None, tier) if tier in TIER_SUFFIX else (None, *TIER_SUFFIX)


def _last_cheap(price: Price) -> int:
    """The largest prompt that no threshold touches."""
    return price.thresholds[0] - (price.provider in INCLUSIVE_PROVIDERS)


def _largest(sizes: Iterable[int]) -> int:
    """The largest, or 0 (unknown) as soon as one is unknown."""
    known = list(sizes)
    return max(known) if all(known) else 0
