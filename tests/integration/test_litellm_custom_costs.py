"""Deployments with prices of their own against LiteLLM itself: equal to the pico, or unpriced."""

import json
import random
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from credit.cost import cost_picos
from credit.models import ModelMap, model_map_from_info
from credit.money import picos_from_usd_text
from credit.pricebook import load_price_book
from credit.prices import Price, Usage
from tests.integration.test_litellm_costs import drawn, litellm_price_file, litellm_python

ORACLE = Path(__file__).with_name("litellm_deployments_oracle.py")
DEPLOYMENTS = 300
CALLS_PER_DEPLOYMENT = 6
BACKENDS = (
    "anthropic/claude-opus-4-6",
    "anthropic/claude-sonnet-4-5",
    "azure/freely-named",
    "bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0",
    "deepseek/deepseek-chat",
    "fireworks_ai/accounts/fireworks/models/kimi-k2p5",
    "gemini/gemini-2.5-flash",
    "gemini/gemini-2.5-pro",
    "groq/llama-3.3-70b-versatile",
    "mistral/mistral-large-latest",
    "openai/gpt-4o",
    "openai/gpt-4o-audio-preview",
    "openai/gpt-5",
    "openai/gpt-5.4",
    "openai/of-our-own",
    "openai/text-embedding-3-small",
    "xai/grok-4",
)
BASE_MODELS = ("gpt-4o-mini", "openai/gpt-4.1", "gpt-5")
OWN_PRICES = (
    "input_cost_per_token",
    "output_cost_per_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
    "input_cost_per_token_priority",
    "output_cost_per_reasoning_token",
    "input_cost_per_audio_token",
    "input_cost_per_token_above_200k_tokens",
)
TIERS = (None, None, "priority", "flex")


def own_prices(chance: random.Random) -> dict[str, float]:
    """None, the usual two, or any of them."""
    kind = chance.random()
    names = () if kind < 0.25 else OWN_PRICES[:2] if kind < 0.6 else OWN_PRICES
    chosen = names if kind < 0.6 else [name for name in names if chance.random() < 0.5]
    return {name: chance.randint(0, 9_999) * 1e-9 for name in chosen}


def deployment(chance: random.Random, number: int) -> dict[str, Any]:
    """As in LiteLLM's config.yaml, sensible or not."""
    backend = chance.choice(BACKENDS)
    parameters: dict[str, Any] = {"model": backend, "api_key": "x"}
    info: dict[str, Any] = {"id": f"d{number}"}
    (parameters if chance.random() < 0.5 else info).update(own_prices(chance))
    if backend.startswith("azure/"):
        parameters |= {"api_base": "https://example.invalid", "api_version": "2024-10-21"}
        info["base_model"] = "azure/gpt-4.1"
    elif chance.random() < 0.2:
        info["base_model"] = chance.choice(BASE_MODELS)
    return {"model_name": f"m{number}", "litellm_params": parameters, "model_info": info}


@pytest.fixture(scope="module")
def prices() -> dict[str, Price]:
    """The price book of the LiteLLM that answers."""
    return dict(load_price_book(litellm_price_file()).prices)


@pytest.fixture(scope="module")
def answered(prices: dict[str, Price]) -> tuple[ModelMap, list[tuple[dict[str, Any], str | None]]]:
    """Our map of LiteLLM's own description, and LiteLLM's cost of every call."""
    chance = random.Random(20_261_124)
    deployments = [deployment(chance, number) for number in range(DEPLOYMENTS)]
    calls = [
        {"id": each["model_info"]["id"], "usage": asdict(drawn(chance)), "tier": tier}
        for each in deployments
        for tier in [chance.choice(TIERS) for _ in range(CALLS_PER_DEPLOYMENT)]
    ]
    run = subprocess.run(
        [litellm_python(), ORACLE],
        input=json.dumps({"deployments": deployments, "calls": calls}),
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    answer = json.loads(run.stdout.splitlines()[-1])
    models = model_map_from_info(answer["model_info"], prices, {}, {})
    return models, list(zip(calls, answer["costs"], strict=True))


def test_cost_of_a_custom_priced_deployment_equals_litellms_or_is_unpriced(
    answered: tuple[ModelMap, list[tuple[dict[str, Any], str | None]]],
) -> None:
    """What `/model/info` shows is not always what is billed: then the deployment has no price."""
    models, calls = answered
    wrong, priced = [], 0
    for call, text in calls:
        price = models.find_price(f"m{call['id'][1:]}", call["id"])
        if price is None:
            continue
        priced += 1
        ours = cost_picos(price, Usage(**call["usage"]), call["tier"])
        if text is None or picos_from_usd_text(text) != ours:
            wrong.append((call, text, ours))
    assert wrong[:5] == []
    assert priced > len(calls) // 2  # else nothing was tested


def test_bound_of_a_custom_priced_deployment_covers_litellms_cost(
    answered: tuple[ModelMap, list[tuple[dict[str, Any], str | None]]],
) -> None:
    """The terms in the tier asked for are never below what LiteLLM bills."""
    models, calls = answered
    for call, text in calls:
        terms = models.terms(f"m{call['id'][1:]}", call["tier"])
        usage = Usage(**call["usage"])
        if terms is None or usage.audio_input_tokens or usage.audio_output_tokens:
            continue  # sound has a bound of its own
        _, input_picos, output_picos = terms.above or (0, terms.input_picos, terms.output_picos)
        if terms.above is None or usage.prompt_tokens <= terms.above[0]:
            input_picos, output_picos = terms.input_picos, terms.output_picos
        bound = usage.prompt_tokens * input_picos + usage.completion_tokens * output_picos
        assert text is not None
        assert picos_from_usd_text(text) <= bound
