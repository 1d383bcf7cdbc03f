"""The callback in a real LiteLLM of two workers, beside a slow and a raising neighbour."""

import asyncio
import json
import subprocess
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from local.litellm import find_python
from tests.integration.callback_system import ROOT, CallbackSystem, make_token

pytestmark = pytest.mark.asyncio(loop_scope="module")

# gpt-5 at its prices, with credit for some 300 tokens of output: it thinks longer than that.
SHORT_OF_CREDIT = {"in": 1_250_000, "out": 10_000_000, "granted": 3_200_000, "min_out": 256}
THINKS = "oi [[reasoning=800 tokens=50]]"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CallbackSystem]:
    """One LiteLLM for the module: it takes ten seconds to start."""
    parts = CallbackSystem(tmp_path_factory.mktemp("callback") / "state", workers=2)
    try:
        await parts.start()
        yield parts
    finally:
        await parts.stop()
        assert parts.accounting.bad_signatures == 0


def body_of(kind: str, tag: str) -> tuple[str, str, dict[str, Any]]:
    """Path, route and body of a call of a kind."""
    text = f"Olá, ça va? [[tokens=9 tag={tag}]]"
    chat = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}
    responses = {"model": "gpt-4o-mini", "input": text, "metadata": {"a": "b"}}
    embeddings = {"model": "text-embedding-3-small", "input": [text, "outra frase"]}
    kinds: dict[str, tuple[str, str, dict[str, Any]]] = {
        "chat": ("chat/completions", "chat", chat),
        "chat stream": ("chat/completions", "chat", chat | {"stream": True}),
        "choices": ("chat/completions", "chat", chat | {"n": 2}),
        "responses": ("responses", "responses", responses),
        "responses stream": ("responses", "responses", responses | {"stream": True}),
        "embeddings": ("embeddings", "embeddings", embeddings),
    }
    return kinds[kind]


@pytest.mark.parametrize(
    "kind", ["chat", "chat stream", "choices", "responses", "responses stream", "embeddings"]
)
async def test_call_of_every_kind_leaves_one_start_one_end_and_its_cost(
    system: CallbackSystem, kind: str
) -> None:
    """The usage is the provider's own to the token, and the bound is above it."""
    tag = uuid.uuid4().hex
    path, route, body = body_of(kind, tag)
    response = await system.post(path, route, body)
    assert response.status_code == 200, response.text
    hold = response.extensions["hold"]
    end, cost = await system.end(hold), await system.cost(hold)
    (start,) = system.accounting.of(hold, "start")
    (truth,) = system.truth(tag)
    assert (end["outcome"], end["complete"]) == ("ok", True)
    assert cost["usage"]["prompt_tokens"] == truth.prompt_tokens <= start["input_bound_tokens"]
    assert cost["usage"]["completion_tokens"] == truth.completion_tokens
    assert float(cost["cost_usd"]) * 10**9 <= start["bound_nanos"]
    assert truth.output_limit is None
    assert (end["output_chars"] > 0) is (route != "embeddings")


@pytest.mark.parametrize("kind", ["chat", "chat stream", "choices", "responses"])
async def test_call_beyond_its_grant_is_clamped_to_what_the_grant_pays(
    system: CallbackSystem, kind: str
) -> None:
    """The provider gets the limit that the start record tells, and the cost stays below."""
    tag = uuid.uuid4().hex
    path, route, body = body_of(kind, tag)
    response = await system.post(path, route, body, granted=400_000)
    assert response.status_code == 200, response.text
    hold = response.extensions["hold"]
    cost = await system.cost(hold)
    (start,) = system.accounting.of(hold, "start")
    (truth,) = system.truth(tag)
    assert start["clamped"]
    assert truth.output_limit == start["output_limit_tokens"]
    assert float(cost["cost_usd"]) * 10**9 <= start["bound_nanos"] <= 400_000


async def test_extension_granted_lets_the_call_pass(system: CallbackSystem) -> None:
    """The callback asks for the totals of the whole and of the least answer."""
    response = await system.chat("oi [[tokens=5]]", token={"granted": 1_000})
    assert response.status_code == 200
    asked = system.accounting.extends[-1]
    assert asked["hold"] == response.extensions["hold"]
    assert asked["min_total_nanos"] < asked["want_total_nanos"]
    (start,) = system.accounting.of(response.extensions["hold"], "start")
    assert (start["granted_nanos"], start["clamped"]) == (asked["want_total_nanos"], False)


