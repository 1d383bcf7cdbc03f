"""Our price book against LiteLLM itself, which is the authoritative meter: equal to the pico."""

import json
import os
import random
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from credit.cost import cost_picos
from credit.money import picos_from_usd_text
from credit.pricebook import PRICE_FILE, load_price_book
from credit.prices import Price, Usage

ROOT = Path(__file__).parents[2]
ORACLE = Path(__file__).with_name("litellm_oracle.py")
CASES_PER_MODEL = 8
CASES_PER_OTHER_MODEL = 2
MAIN_PROVIDERS = {"openai", "azure", "anthropic", "gemini"}
TIERS = (None, "default", "auto", "flex", "priority", "fast", "balanced", "ultrafast", "PRIORITY")
SIZES = (0, 1, 3_000, 128_000, 128_001, 200_000, 200_001, 272_000, 272_001, 900_000)


@dataclass(frozen=True)
class Case:
    """One call of one model."""

    price: Price
    usage: Usage
    tier: str | None

    def question(self) -> dict[str, object]:
        """As the oracle reads it."""
        return {
            "model": self.price.key,
            "provider": called_as(self.price.provider),
            "usage": asdict(self.usage),
            "tier": self.tier,
        }


def called_as(provider: str) -> str:
    """LiteLLM's price file splits Vertex into families, its calls do not."""
    return "vertex_ai" if provider.startswith("vertex_ai-") else provider


def litellm_python() -> Path:
    """LiteLLM's own environment: `make` creates it."""
    return ROOT / os.environ.get("PEDAGIO_LITELLM_PYTHON", ".venv-litellm/bin/python")


def part(chance: random.Random, whole: int) -> int:
    """Nothing, all or some of a count."""
    return chance.choice((0, 0, whole, chance.randint(0, whole)))


def drawn(chance: random.Random) -> Usage:
    """Counts as a provider may report them, also where the parts make up the whole."""
    prompt = chance.choice((chance.choice(SIZES), chance.randint(1, 300_000)))
    completion = part(chance, 100_000)
    cached = part(chance, prompt)
    creation = part(chance, prompt - cached)
    reasoning = part(chance, completion)
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=cached,
        cache_creation_tokens=creation,
        cache_creation_1h_tokens=part(chance, creation),
        reasoning_tokens=reasoning,
        # Some providers count sound among the cached tokens too: the parts exceed the whole.
        audio_input_tokens=part(chance, prompt),
        audio_output_tokens=part(chance, completion - reasoning),
    )


def cases_of(price: Price) -> int:
    """How many are drawn for a model."""
    return CASES_PER_MODEL if price.provider in MAIN_PROVIDERS else CASES_PER_OTHER_MODEL


def cases(prices: Iterator[Price]) -> list[Case]:
    """The same ones in every run."""
    chance = random.Random(20_261_123)
    return [
        Case(price, drawn(chance), chance.choice(TIERS))
        for price in prices
        for _ in range(cases_of(price))
    ]


def litellm_price_file() -> Path:
    """The price file of the LiteLLM that answers; without it nothing is proven."""
    python = litellm_python()
    assert python.is_file(), f"{python}: `make` installs LiteLLM there"
    found = sorted(python.parents[1].glob(f"lib/python3*/site-packages/litellm/{PRICE_FILE}"))
    assert found, f"no LiteLLM in {python.parents[1]}"
    return found[0]


@pytest.fixture(scope="module")
def price_file() -> Path:
    """Found once."""
    return litellm_price_file()


@pytest.fixture(scope="module")
def answered(price_file: Path) -> list[tuple[Case, str | None]]:
    """Every case with LiteLLM's cost, asked in one process: importing it takes seconds."""
    prices = load_price_book(price_file).prices
    # LiteLLM finds `gemini/x` before `x`: where both exist the second is another model's name.
    named = (p for key, p in prices.items() if f"{p.provider}/{key}" not in prices)
    asked = cases(named)
    run = subprocess.run(
        [litellm_python(), ORACLE],
        input=json.dumps([case.question() for case in asked]),
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    return list(zip(asked, json.loads(run.stdout.splitlines()[-1]), strict=True))


def test_cost_of_any_model_equals_litellms_to_the_pico(
    answered: list[tuple[Case, str | None]],
) -> None:
    """LiteLLM's float, rounded to the nearest pico-USD, is our integer: for every provider."""
    wrong = [
        (case, text)
        for case, text in answered
        if text is None or picos_from_usd_text(str(Decimal(text))) != cost_picos(*case_of(case))
    ]
    assert wrong[:5] == []


def case_of(case: Case) -> tuple[Price, Usage, str | None]:
    """The arguments of our own function."""
    return case.price, case.usage, case.tier


def test_cases_of_the_main_providers_are_thousands(
    answered: list[tuple[Case, str | None]],
) -> None:
    """A difference that nothing was drawn for would not be found."""
    main = [case for case, _ in answered if case.price.provider in MAIN_PROVIDERS]
    assert len(main) > 2_000
    assert {case.price.provider for case in main} == MAIN_PROVIDERS
    assert any(case.usage.prompt_tokens > 200_000 and case.price.thresholds for case in main)


def test_no_model_of_the_main_providers_is_unpriced_without_a_reason(price_file: Path) -> None:
    """What a team commonly asks for must not be refused as model_unpriced."""
    prices = load_price_book(price_file).prices
    entries = json.loads(price_file.read_text(encoding="utf-8"))
    common = {
        key
        for key, entry in entries.items()
        if entry.get("litellm_provider") in MAIN_PROVIDERS
        and entry.get("mode") in {"chat", "responses", "embedding"}
        and entry.get("input_cost_per_token")
    }
    missing = {
        key
        for key in common - prices.keys()
        if not any(reason in key for reason in ("-search-", "deep-research", "gemini-omni"))
    }
    assert missing == set()
