"""The cost of one call, exact, in integers (pure)."""

from credit.money import nanos_from_picos
from credit.prices import Price, Usage, rates_for


def cost_picos(price: Price, usage: Usage, service_tier: str | None = None) -> int:
    """What the usage costs in pico-USD, by LiteLLM's own arithmetic.

    Cached and newly cached tokens are parts of the prompt; where the parts exceed the whole
    (some providers count twice), the uncached rest is what is left of the whole.
    """
    rates = rates_for(price, usage.prompt_tokens, service_tier)
    # A provider that reports only the long-lived ones must not turn the rest negative.
    short_lived = max(usage.cache_creation_tokens - usage.cache_creation_1h_tokens, 0)
    prompt = (
        usage.cached_tokens * rates.cached
        + short_lived * rates.creation
        + usage.cache_creation_1h_tokens * rates.creation_1h
    )
    uncached = max(usage.prompt_tokens - usage.cached_tokens - usage.cache_creation_tokens, 0)
    audio = usage.audio_input_tokens
    if usage.cached_tokens or usage.cache_creation_tokens:
        audio = min(audio, uncached)
    prompt += audio * rates.audio_input + max(uncached - audio, 0) * rates.input
    spoken = max(usage.completion_tokens - usage.reasoning_tokens - usage.audio_output_tokens, 0)
    answer = (
        spoken * rates.output
        + usage.reasoning_tokens * rates.reasoning
        + usage.audio_output_tokens * rates.audio_output
    )
    return prompt + answer


def cost_nanos(price: Price, usage: Usage, service_tier: str | None = None) -> int:
    """The same in nano-USD, rounded up once."""
    return nanos_from_picos(cost_picos(price, usage, service_tier))
