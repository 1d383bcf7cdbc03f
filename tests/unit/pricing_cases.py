"""Prices, usages and requests for the pricing tests: generated, within what a call may do."""

from typing import Any

from hypothesis import strategies as st

from credit.prices import Price, Usage

TIERS = (None, "default", "auto", "flex", "priority", "fast", "balanced", "ultrafast", "scale", "x")
SUFFIXES = ("", "_flex", "_priority", "_balanced", "_ultrafast")
PLAIN = (
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
    "cache_creation_input_token_cost_above_1hr",
    "output_cost_per_reasoning_token",
    "input_cost_per_audio_token",
    "output_cost_per_audio_token",
    "cache_read_input_audio_token_cost",
    "input_cost_per_image_token",
)
TIERED = (
    "input_cost_per_token",
    "output_cost_per_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
)
RATE = st.integers(min_value=0, max_value=200_000_000).map(lambda picos: f"{picos}e-12")


def price_of(key: str = "m", **entry: Any) -> Price:
    """A price from keys as LiteLLM writes them."""
    whole = {"mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6} | entry
    price = Price.from_litellm(key, whole)
    assert price is not None
    return price


@st.composite
def prices(draw: st.DrawFn) -> Price:
    """Any model that tokens price: tiers, thresholds, meters and limits present or not."""
    optional = [
        *PLAIN,
        *(f"{name}{suffix}" for name in TIERED for suffix in SUFFIXES[1:]),
        *(
            f"{name}_above_{size}_tokens{suffix}"
            for name in (*TIERED, "cache_creation_input_token_cost_above_1hr")
            for size in ("128k", "200k")
            for suffix in SUFFIXES
        ),
    ]
    named = draw(st.lists(st.sampled_from(optional), unique=True, max_size=12))
    limits = st.sampled_from([None, 1, 8191, 128_000, 1_000_000])
    return price_of(
        litellm_provider=draw(st.sampled_from(["openai", "anthropic", "xai", "fireworks_ai"])),
        input_cost_per_token=draw(RATE),
        output_cost_per_token=draw(RATE),
        max_input_tokens=draw(limits),
        max_output_tokens=draw(limits),
        supports_reasoning=draw(st.booleans()),
        provider_specific_entry=draw(st.sampled_from([None, {"us": 1.1, "fast": 6.0}])),
        **{name: draw(RATE) for name in named},
    )


@st.composite
def usages(draw: st.DrawFn, input_tokens: int, output_tokens: int) -> Usage:
    """What a provider may report of a call with at most so many tokens, whatever the split."""
    prompt = draw(st.integers(0, input_tokens))
    completion = draw(st.integers(0, output_tokens))
    cached = draw(st.integers(0, prompt))
    creation = draw(st.integers(0, prompt - cached))
    reasoning = draw(st.integers(0, completion))
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=cached,
        cache_creation_tokens=creation,
        cache_creation_1h_tokens=draw(st.integers(0, creation)),
        reasoning_tokens=reasoning,
        audio_input_tokens=draw(st.integers(0, prompt - cached - creation)),
        audio_output_tokens=draw(st.integers(0, completion - reasoning)),
    )
