"""One entry of LiteLLM's price data: whether tokens price it, at what, within which limits.

Not priced, hence refused as `model_unpriced`: models billed by the clock (off-peak hours), by
tables of sizes (`tiered_pricing`), by characters, seconds, images or requests, and those that
search the web unasked.
"""

import re
from collections.abc import Mapping
from typing import Any

from credit.money import PICOS_PER_USD, price_picos

# Billed by something else than tokens, or by the clock: such a model counts as unpriced.
NOT_BY_TOKEN = (
    "tiered_pricing",
    "off_peak_pricing",
    "cost_per_second",
    "input_cost_per_second",
    "output_cost_per_second",
    "input_cost_per_character",
    "output_cost_per_character",
    "input_cost_per_request",
    "input_cost_per_query",
    "input_cost_per_image",
    "output_cost_per_image",
    "output_cost_per_image_token",
    "output_cost_per_video_token",
    "input_cost_per_audio_per_second",
    "input_cost_per_video_per_second",
    "citation_cost_per_token",
)
# LiteLLM has a rule of its own for them (fees for each request, the provider's figure): unpriced.
OTHER_RULES = {"perplexity"}
# These search the web unasked, and each search costs a fee beside the tokens: unpriced.
SEARCHES_UNASKED = re.compile(r"-search-(preview|api)|deep-research")
# A provider whose cached tokens cost half where LiteLLM's data names no price for them.
HALF_PRICE_CACHE_PROVIDERS = {"fireworks_ai"}
# LiteLLM bills them at the standard price whatever the service tier.
ONE_TIER_PROVIDERS = {
    "dashscope",
    "deepseek",
    "fireworks_ai",
    "lemonade",
    "qwen_ai_platform",
    "qwencloud",
    "tencent",
    "xai",
}
# They bill the higher tier once the prompt reaches the threshold, the others beyond it.
INCLUSIVE_PROVIDERS = {"xai"}
ROUTED_MODES = {"chat", "responses", "embedding", "completion", None}

_KEPT = re.compile(
    r"^(input_cost_per_token|output_cost_per_token|cache_read_input_token_cost|cache_creation_input_token_cost"
    r"|cache_creation_input_token_cost_above_1hr|output_cost_per_reasoning_token|input_cost_per_audio_token"
    r"|output_cost_per_audio_token|cache_read_input_audio_token_cost|input_cost_per_image_token"
    r"|input_cost_per_video_token)"
    r"(_above_\d+k?_tokens)?(_flex|_priority|_balanced|_ultrafast)?$"
)

_TIER = re.compile(r"_(flex|priority|balanced|ultrafast)$")


def is_price_of_tokens(name: str) -> bool:
    """Whether a field of an entry is a price per token that we keep."""
    return _KEPT.match(name) is not None


def is_priced_by_tokens(key: str, entry: Mapping[str, Any]) -> bool:
    """Whether the tokens of a call alone say what it costs."""
    if entry.get("mode") not in ROUTED_MODES or any(entry.get(name) for name in NOT_BY_TOKEN):
        return False
    if entry.get("litellm_provider") in OTHER_RULES or SEARCHES_UNASKED.search(key):
        return False
    has_output = entry.get("output_cost_per_token") is not None or entry.get("mode") == "embedding"
    return entry.get("input_cost_per_token") is not None and has_output


def token_picos(entry: Mapping[str, Any]) -> dict[str, int]:
    """Pico-USD per token by LiteLLM's own key names; ValueError when one is no price."""
    provider = entry.get("litellm_provider")
    picos = {
        name: price_picos(value)
        for name, value in entry.items()
        if value is not None
        and is_price_of_tokens(name)
        and not (provider in ONE_TIER_PROVIDERS and _TIER.search(name))
    }
    if provider in HALF_PRICE_CACHE_PROVIDERS:
        half = -(-picos["input_cost_per_token"] // 2)
        picos.setdefault("cache_read_input_token_cost", half)
    return picos


def region_percent(entry: Mapping[str, Any]) -> int:
    """The dearest of Anthropic's regions; `fast` is no region and cannot be asked for through us."""
    factors = entry.get("provider_specific_entry")
    named = factors.items() if isinstance(factors, Mapping) else ()
    regions = [price_picos(v) for k, v in named if k != "fast" and isinstance(v, int | float)]
    return max((100, *(-(-picos * 100 // PICOS_PER_USD) for picos in regions)))


def limit_tokens(value: Any) -> int:
    """A limit in tokens, written as 128000, 128000.0 or "128000"; 0: unknown."""
    text = str(value).removesuffix(".0")
    return int(text) if text.isdecimal() else 0
