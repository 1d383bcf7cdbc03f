"""What LiteLLM bills one deployment by, which is not always what its `/model/info` shows.

`/model/info` lays a deployment's own prices over those of its base model, for display. LiteLLM
bills by a table of the deployment's own, which inherits less (measured on a real proxy, held by
tests/integration/test_litellm_custom_costs.py). Where the two lead apart, or a price is absent
that LiteLLM would take for 0, the deployment has no price: refused, never free by omission.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from credit.price_entry import HALF_PRICE_CACHE_PROVIDERS, NOT_BY_TOKEN
from credit.prices import Price

INPUT, OUTPUT = "input_cost_per_token", "output_cost_per_token"
CACHED = "cache_read_input_token_cost"
# Inherited from the base model once the input has a price of its own.
CACHE_KEYS = (
    "cache_creation_input_token_cost",
    "cache_creation_input_token_cost_above_1hr",
    "cache_creation_input_token_cost_above_200k_tokens",
    CACHED,
    "cache_read_input_token_cost_above_200k_tokens",
)
# Inherited once the input or the output has a price of its own.
TIER_SUFFIXES = ("_flex", "_priority", "_balanced", "_ultrafast")
# What is copied from the shown entry besides prices.
LIMITS = ("max_input_tokens", "max_output_tokens", "supports_reasoning", "mode")
# Where OpenAI serves a project in one region, LiteLLM multiplies the cost by the model's factor.
REGION_OF_OPENAI_HOST = {"eu.api.openai.com": "eu", "us.api.openai.com": "us"}
# LiteLLM's data names some families otherwise than its calls do.
FAMILIES = {
    ("azure", "azure_text"),
    ("bedrock", "bedrock_converse"),
    ("cohere", "cohere_chat"),
    ("openai", "text-completion-openai"),
}


def deployment_price(
    info: Mapping[str, Any],
    parameters: Mapping[str, Any],
    book: Mapping[str, Price],
    *,
    inherits: bool = True,
    book_prevails: bool = False,
) -> Price | None:
    """The price of one item of `/model/info` (its `model_info` and `litellm_params`).

    `inherits`: False for a wildcard's deployment, whose table stands alone. `book_prevails`: a person
    brought the book, so it goes before what LiteLLM publishes (not before what the installation set).
    """
    own = own_prices(info, parameters)
    if not own:
        found = _in_region(_published(info, parameters, book, book_prevails), info, parameters)
    elif not any("cost_per" in name for name in own):
        # LiteLLM ignores cache prices that come alone, though `/model/info` shows them.
        found = None if info.get("base_model") else book.get(str(info.get("key")))
    else:
        found = _own(own, info, parameters, inherits=inherits)
    return None if found is None else _with_widest_limits(found, book.get(found.key))


def own_prices(info: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The prices that the installation itself set, by LiteLLM's key names; older ones show no list."""
    listed = info.get("pricing_overrides") or ()
    written = {name: value for name, value in parameters.items() if _is_price(name)}
    shown = {name: info[name] for name in listed if name in info and _is_price(name)}
    return {name: value for name, value in (written | shown).items() if value is not None}


def _own(
    own: Mapping[str, Any],
    info: Mapping[str, Any],
    parameters: Mapping[str, Any],
    *,
    inherits: bool,
) -> Price | None:
    if INPUT not in own or (OUTPUT not in own and info.get("mode") != "embedding"):
        return None  # LiteLLM would bill the absent one as 0
    entry = {name: info.get(name) for name in LIMITS}
    if inherits:
        inherited = [*CACHE_KEYS, *(name for name in info if name.endswith(TIER_SUFFIXES))]
        entry |= {name: info.get(name) for name in inherited}
    entry |= own
    provider = _provider(parameters, info)
    if provider in HALF_PRICE_CACHE_PROVIDERS and entry.get(CACHED) is None:
        entry[CACHED] = own[INPUT]  # no discount in a table of one's own
    if provider == "xai":  # bills hidden and spoken tokens as one
        entry.pop("output_cost_per_reasoning_token", None)
    key = str(info.get("key") or parameters.get("model") or "")
    return Price.from_litellm(key, {**entry, "litellm_provider": provider})


def _published(
    info: Mapping[str, Any],
    parameters: Mapping[str, Any],
    book: Mapping[str, Price],
    prevails: bool,  # noqa: FBT001 (passed through)
) -> Price | None:
    key, base_model = str(info.get("key") or ""), str(info.get("base_model") or "")
    provider = _provider(parameters, info)
    if base_model:
        same_provider = book.get(f"{provider}/{base_model}")
        if same_provider is not None:
            return same_provider
        # A base model of another provider: LiteLLM does not find it there, and bills something else.
        if not _is_of(provider, str(info.get("litellm_provider") or "")):
            return None
    if prevails and key in book:
        return book[key]
    found = Price.from_litellm(key, info)
    shown_zero = not info.get(INPUT) or (not info.get(OUTPUT) and info.get("mode") != "embedding")
    if found is None or shown_zero:
        # LiteLLM shows 0 where it knows no price: only the book tells the two apart.
        return book.get(key)
    return found


def _in_region(
    price: Price | None, info: Mapping[str, Any], parameters: Mapping[str, Any]
) -> Price | None:
    """Dearer where LiteLLM multiplies the cost: OpenAI by host, Vertex by location."""
    if price is None:
        return None
    provider, factor = _provider(parameters, info), None
    host = urlsplit(str(parameters.get("api_base") or "")).hostname
    location = parameters.get("vertex_location") or parameters.get("vertex_ai_location")
    if provider == "openai" and host in REGION_OF_OPENAI_HOST:
        factor = info.get(f"regional_processing_uplift_multiplier_{REGION_OF_OPENAI_HOST[host]}")
    elif provider.startswith("vertex_ai") and str(location).lower() != "global":
        factor = info.get("regional_endpoint_uplift_multiplier")
    if not factor:
        return price
    if provider == "openai" or location:
        return price.scaled(Decimal(str(factor)))
    # Vertex without a location takes one from LiteLLM's environment: the bound covers the dearer.
    percent = math.ceil(Decimal(str(factor)) * 100)
    return replace(price, region_percent=max(price.region_percent, percent))


def _with_widest_limits(price: Price, published: Price | None) -> Price:
    """A limit written for one deployment is shown for all of the same model: the wider one bounds.

    Of a model that the book does not know, its name says nothing about what an image may cost.
    """
    if published is None:
        return replace(price, image_tokens=0)
    return replace(
        price,
        context_tokens=max(price.context_tokens, published.context_tokens),
        max_output_tokens=max(price.max_output_tokens, published.max_output_tokens),
        reasoning=price.reasoning or published.reasoning,
    )


def _is_price(name: str) -> bool:
    by_token = "_token" in name and "cost" in name and not name.endswith("_batches")
    return by_token or name in NOT_BY_TOKEN


def _provider(parameters: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    named = parameters.get("custom_llm_provider")
    prefix, slash, _ = str(parameters.get("model") or "").partition("/")
    return str(named or (prefix if slash else info.get("litellm_provider")) or "")


def _is_of(provider: str, family: str) -> bool:
    return family == provider or family.startswith(f"{provider}-") or (provider, family) in FAMILIES
