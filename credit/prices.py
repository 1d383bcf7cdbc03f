"""Prices: what one token of each meter costs, by service tier, by size of the prompt.

The keys are LiteLLM's own (its price file, `/model/info`), the values pico-USD per token.
The rules by which they combine are LiteLLM's too, since its cost is the authoritative meter;
tests/integration/test_litellm_costs.py holds the two equal, to the pico.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any, Self

from credit.image_tokens import image_tokens
from credit.price_entry import (
    INCLUSIVE_PROVIDERS,
    is_priced_by_tokens,
    limit_tokens,
    region_percent,
    token_picos,
)

METERS = {
    "input": "input_cost_per_token",
    "cached": "cache_read_input_token_cost",
    "creation": "cache_creation_input_token_cost",
    "output": "output_cost_per_token",
}
CREATION_1H = "cache_creation_input_token_cost_above_1hr"
REASONING = "output_cost_per_reasoning_token"
AUDIO_IN = "input_cost_per_audio_token"
AUDIO_OUT = "output_cost_per_audio_token"
CACHED_AUDIO = "cache_read_input_audio_token_cost"
# Tokens of other kinds that LiteLLM bills inside the prompt when the provider reports them.
OTHER_INPUT = ("input_cost_per_image_token", "input_cost_per_video_token")

# The tier a request names -> the suffix of LiteLLM's price keys; absent: billed as standard.
TIER_SUFFIX = {
    "flex": "_flex",
    "balanced": "_balanced",
    "priority": "_priority",
    "fast": "_priority",
    "ultrafast": "_ultrafast",
}

_THRESHOLD = re.compile(r"_above_(\d+)(k?)_tokens(_flex|_priority|_balanced|_ultrafast)?$")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call by meter; cached, creation and audio are parts of prompt, reasoning of completion."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_creation_tokens: int = 0
    cache_creation_1h_tokens: int = 0
    reasoning_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Rates:
    """Pico-USD per token of each meter, for one service tier, one side of the thresholds."""

    input: int
    cached: int
    creation: int
    creation_1h: int
    output: int
    reasoning: int
    audio_input: int
    audio_output: int
    cached_audio: int
    other_input: int

    @property
    def dearest_input(self) -> int:
        """The most that any text token of the prompt may cost, however the provider counts it."""
        return max(self.input, self.cached, self.creation, self.creation_1h, self.other_input)

    @property
    def dearest_output(self) -> int:
        """The most that any text token of the answer may cost."""
        return max(self.output, self.reasoning)

    @property
    def dearest_audio_input(self) -> int:
        """The most that any audio token of the prompt may cost."""
        return max(self.audio_input, self.cached_audio)


@dataclass(frozen=True)
class Price:
    """One model's prices. Token counts of 0 mean that LiteLLM does not know the limit."""

    key: str
    provider: str
    context_tokens: int
    max_output_tokens: int
    reasoning: bool
    image_tokens: int  # upper bound for one image; 0: unknown
    picos: Mapping[str, int] = field(hash=False)
    # What LiteLLM may multiply the cost by, in per cent, when the provider says it answered from
    # a dearer region: part of the bound only, since the reported usage does not carry it.
    region_percent: int = 100
    # Set here by a person: what it gives is debited, whatever LiteLLM says the call cost.
    house: bool = False

    @classmethod
    def from_litellm(cls, key: str, entry: Mapping[str, Any]) -> Self | None:
        """Read an entry of LiteLLM's price file or of `/model/info`; None: it has no price by tokens."""
        if not is_priced_by_tokens(key, entry):
            return None
        try:
            picos = token_picos(entry)
            percent = region_percent(entry)
        except ValueError:
            return None
        return cls(
            key=key,
            provider=str(entry.get("litellm_provider") or ""),
            context_tokens=limit_tokens(entry.get("max_input_tokens")),
            max_output_tokens=limit_tokens(entry.get("max_output_tokens")),
            reasoning=bool(entry.get("supports_reasoning")),
            image_tokens=image_tokens(key),
            picos=picos,
            region_percent=percent,
        )

    def scaled(self, factor: Decimal) -> Self:
        """The same model where every token costs `factor` times as much, rounded up."""
        picos = {name: math.ceil(value * factor) for name, value in self.picos.items()}
        return replace(self, picos=picos)

    @property
    def has_audio(self) -> bool:
        """Whether sound has a price of its own."""
        return any(name in self.picos for name in (AUDIO_IN, AUDIO_OUT, CACHED_AUDIO))

    @property
    def free(self) -> bool:
        """Every price is an explicit zero."""
        return not any(self.picos.values())

    @cached_property
    def thresholds(self) -> tuple[int, ...]:
        """Prompt sizes in tokens beyond which other prices hold, ascending."""
        found = {_tokens(match) for name in self.picos if (match := _THRESHOLD.search(name))}
        return tuple(sorted(found))

    def to_json(self) -> dict[str, Any]:
        """As stored in Postgres."""
        return {
            "key": self.key,
            "provider": self.provider,
            "context_tokens": self.context_tokens,
            "max_output_tokens": self.max_output_tokens,
            "reasoning": self.reasoning,
            "image_tokens": self.image_tokens,
            "region_percent": self.region_percent,
            "house": self.house,
            "picos": dict(sorted(self.picos.items())),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """The inverse of to_json."""
        return cls(**body)


def rates_for(price: Price, prompt_tokens: int, service_tier: str | None = None) -> Rates:
    """The rates that hold for a prompt of this size in this tier; a tier without a price is billed as standard."""
    inclusive = price.provider in INCLUSIVE_PROVIDERS
    crossed = tuple(
        t for t in price.thresholds if prompt_tokens > t or (inclusive and prompt_tokens == t)
    )
    return _rates(price, crossed, TIER_SUFFIX.get((service_tier or "").lower(), ""))


@lru_cache(maxsize=20_000)
def _rates(price: Price, crossed: tuple[int, ...], suffix: str) -> Rates:
    picos = price.picos

    def rate(name: str, default: int | None) -> int | None:
        found = picos.get(f"{name}{suffix}", picos.get(name, default))
        for threshold in crossed:  # ascending: the last one crossed holds
            for form in _threshold_forms(threshold):
                found = picos.get(
                    f"{name}_above_{form}_tokens{suffix}",
                    picos.get(f"{name}_above_{form}_tokens", found),
                )
        return found

    base = rate(METERS["input"], 0) or 0
    output = rate(METERS["output"], 0) or 0
    creation = _or(rate(METERS["creation"], None), base)
    cached = _or(rate(METERS["cached"], None), base)
    return Rates(
        input=base,
        cached=cached,
        creation=creation,
        creation_1h=_or(_creation_1h(picos, crossed, suffix), creation),
        output=output,
        reasoning=_reasoning(picos, suffix, output),
        # LiteLLM keeps no audio price of a service tier, though its data names some.
        audio_input=picos.get(AUDIO_IN, base),
        audio_output=picos.get(AUDIO_OUT, output),
        cached_audio=picos.get(CACHED_AUDIO, cached),
        other_input=max((picos.get(name, 0) for name in OTHER_INPUT), default=0),
    )


def _creation_1h(picos: Mapping[str, int], crossed: tuple[int, ...], suffix: str) -> int | None:
    found = picos.get(CREATION_1H)
    for threshold in crossed:
        for form in _threshold_forms(threshold):
            name = f"{CREATION_1H}_above_{form}_tokens"
            found = picos.get(f"{name}{suffix}", picos.get(name, found))
    return found


def _reasoning(picos: Mapping[str, int], suffix: str, output: int) -> int:
    """A tier that has an output price of its own bills reasoning at it, unless it names one for reasoning."""
    own = picos.get(f"{REASONING}{suffix}")
    if own is not None:
        return own
    if suffix and f"{METERS['output']}{suffix}" in picos:
        return output
    return picos.get(REASONING, output)


def _threshold_forms(tokens: int) -> tuple[str, ...]:
    """LiteLLM writes 200000 as `200k` or in full."""
    return (f"{tokens // 1000}k", str(tokens)) if tokens % 1000 == 0 else (str(tokens),)


def _tokens(match: re.Match[str]) -> int:
    return int(match[1]) * (1000 if match[2] else 1)


def _or(value: int | None, default: int) -> int:
    return default if value is None else value
