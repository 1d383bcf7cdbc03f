"""What LiteLLM bills a deployment by: rows of `/model/info` and costs, both of a real proxy.

Every measured call had 1,000 prompt tokens, 400 of them cached, and 100 completion tokens, 30 of
them hidden. Random deployments are compared in tests/integration/test_litellm_custom_costs.py.
"""

from typing import Any

import pytest

from credit.cost import cost_picos
from credit.deployment_price import deployment_price
from credit.models import model_map_from_info
from credit.prices import Price, Usage, rates_for
from tests.unit.pricing_cases import price_of

USAGE = Usage(prompt_tokens=1000, completion_tokens=100, cached_tokens=400, reasoning_tokens=30)
GPT_4O: dict[str, Any] = {
    "key": "gpt-4o",
    "litellm_provider": "openai",
    "mode": "chat",
    "max_input_tokens": 128_000,
    "max_output_tokens": 500,  # written for another deployment of the same model
    "input_cost_per_token": 2.5e-6,
    "output_cost_per_token": 1e-5,
    "cache_read_input_token_cost": 1.25e-6,
    "cache_read_input_token_cost_priority": 2.125e-6,
    "input_cost_per_token_priority": 4.25e-6,
    "output_cost_per_token_priority": 1.7e-5,
}
BOOK = {
    "gpt-4o": Price.from_litellm("gpt-4o", GPT_4O | {"max_output_tokens": 16_384}),
    "azure/gpt-4.1": price_of("azure/gpt-4.1", litellm_provider="azure"),
}
PRICES = {key: price for key, price in BOOK.items() if price is not None}


def own(**prices: float) -> dict[str, Any]:
    """The row of a gpt-4o deployment with prices of its own."""
    return GPT_4O | {"id": "1", "pricing_overrides": list(prices)} | prices


def priced(info: dict[str, Any], model: str = "openai/gpt-4o", **parameters: Any) -> Price | None:
    """The deployment's price by the book above."""
    return deployment_price(info, {"model": model, **parameters}, PRICES)


def test_price_of_a_book_that_a_person_brought_goes_before_what_litellm_shows() -> None:
    """Not before what the installation set itself, nor for a model that the book does not name."""
    dearer = {"gpt-4o": Price.from_litellm("gpt-4o", GPT_4O | {"input_cost_per_token": 9e-6})}
    book = {key: price for key, price in dearer.items() if price is not None}
    shown = {"model": "openai/gpt-4o"}

    def input_picos(info: dict[str, Any], *, book_prevails: bool) -> int:
        price = deployment_price(info, shown, book, book_prevails=book_prevails)
        assert price is not None
        return price.picos["input_cost_per_token"]

    assert input_picos(GPT_4O, book_prevails=False) == 2_500_000
    assert input_picos(GPT_4O, book_prevails=True) == 9_000_000
    set_here = own(input_cost_per_token=3e-6, output_cost_per_token=1.2e-5)
    assert input_picos(set_here, book_prevails=True) == 3_000_000
    assert input_picos(GPT_4O | {"key": "gpt-new"}, book_prevails=True) == 2_500_000


def test_price_of_ones_own_bills_cached_tokens_at_the_base_models_price() -> None:
    """Measured: 0.0035 USD = 600 x 3 + 400 x 1.25 + 100 x 12 millionths."""
    price = priced(own(input_cost_per_token=3e-6, output_cost_per_token=1.2e-5))
    assert price is not None
    assert cost_picos(price, USAGE) == 3_500_000_000


def test_price_of_ones_own_keeps_the_base_models_service_tiers() -> None:
    """Measured: 0.0051 USD when served as priority."""
    price = priced(own(input_cost_per_token=3e-6, output_cost_per_token=1.2e-5))
    assert price is not None
    assert cost_picos(price, USAGE, "priority") == 5_100_000_000


def test_price_with_only_an_input_of_its_own_is_unpriced() -> None:
    """Measured: LiteLLM bills the answer at 0, though it shows the base model's price."""
    assert priced(own(input_cost_per_token=3e-6)) is None


def test_price_with_only_a_cache_price_of_its_own_is_the_published_one() -> None:
    """Measured: 0.003 USD, as without it."""
    price = priced(own(cache_read_input_token_cost=1e-6))
    assert price is not None
    assert cost_picos(price, USAGE) == 3_000_000_000


