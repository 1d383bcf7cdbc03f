"""The small parts of the callback: switch, replay, refusals, attempts, LiteLLM's own prices."""

import itertools
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from pedagio_callback.attempt import may_be_charged
from pedagio_callback.host import LiteLLMModels, fallback_chain
from pedagio_callback.records import cost_text, usage_fields
from pedagio_callback.refusal import Sentences, refuse
from pedagio_callback.replay import StartedCalls
from pedagio_callback.settings import Settings, SettingsError
from pedagio_callback.switch import Switch
from pedagio_callback.terms import Prices
from pedagio_callback.token import Above

ROOT = Path(__file__).parents[2]


def test_switch_is_looked_at_once_a_second(tmp_path: Path) -> None:
    """`off` takes effect within a second, and so does its end; other contents mean nothing."""
    now = [100.0]
    file = tmp_path / "switch"
    switch = Switch(file, lambda: now[0])
    assert not switch.is_off()
    file.write_text("off\n")
    assert not switch.is_off()
    now[0] += 1
    assert switch.is_off()
    file.write_text("on")
    now[0] += 1
    assert not switch.is_off()


def test_started_call_is_claimed_once_across_processes(tmp_path: Path) -> None:
    """Two workers share the folder: the second claim of a hold fails, whoever makes it."""
    ours, theirs = StartedCalls(tmp_path), StartedCalls(tmp_path)
    assert ours.claim("../../hold", 1_000)
    assert not theirs.claim("../../hold", 1_000)
    assert theirs.claim("another", 1_000)
    ours.forget_old(1_000)
    assert not ours.claim("another", 1_000)
    ours.forget_old(1_000 + 3_600)
    assert ours.claim("another", 1_000)


def test_refusal_for_librechat_wraps_the_sentence() -> None:
    """LibreChat shows the inner text alone; other clients get it plain."""
    sentences = Sentences.load(ROOT / "credit" / "sentences.json")
    error = {}
    for style in ("librechat", "plain"):
        refusal = refuse(
            sentences, "bad_request", 400,
            hold="4fb73fc8-a5", language="pt-BR", style=style, field="n",
        )  # fmt: skip
        error[style] = refusal.error["error"]
    assert json.loads(error["librechat"]["message"]) == {
        "type": "google_error",
        "info": error["plain"]["message"],
    }
    assert "(ref. 4fb73f)" in error["plain"]["message"]
    assert error["plain"] | {"message": ""} == {
        "message": "", "type": "bad_request", "param": "n", "code": "bad_request",
    }  # fmt: skip


@pytest.mark.parametrize("file", [None, Path("absent.json"), ROOT / "credit" / "sentences.json"])
@pytest.mark.parametrize("language", ["pt-BR", "en", "xx"])
@pytest.mark.parametrize("reason", ["bad_request", "enforcement_unavailable", "answer_cut"])
def test_sentence_exists_even_without_the_file(
    file: Path | None, language: str, reason: str
) -> None:
    """A refusal without words would show as a raw error; none exceeds 200 characters."""
    sentence = Sentences.load(file).say(reason, language, {"field": "f" * 60, "ref": "abcdef"})
    assert 10 < len(sentence) < 200
    assert "{" not in sentence


def test_refusal_of_a_strange_field_stays_short_and_printable() -> None:
    """The client chose the name of the key."""
    refusal = refuse(
        Sentences({}), "bad_request", 400,
        hold="4fb73f", language="en", style="plain", field="a\n\ud800" + "x" * 999,
    )  # fmt: skip
    json.dumps(refusal.error, ensure_ascii=False).encode()
    assert len(refusal.error["error"]["param"]) <= 60


def chained(*errors: Exception) -> Exception:
    """The first error, caused by the next, and so on."""
    for outer, inner in itertools.pairwise(errors):
        outer.__cause__ = inner
    return errors[0]


class Timeout(Exception):  # noqa: N818 - LiteLLM's name
    """As LiteLLM calls it."""


@pytest.mark.parametrize(
    ("error", "charged"),
    [
        (chained(RuntimeError(), httpx.ReadError("x")), True),
        (chained(Timeout(), httpx.ReadTimeout("x")), True),
        (Timeout(), True),
        (chained(Timeout(), httpx.ConnectTimeout("x")), False),
        (chained(RuntimeError(), httpx.ConnectError("x")), False),
        (RuntimeError(), False),
    ],
)
def test_attempt_is_charged_only_when_the_request_was_out(
    error: Exception, *, charged: bool
) -> None:
    """An error status and a refused connection are free; a broken answer may not be."""
    assert may_be_charged(error) is charged