async def test_extension_refused_reaches_the_client_word_for_word(system: CallbackSystem) -> None:
    """402 with the ledger's own words; nothing goes upstream; the hold ends at once."""
    tag = uuid.uuid4().hex
    error = {
        "message": json.dumps({"type": "google_error", "info": "Seu crédito de IA acabou."}),
        "type": "insufficient_credit",
        "param": None,
        "code": "insufficient_credit",
    }
    answer = {"result": "refused", "reason": "insufficient_credit", "error": {"error": error}}
    system.accounting.answer_extend = lambda _asked: answer
    response = await system.chat(f"oi [[tag={tag}]]", token={"granted": 1_000})
    system.accounting.answer_extend = system.accounting.grant_all
    assert (response.status_code, response.json()) == (402, {"error": error})
    assert response.headers["x-should-retry"] == "false"
    end = await system.end(response.extensions["hold"])
    assert (end["outcome"], end["reason"]) == ("refused", "insufficient_credit")
    assert system.truth(tag) == []


async def test_extension_unanswered_is_unavailable_not_a_refusal(system: CallbackSystem) -> None:
    """Nobody is refused for lack of credit unless the ledger says so."""
    system.accounting.answer_extend = lambda _asked: None
    response = await system.chat("oi", token={"granted": 1_000})
    system.accounting.answer_extend = system.accounting.grant_all
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "enforcement_unavailable"
    end = await system.end(response.extensions["hold"])
    assert (end["outcome"], end["reason"]) == ("refused", "enforcement_unavailable")


@pytest.mark.parametrize(
    ("token", "field"),
    [
        (None, "x-pedagio-hold"),
        ({"key": b"someone"}, "x-pedagio-hold"),
        ({"hold": "another"}, "x-litellm-call-id"),
        ({"issued": 1}, "x-pedagio-hold"),
        ({"model": "gpt-4.1-nano"}, "model"),
        ({"route": "embeddings"}, "path"),
    ],
)
async def test_request_that_did_not_pass_envoy_is_refused(
    system: CallbackSystem, token: dict[str, Any] | None, field: str
) -> None:
    """No token, a forged one, or one of another request: nothing goes upstream."""
    tag, hold = uuid.uuid4().hex, str(uuid.uuid4())
    headers = system.headers(hold, "chat", "gpt-4o-mini")
    headers["x-pedagio-hold"] = make_token(**({"hold": hold} | token)) if token else ""
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"[[tag={tag}]]"}]}
    response = await system.client.post("/v1/chat/completions", json=body, headers=headers)
    assert (response.status_code, response.json()["error"]["param"]) == (403, field)
    assert system.truth(tag) == []


async def test_replayed_token_is_refused_by_every_worker(system: CallbackSystem) -> None:
    """One hold pays one call, whichever worker gets the second; the first is not disturbed."""
    hold = str(uuid.uuid4())
    calls = [system.chat("oi [[tokens=20 rate=100]]", hold) for _ in range(8)]
    statuses = Counter(response.status_code for response in await asyncio.gather(*calls))
    assert statuses == {200: 1, 403: 7}
    assert (await system.end(hold))["outcome"] == "ok"
    await system.cost(hold)
    assert len(system.accounting.of(hold, "end")) == 1


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"fallbacks": [{"model": "gpt-4o"}]}, "fallbacks"),
        ({"extra_body": {"max_tokens": 10**6}}, "extra_body"),
        ({"n": 10_000}, "n"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]},
         "messages[0].content[0].type"),
    ],
)  # fmt: skip
async def test_unacceptable_body_is_refused_by_name(
    system: CallbackSystem, extra: dict[str, Any], field: str
) -> None:
    """400 that names the field, one end record, nothing charged."""
    response = await system.chat("oi", **extra)
    error = response.json()["error"]
    assert (response.status_code, error["param"], error["code"]) == (400, field, "bad_request")
    end = await system.end(response.extensions["hold"])
    assert (end["outcome"], end["reason"]) == ("refused", "bad_request")


async def test_shadow_refuses_and_alters_nothing(system: CallbackSystem) -> None:
    """The evidence is there all the same."""
    tag = uuid.uuid4().hex
    token = {"mode": "shadow", "granted": 0, "issued": 1}
    response = await system.chat(f"oi [[tokens=5 tag={tag}]]", token=token)
    assert response.status_code == 200
    assert (await system.end(response.extensions["hold"]))["outcome"] == "ok"
    (start,) = system.accounting.of(response.extensions["hold"], "start")
    assert not start["clamped"]
    assert system.truth(tag)[0].output_limit is None


