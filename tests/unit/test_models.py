"""The model map, from what a real LiteLLM says of its models (tests/unit/data/model_info.json)."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from credit.models import ModelMap, model_map_from_info
from credit.override import Override
from credit.prices import rates_for
from tests.unit.pricing_cases import price_of

GOLDEN = json.loads((Path(__file__).parent / "data" / "model_info.json").read_text("utf-8"))
FALLBACKS = {
    "escola-rapido": ["gpt-4o"],
    "raciocinio": ["escola-rapido"],
    "gpt-4o": ["gemini"],
}


@pytest.fixture(scope="module")
def models() -> ModelMap:
    """The map of the installation in the golden file."""
    found = GOLDEN["model_info"]["data"]
    return model_map_from_info(found, {}, FALLBACKS, GOLDEN["router_settings"]["model_group_alias"])


def item(name: str, model_id: str = "1", **info: Any) -> dict[str, Any]:
    """One row of /model/info."""
    priced = {"mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
    return {
        "model_name": name,
        "litellm_params": {"model": f"openai/{name}"},
        "model_info": {"id": model_id, "key": name, "litellm_provider": "openai"} | priced | info,
    }


def test_terms_several_deployments_take_the_dearest(models: ModelMap) -> None:
    """Whichever the router picks is covered, custom prices and the fallback chain included."""
    terms = models.terms("gpt-4o", None)
    assert terms is not None
    assert (terms.input_picos, terms.output_picos) == (5_000_000, 20_000_000)
    assert terms.above == (200_000, 5_000_000, 20_000_000)  # the fallback has a threshold
    assert terms.context_tokens == 1_048_576


def test_terms_fallback_chain_is_followed_to_its_end(models: ModelMap) -> None:
    """The third fallback of the first name counts too."""
    assert [entry.name for entry in models.reachable("raciocinio")] == [
        "raciocinio",
        "escola-rapido",
        "gpt-4o",
        "gemini",
    ]
    terms = models.terms("raciocinio", None)
    assert terms is not None
    assert terms.output_picos == 20_000_000


def test_terms_alias_is_as_the_name_it_stands_for(models: ModelMap) -> None:
    """LiteLLM's model_group_alias, with the fallbacks of the name."""
    assert models.terms("apelido", None) == models.terms("escola-rapido", None)


def test_terms_azure_with_a_base_model_has_its_price(models: ModelMap) -> None:
    """An Azure deployment is named freely; its base model says what it costs."""
    terms = models.terms("azure-chat", None)
    assert terms is not None
    assert terms.input_picos == 2_000_000


@pytest.mark.parametrize("name", ["azure-nameless", "local-unknown", "openai/whisper-1", "nobody"])
def test_terms_without_a_price_are_none(models: ModelMap, name: str) -> None:
    """A name that lacks a price is refused as model_unpriced: never zero."""
    assert models.terms(name, None) is None


def test_terms_one_deployment_without_a_price_makes_the_name_unpriced() -> None:
    """The router may pick that one."""
    rows = [item("m", "1"), item("m", "2", input_cost_per_token=None)]
    assert model_map_from_info(rows, {}, {}, {}).terms("m", None) is None


def test_terms_explicit_zero_price_is_free(models: ModelMap) -> None:
    """Somebody wrote zero: a model of one's own."""
    terms = models.terms("local-free", None)
    assert terms is not None
    assert terms.free


def test_terms_zero_that_nobody_wrote_is_unpriced() -> None:
    """LiteLLM says 0 where it knows no price."""
    rows = [item("m", input_cost_per_token=0, output_cost_per_token=0)]
    assert model_map_from_info(rows, {}, {}, {}).terms("m", None) is None
    known = {"m": price_of("m")}
    terms = model_map_from_info(rows, known, {}, {}).terms("m", None)
    assert terms is not None
    assert terms.input_picos == 1_000_000


def test_terms_wildcard_names_are_priced_one_by_one(models: ModelMap) -> None:
    """LiteLLM lists what a wildcard serves."""
    terms = models.terms("openai/gpt-5.4", None)
    assert terms is not None
    assert terms.above == (272_000, 5_000_000, 22_500_000)


@pytest.mark.parametrize(
    ("tier", "input_picos"),
    [
        (None, 1_250_000),
        ("standard_only", 1_250_000),
        ("flex", 1_250_000),  # it may be served as standard
        ("auto", 2_500_000),
        ("PRIORITY", 2_500_000),
        ("fast", 2_500_000),
        ("scale", 1_250_000),
        ("whatever", 2_500_000),
    ],
)
def test_terms_tier_takes_the_dearest_that_may_be_served(tier: str, input_picos: int) -> None:
    """A tier asked for may be served as standard; an unknown one may be any."""
    row = item(
        "m",
        input_cost_per_token=1.25e-6,
        input_cost_per_token_flex=6.25e-7,
        input_cost_per_token_priority=2.5e-6,
    )
    terms = model_map_from_info([row], {}, {}, {}).terms("m", tier)
    assert terms is not None
    assert terms.input_picos == input_picos


def test_terms_sound_is_priced_apart_and_zero_without_sound() -> None:
    """A model without sound has no price for it."""
    rows = [item("deaf"), item("hearing", input_cost_per_audio_token=4e-5)]
    both = model_map_from_info(rows, {}, {}, {})
    deaf, hearing = both.terms("deaf", None), both.terms("hearing", None)
    assert deaf is not None
    assert hearing is not None
    assert (deaf.audio_in_picos, hearing.audio_in_picos) == (0, 40_000_000)
    assert hearing.input_picos == 1_000_000