class Router:
    """A router with two groups."""

    fallbacks: tuple[Any, ...] = ({"dear": ["cheap", "dear"]}, {"*": ["last"]})

    @staticmethod
    def get_model_list(model_name: str) -> list[dict[str, Any]]:
        """One deployment a name; `cheap` has a price of its own."""
        own = {"input_cost_per_token": 5e-06} if model_name == "cheap" else {}
        return [{"litellm_params": {"model": f"openai/{model_name}", **own}, "model_info": {}}]


MAP: dict[str, dict[str, Any]] = {
    "openai/dear": {
        "litellm_provider": "openai",
        "input_cost_per_token": 2.5e-06,
        "output_cost_per_token": 1e-05,
        "output_cost_per_token_priority": 2e-05,
        "input_cost_per_token_above_200k_tokens": 4e-06,
        "output_cost_per_token_above_200k_tokens": 3e-05,
    },
    "openai/cheap": {"litellm_provider": "openai", "output_cost_per_token": 1e-06},
    "openai/last": {"litellm_provider": "anthropic"},
}


def models(router: Any) -> LiteLLMModels:
    """Lookups in the map above; an unknown model raises KeyError, as LiteLLM raises something."""
    return LiteLLMModels(lambda: router, lambda name: MAP[name], lambda: 0.0)


def test_billed_price_is_the_dearest_that_the_chain_can_reach() -> None:
    """A fallback's own price counts, and so does the tier asked for."""
    prices = models(Router()).billed_prices("dear", "priority")
    assert prices == Prices(5_000_000, 20_000_000, Above(200_000, 4_000_000, 30_000_000))


def test_billed_price_of_an_unknown_model_is_none() -> None:
    """The token's prices stand alone then; so they do when LiteLLM changes beneath us."""
    assert models(None).billed_prices("dear", None) is None
    assert models(object()).billed_prices("dear", None) is None


def test_completion_limit_needs_every_deployment_to_take_it() -> None:
    """One backend in the chain that only knows `max_tokens` decides."""
    assert not models(Router()).takes_completion_limit("dear")


def test_fallback_chain_visits_every_group_once() -> None:
    """Chains may be circular, and `*` is everybody's."""
    assert fallback_chain("dear", Router.fallbacks) == ["dear", "cheap", "last"]


@pytest.mark.parametrize(
    ("cost", "text"),
    [(5.2500000000000006e-06, "5.2500000000000006e-06"), (0.0, "0"), (None, "0"), (-1.0, "0")],
)
def test_cost_text_is_the_float_exactly(cost: Any, text: str) -> None:
    """Accounting rounds, not we; nothing but a positive finite number is a cost."""
    assert cost_text(cost) == text
    assert cost_text(float("nan")) == cost_text(float("inf")) == "0"


def test_usage_is_read_from_the_payload_of_a_reasoning_call() -> None:
    """As LiteLLM reports it on every route; what is missing or null is 0."""
    usage_object = {
        "completion_tokens": 900,
        "prompt_tokens": 1000,
        "completion_tokens_details": {"reasoning_tokens": 640, "audio_tokens": None},
        "prompt_tokens_details": {"cached_tokens": 512, "audio_tokens": 7},
        "cache_creation_input_tokens": 30,
    }
    assert usage_fields({"metadata": {"usage_object": usage_object}}) == {
        "prompt_tokens": 1000,
        "completion_tokens": 900,
        "cached_tokens": 512,
        "cache_creation_tokens": 30,
        "cache_creation_1h_tokens": 0,
        "reasoning_tokens": 640,
        "audio_input_tokens": 7,
        "audio_output_tokens": 0,
    }
    assert set(usage_fields({"metadata": None}).values()) == {0}


def test_settings_name_what_is_missing(tmp_path: Path) -> None:
    """A wrong environment stops LiteLLM at its start, with the setting's name."""
    secret = tmp_path / "keys"
    secret.write_text("new, old\n")
    environment = {
        "PEDAGIO_TOKEN_KEYS_FILE": str(secret),
        "PEDAGIO_REPORT_KEYS": "r",
        "PEDAGIO_ACCOUNTING_URL": "http://accounting:8080/",
        "PEDAGIO_SPOOL_DIR": str(tmp_path),
    }
    settings = Settings.from_environment(environment)
    assert settings.token_keys == (b"new", b"old")
    assert settings.accounting_url == "http://accounting:8080"
    with pytest.raises(SettingsError, match="PEDAGIO_SPOOL_DIR"):
        Settings.from_environment(environment | {"PEDAGIO_SPOOL_DIR": ""})