@pytest.mark.parametrize("stream", [False, True])
async def test_empty_answer_under_our_clamp_is_explained(
    system: CallbackSystem, *, stream: bool
) -> None:
    """A model that thought until the limit leaves a sentence instead of silence."""
    response = await system.chat(THINKS, model="gpt-5", stream=stream, token=SHORT_OF_CREDIT)
    assert "usou todo o limite que o seu crédito permitia" in response.text
    end = await system.end(response.extensions["hold"])
    assert (end["empty_under_clamp"], end["output_chars"]) == (True, 0)
    assert (await system.cost(response.extensions["hold"]))["usage"]["reasoning_tokens"] > 0


async def test_client_that_leaves_is_an_aborted_end(system: CallbackSystem) -> None:
    """One end record with what was delivered until then."""
    hold = str(uuid.uuid4())
    text = "oi [[tokens=300 rate=100]]"
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], "stream": True}
    async with system.stream(hold, "chat/completions", "chat", body) as response:
        lines = response.aiter_lines()
        for _ in range(10):
            await anext(lines)
    end = await system.end(hold)
    assert (end["outcome"], end["complete"]) == ("aborted", False)
    assert end["output_chars"] > 0
    assert (await system.cost(hold))["error_code"] == "499"


async def test_provider_error_ends_the_call_without_cost(system: CallbackSystem) -> None:
    """A refusing provider is asked again (free), and the end says that nothing was served."""
    tag = uuid.uuid4().hex
    response = await system.chat(f"oi [[status=500 tag={tag}]]")
    end = await system.end(response.extensions["hold"])
    assert (end["outcome"], end["reason"]) == ("failed", "status_500")
    assert len(system.truth(tag)) == 2
    costs = system.accounting.of(response.extensions["hold"], "cost")
    assert {cost["cost_usd"] for cost in costs} <= {"0"}


async def test_call_that_falls_back_ends_once_with_the_price_of_who_answered(
    system: CallbackSystem,
) -> None:
    """The failed attempts are free evidence; the success names the other model."""
    tag = uuid.uuid4().hex
    dear = {"in": 2_500_000, "out": 10_000_000}
    await system.order({"fail_models": {"gpt-4o": 500}})
    response = await system.chat(f"oi [[tokens=5 tag={tag}]]", model="conversa", token=dear)
    await system.order({})
    assert response.status_code == 200, response.text
    cost = await system.cost(response.extensions["hold"])
    end = await system.end(response.extensions["hold"])
    assert (end["outcome"], cost["model"]) == ("ok", "openai/gpt-4o-mini")
    assert [call.model for call in system.truth(tag)] == ["gpt-4o", "gpt-4o", "gpt-4o-mini"]
    assert len(system.accounting.of(response.extensions["hold"], "end")) == 1
    (start,) = system.accounting.of(response.extensions["hold"], "start")
    assert not start["price_stale"]


@pytest.mark.parametrize("order", ["hang", "close"])
async def test_attempt_that_may_be_charged_is_the_last(system: CallbackSystem, order: str) -> None:
    """The hold covers one call: after a timeout or a broken answer nothing is sent again."""
    tag = uuid.uuid4().hex
    response = await system.chat(f"oi [[{order} tag={tag}]]")
    assert response.status_code in {408, 500, 504}
    assert (await system.end(response.extensions["hold"]))["outcome"] == "failed"
    assert len(system.truth(tag)) == 1


async def test_stream_that_dies_is_not_begun_again_elsewhere(system: CallbackSystem) -> None:
    """LiteLLM would go on with the fallback model, and forget what the first one charges."""
    tag = uuid.uuid4().hex
    text = f"oi [[tokens=60 rate=500 die_after=10 tag={tag}]]"
    dear = {"in": 2_500_000, "out": 10_000_000}
    response = await system.chat(text, model="conversa", stream=True, token=dear)
    end = await system.end(response.extensions["hold"])
    assert (end["outcome"], end["complete"]) == ("failed", False)
    assert [call.model for call in system.truth(tag)] == ["gpt-4o"]


async def test_bound_is_never_below_openais_tokenizers() -> None:
    """The real encodings, on random text of every alphabet, in LiteLLM's own environment."""
    script = ROOT / "tests" / "integration" / "bound_against_tokenizers.py"
    run = await asyncio.create_subprocess_exec(find_python(), script, stderr=subprocess.PIPE)
    _, complaint = await asyncio.wait_for(run.communicate(), 120)
    assert run.returncode == 0, complaint.decode()[-2000:]