def test_terms_regional_surcharge_is_in_the_bound() -> None:
    """Anthropic may answer from a dearer region, and only the bill says so."""
    row = item("m", provider_specific_entry={"us": 1.1, "fast": 6.0})
    terms = model_map_from_info([row], {}, {}, {}).terms("m", None)
    assert terms is not None
    assert terms.input_picos == 1_100_000


def test_price_of_a_regional_openai_host_is_multiplied() -> None:
    """LiteLLM multiplies by the model's factor when the host is a regional one."""
    row = item("m", regional_processing_uplift_multiplier_eu=1.1)
    row["litellm_params"]["api_base"] = "https://eu.api.openai.com/v1"
    price = model_map_from_info([row], {}, {}, {}).find_price("m", "1")
    assert price is not None
    assert rates_for(price, 1, None).output == 2_200_000


def test_find_price_names_the_deployment_that_answered(models: ModelMap) -> None:
    """The debit is checked at the price of the deployment, its custom one included."""
    for model_id, input_picos in (
        ("gpt-4o-a", 3_000_000),
        ("gpt-4o-b", 5_000_000),
        ("gpt-4o-c", 2_500_000),
    ):
        price = models.find_price("gpt-4o", model_id)
        assert price is not None
        assert rates_for(price, 1, None).input == input_picos


def test_find_price_after_a_fallback_is_that_of_the_other_name(models: ModelMap) -> None:
    """The event names the model asked for, with the id of the one that answered."""
    price = models.find_price("escola-rapido", "gpt-4o-b")
    assert price is not None
    assert rates_for(price, 1, None).input == 5_000_000


def test_find_price_unknown_id_is_clear_or_none(models: ModelMap) -> None:
    """Where all deployments cost the same the id does not matter; else nobody guesses."""
    assert models.find_price("claude", "gone") is not None
    assert models.find_price("gpt-4o", "gone") is None
    assert models.find_price("nobody", "gpt-4o-b") is None


def test_map_json_round_trip_gives_the_same_terms(models: ModelMap) -> None:
    """What Postgres stores is what was read."""
    again = ModelMap.from_json(json.loads(json.dumps(models.to_json())))
    assert again.entries == models.entries


def test_map_circular_fallbacks_end() -> None:
    """Somebody, somewhere, configures a -> b -> a."""
    rows = [item("a"), item("b", "2")]
    both = model_map_from_info(rows, {}, {"a": ["b"], "b": ["a"], "*": ["a"]}, {})
    assert [entry.name for entry in both.reachable("a")] == ["a", "b"]


OWN = Override(200_000, 600_000, context=32_000)


def test_price_set_here_stands_for_the_name_and_its_aliases() -> None:
    """Each deployment of the name, and of an alias that has no price of its own; other names keep theirs."""
    rows = [item("m"), item("m", "2"), item("n", "3")]
    found = model_map_from_info(rows, {}, {}, {"alias": "m", "apart": "m"}, overrides={
        "m": OWN, "apart": Override(1, 2)})  # fmt: skip
    for name, model_id in (("m", "1"), ("m", "2"), ("alias", "1")):
        price = found.find_price(name, model_id)
        assert price is not None
        assert (price.picos["input_cost_per_token"], price.house) == (200_000, True)
    apart, other = found.find_price("apart", "1"), found.find_price("n", "3")
    assert apart is not None
    assert apart.picos["output_cost_per_token"] == 2
    assert other is not None
    assert not other.house
    terms = found.terms("m", "priority")
    assert terms is not None
    assert (terms.input_picos, terms.output_picos, terms.context_tokens) == (
        200_000,
        600_000,
        32_000,
    )
    assert terms.house


def test_default_price_stands_only_where_there_is_none() -> None:
    """Refused without it, never free with it."""
    bare = {
        "model_name": "mystery",
        "litellm_params": {"model": "vllm/mystery"},
        "model_info": {"id": "9"},
    }
    rows = [item("m"), bare]
    assert model_map_from_info(rows, {}, {}, {}).terms("mystery", None) is None
    found = model_map_from_info(rows, {}, {}, {}, overrides={"*": OWN})
    terms, known = found.terms("mystery", None), found.terms("m", None)
    assert terms is not None
    assert (terms.output_picos, terms.house, terms.free) == (600_000, True, False)
    assert known == model_map_from_info(rows, {}, {}, {}).terms("m", None)


def test_fallback_to_a_name_without_a_price_of_ours_is_no_house_price() -> None:
    """The callback goes on looking at LiteLLM's prices, since one of the two may be billed by them."""
    rows = [item("m"), item("n", "3")]
    found = model_map_from_info(rows, {}, {"m": ["n"]}, {}, overrides={"m": OWN})
    terms = found.terms("m", None)
    assert terms is not None
    assert not terms.house
    assert terms.output_picos > OWN.output


def test_terms_looked_up_again_cost_next_to_nothing(models: ModelMap) -> None:
    """The door makes one look-up per request: 20 microseconds at most."""
    models.terms("gpt-4o", "auto")
    best_s = 1.0
    for _ in range(20):
        begun = time.perf_counter()
        for _ in range(100):
            models.terms("gpt-4o", "auto")
        best_s = min(best_s, (time.perf_counter() - begun) / 100)
    assert best_s < 20e-6