def test_price_of_ones_own_does_not_inherit_thresholds_sound_or_reasoning() -> None:
    """LiteLLM copies cache and tier prices of the base model, nothing else."""
    shown = own(input_cost_per_token=3e-6, output_cost_per_token=1.2e-5) | {
        "input_cost_per_token_above_200k_tokens": 9e-6,
        "input_cost_per_audio_token": 9e-6,
        "output_cost_per_reasoning_token": 9e-6,
    }
    price = priced(shown)
    assert price is not None
    assert price.thresholds == ()
    assert not price.has_audio
    assert rates_for(price, 1, None).reasoning == 12_000_000


def test_price_of_a_wildcard_stands_alone() -> None:
    """Measured: 0.0042 USD, cached tokens at the input price; one id stands for many models."""
    prices = {"input_cost_per_token": 3e-6, "output_cost_per_token": 1.2e-5}
    rows = [
        {
            "model_name": name,
            "litellm_params": {"model": name, **prices},
            "model_info": own(**prices) | {"id": "wild"},
        }
        for name in ("openai/gpt-4o", "openai/gpt-4o-2024-11-20")
    ]
    price = model_map_from_info(rows, PRICES, {}, {}).find_price("openai/gpt-4o", "wild")
    assert price is not None
    assert cost_picos(price, USAGE) == 4_200_000_000


def test_price_limits_are_the_widest_known() -> None:
    """A limit written for one deployment shows up at all of the same model: it bounds nothing."""
    price = priced(GPT_4O | {"id": "1", "pricing_overrides": []})
    assert price is not None
    assert price.max_output_tokens == 16_384


def test_price_of_a_model_of_ones_own_knows_no_bound_of_an_image() -> None:
    """`my-gpt-4o` may be anything: its images count as the whole window."""
    shown = own(input_cost_per_token=1e-6, output_cost_per_token=1e-6) | {"key": "openai/my/gpt-4o"}
    mine, known = priced(shown, "openai/my/gpt-4o"), priced(GPT_4O)
    assert mine is not None
    assert known is not None
    assert (mine.image_tokens, known.image_tokens) == (0, 1445)


@pytest.mark.parametrize("absent", ["input_cost_per_token", "output_cost_per_token"])
def test_price_shown_as_zero_that_nobody_wrote_is_unpriced(absent: str) -> None:
    """LiteLLM shows 0 for the price it does not know, also when it knows the other one."""
    shown = GPT_4O | {"key": "unheard-of", "pricing_overrides": [], absent: 0}
    assert priced(shown, "openai/unheard-of") is None


def test_price_of_explicit_zeros_is_free() -> None:
    """A model of one's own: somebody wrote both zeros."""
    price = priced(own(input_cost_per_token=0, output_cost_per_token=0))
    assert price is not None
    assert cost_picos(price, Usage(prompt_tokens=1000, completion_tokens=100)) == 0


def test_price_of_a_base_model_is_that_of_the_same_provider() -> None:
    """`base_model: gpt-4.1` of an Azure deployment is Azure's, as LiteLLM resolves it."""
    shown = GPT_4O | {"base_model": "gpt-4.1", "key": "gpt-4.1"}
    assert priced(shown, "azure/freely-named") == PRICES["azure/gpt-4.1"]


def test_price_of_a_base_model_of_another_provider_is_unpriced() -> None:
    """LiteLLM does not find it there and bills by the answer's model instead."""
    shown = GPT_4O | {"base_model": "gpt-4o"}
    assert priced(shown, "anthropic/claude-sonnet-4-5") is None


@pytest.mark.parametrize(
    ("parameters", "input_picos", "bound_percent"),
    [
        ({"vertex_location": "global"}, 1_000_000, 100),
        ({"vertex_location": "us-east5"}, 1_100_000, 100),
        ({}, 1_000_000, 110),  # LiteLLM's environment names the place
    ],
)
def test_price_on_vertex_depends_on_the_place(
    parameters: dict[str, str], input_picos: int, bound_percent: int
) -> None:
    """Everywhere but `global` costs more; an unknown place is bounded by the dearer."""
    shown = {
        "key": "vertex_ai/m",
        "litellm_provider": "vertex_ai-language-models",
        "mode": "chat",
        "input_cost_per_token": 1e-6,
        "output_cost_per_token": 2e-6,
        "regional_endpoint_uplift_multiplier": 1.1,
    }
    price = priced(shown, "vertex_ai/m", **parameters)
    assert price is not None
    assert (rates_for(price, 1, None).input, price.region_percent) == (input_picos, bound_percent)
