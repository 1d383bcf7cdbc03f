"""Flat paths from the person to the provider: held for by the policy's amount, debited once, free only by word."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import asyncpg
import httpx
import pytest

from local.office import Office
from local.provider.truth import TruthCall
from local.stack import Stack
from local.story.chat import Person
from local.story.ledger import Ledger
from tests.e2e.flat_scene import (
    CLIENT,
    DECIDED,
    EDITS,
    FLAT,
    FORGED,
    IMAGES,
    MODERATIONS,
    SPEECH,
    TRANSCRIPTIONS,
    USD,
    WOULD_REFUSE,
    Atelier,
    open_atelier,
)

# By LiteLLM's price file: gpt-image-1 by token, tts-1 by letter, whisper-1 by second; nano-USD.
IMAGE_IN, IMAGE_OUT, LETTER, SECOND = 5_000, 40_000, 15_000, 100_000


@pytest.fixture(scope="module")
def key(stack: Stack, keys: Mapping[str, str]) -> str:
    """The key of a client with flat holds; every replica knows them."""
    assert keys
    return asyncio.run(open_atelier(stack))


@pytest.fixture
async def come(
    stack: Stack,
    key: str,
    office: Office,
    ledger: Ledger,
    database: "asyncpg.Connection[asyncpg.Record]",
    truth: Callable[[], list[TruthCall]],
) -> AsyncIterator[Callable[[int], Awaitable[Atelier]]]:
    """Awaiting `come` gives somebody new with so much credit."""
    async with httpx.AsyncClient(base_url=stack.envoy_url, timeout=30.0) as http:

        async def new(nanos: int = USD) -> Atelier:
            name = f"painter-{uuid.uuid4().hex[:8]}"
            await office.open_account(CLIENT, name)
            if nanos:
                await office.grant(CLIENT, name, nanos)
            who = Person(CLIENT, key, name)
            return Atelier(http, office, ledger, database, truth, who, nanos, len(truth()))

        yield new


Come = Callable[..., Awaitable[Atelier]]


async def test_image_is_held_flat_and_debited_at_litellms_cost(come: Come) -> None:
    """The hold is the amount for each image; the debit what LiteLLM says; the rest is free at once."""
    atelier = await come()
    answer = await atelier.post(IMAGES, {"model": "gpt-image-1", "prompt": "um gato", "n": 2})
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["data"]) == 2
    assert await atelier.held(answer) == (2 * FLAT[IMAGES],) * 2 + ("images", "gpt-image-1")
    (call,) = atelier.reached()
    cost = call.prompt_tokens * IMAGE_IN + call.completion_tokens * IMAGE_OUT
    await atelier.closes(answer, "captured", "reported", cost)


async def test_edit_is_an_upload_debited_at_litellms_cost(come: Come) -> None:
    """Its images are counted inside LiteLLM: three extend a hold that was placed for one."""
    atelier = await come()
    fields = {"model": "gpt-image-1", "prompt": "um gato", "n": "3"}
    answer = await atelier.upload(EDITS, fields)
    assert answer.status_code == 200, answer.text
    assert await atelier.held(answer) == (FLAT[EDITS],) * 2 + ("image_edits",) * 2
    (call,) = atelier.reached()
    assert call.images == 3
    cost = call.prompt_tokens * IMAGE_IN + call.completion_tokens * IMAGE_OUT
    assert cost > FLAT[EDITS]
    await atelier.closes(answer, "captured", "reported", cost)


async def test_edit_of_more_images_than_credit_is_refused_by_the_ledger(come: Come) -> None:
    """One fits and ten do not: 402 from inside LiteLLM, nothing sent, nothing debited."""
    atelier = await come(2 * FLAT[EDITS])
    fields = {"model": "gpt-image-1", "prompt": "um gato", "n": "10"}
    answer = await atelier.upload(EDITS, fields)
    assert answer.status_code == 402, answer.text
    await atelier.closes(answer, "released", answer.json()["error"]["code"], 0)
    assert atelier.reached() == []


async def test_speech_is_debited_by_the_letter(come: Come) -> None:
    """LiteLLM tells its end to no hook but that of the cost; it counts no blanks (measured)."""
    atelier = await come()
    answer = await atelier.post(SPEECH, {"model": "tts-1", "input": "bomdia", "voice": "alloy"})
    assert (answer.status_code, len(answer.content) > 0) == (200, True)
    assert (await atelier.held(answer))[0] == FLAT[SPEECH]
    await atelier.closes(answer, "captured", "reported", len("bomdia") * LETTER)


async def test_transcription_is_an_upload_debited_by_the_second(come: Come) -> None:
    """Nobody before LiteLLM looks into the form."""
    atelier = await come()
    fields = {"model": "whisper-1", "language": "pt", "timestamp_granularities[]": "word"}
    answer = await atelier.upload(TRANSCRIPTIONS, {**fields, "response_format": "verbose_json"})
    assert answer.status_code == 200, answer.text
    assert await atelier.held(answer) == (FLAT[TRANSCRIPTIONS],) * 2 + ("transcriptions",) * 2
    await atelier.closes(answer, "captured", "reported", 5 * SECOND // 2)


async def test_moderation_with_an_explicit_zero_is_free(come: Come) -> None:
    """Whatever is left, as the policy says; even with nothing at all."""
    atelier = await come(0)
    body = {"model": "omni-moderation-latest", "input": "bom dia"}
    answer = await atelier.post(MODERATIONS, body)
    assert answer.status_code == 200, answer.text
    await atelier.closes(answer, "settled", "flat_amount", 0)


@pytest.mark.parametrize("what", ["model without a price", "form without one", "text of whisper"])
async def test_answer_without_a_cost_is_debited_the_amount(come: Come, what: str) -> None:
    """LiteLLM reports 0 for all three (measured): that is no gift."""
    atelier = await come()
    if what == "model without a price":
        answer = await atelier.post(IMAGES, {"model": "figura-propria", "prompt": "x", "n": 2})
        nanos = 2 * FLAT[IMAGES]
    else:
        whisper = what == "text of whisper"
        fields = {"model": "whisper-1" if whisper else "ouvido-proprio"}
        fields |= {"response_format": "text"} if whisper else {}
        answer, nanos = await atelier.upload(TRANSCRIPTIONS, fields), FLAT[TRANSCRIPTIONS]
    assert answer.status_code == 200, answer.text
    await atelier.closes(answer, "settled", "flat_amount", nanos)


@pytest.mark.parametrize("path", [IMAGES, EDITS, SPEECH, TRANSCRIPTIONS])
async def test_person_with_less_than_the_amount_is_refused(come: Come, path: str) -> None:
    """402 at the door, and the provider hears nothing."""
    atelier = await come(FLAT[path] - 1)
    answer = await _one(atelier, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (402, "insufficient_credit")
    assert atelier.reached() == []


@pytest.mark.parametrize("path", [IMAGES, EDITS, SPEECH, TRANSCRIPTIONS])
async def test_call_that_failed_debits_nothing(come: Come, path: str) -> None:
    """However often LiteLLM tries."""
    atelier = await come()
    answer = await _one(atelier, path, "[[status=500]]")
    assert answer.status_code == 500, answer.text
    assert {call.status for call in atelier.reached()} == {500}
    await atelier.closes(answer, "released", "failed", 0)


async def _one(
    atelier: Atelier, path: str, order: str = "", more: Mapping[str, str] = {}
) -> httpx.Response:
    """One call of a path; the order is for the simulated provider."""
    words = f"x {order}"
    if path == SPEECH:
        return await atelier.post(path, {"model": "tts-1", "voice": "a", "input": words, **more})
    body = {"model": "whisper-1" if path == TRANSCRIPTIONS else "gpt-image-1", "prompt": words}
    if path == IMAGES:
        return await atelier.post(path, {**body, **more})
    return await atelier.upload(path, {**body, **more})


@pytest.mark.parametrize("field", FORGED)
@pytest.mark.parametrize("path", [EDITS, TRANSCRIPTIONS])
async def test_forged_field_of_a_form_reaches_no_provider(
    come: Come, path: str, field: str
) -> None:
    """A form's fields are LiteLLM's own parameters: each would redirect, multiply or unmeter the call."""
    atelier = await come()
    model = "gpt-image-1" if path == EDITS else "whisper-1"
    answer = await atelier.upload(path, {"model": model, "prompt": "x", field: FORGED[field]})
    assert answer.status_code >= 400, answer.text
    assert atelier.reached() == []
    hold_id = uuid.UUID(answer.headers["x-request-id"])
    assert (await atelier.ledger.settled(str(hold_id))).cost_nanos == 0


@pytest.mark.parametrize("path", [IMAGES, EDITS, SPEECH, TRANSCRIPTIONS])
async def test_field_that_is_not_known_is_refused_by_name(come: Come, path: str) -> None:
    """400 and the sentence on every path, though LiteLLM words two of them anew: `code` is the status there."""
    atelier = await come()
    answer = await _one(atelier, path, more={"seed": "7"})
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    worded_anew = path in {IMAGES, TRANSCRIPTIONS}
    assert (error["type"], error["code"]) == (
        "bad_request",
        "400" if worded_anew else "bad_request",
    )
    assert "seed" in error["message"]
    await atelier.closes(answer, "released", "bad_request", 0)


@pytest.mark.parametrize("field", ["mock_response", "metadata"])
async def test_field_that_never_passes_leaves_the_call_metered(come: Come, field: str) -> None:
    """LiteLLM drops the one, we the other (`tags` as a text keeps a call from being reported): debited as ever."""
    atelier = await come()
    value = {"mock_response": "oi", "metadata": '{"tags": "x"}'}[field]
    fields = {"model": "whisper-1", "response_format": "verbose_json", field: value}
    answer = await atelier.upload(TRANSCRIPTIONS, fields)
    assert answer.status_code == 200, answer.text
    assert len(atelier.reached()) == 1
    await atelier.closes(answer, "captured", "reported", 5 * SECOND // 2)


@pytest.mark.parametrize("path", [IMAGES, EDITS, SPEECH, TRANSCRIPTIONS, MODERATIONS])
async def test_json_for_a_form_and_a_form_for_json_are_refused(come: Come, path: str) -> None:
    """What Envoy reads is what LiteLLM reads, or it goes no further."""
    atelier = await come()
    if path in {EDITS, TRANSCRIPTIONS}:
        answer = await atelier.post(path, {"model": "gpt-image-1", "prompt": "x"})
    else:
        answer = await atelier.upload(path, {"model": "gpt-image-1", "prompt": "x", "input": "x"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "content-type")
    assert atelier.reached() == []


@pytest.mark.parametrize("path", [IMAGES, EDITS, SPEECH, TRANSCRIPTIONS])
async def test_path_without_an_amount_is_404_for_others(
    come: Come, person: Callable[..., Awaitable[Person]], path: str
) -> None:
    """Their client's policy sets none."""
    atelier = await come()
    atelier.who = await person(USD)
    answer = await _one(atelier, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_path")
    assert atelier.reached() == []


@pytest.mark.parametrize("path", [IMAGES, EDITS, SPEECH, TRANSCRIPTIONS])
async def test_shadow_refuses_no_flat_call_and_debits_it(
    come: Come, stack: Stack, path: str
) -> None:
    """Without credit, with a field that enforce refuses: it passes, is paid for, and is noted."""
    atelier = await come(0)
    await atelier.set_mode(stack, "shadow")
    try:
        answer = await _one(atelier, path, more={"seed": "7"})
        assert answer.status_code == 200, answer.text
        hold_id = uuid.UUID(answer.headers["x-request-id"])
        assert (await atelier.ledger.settled(str(hold_id))).cost_nanos > 0
        decided = await atelier.database.fetchrow(DECIDED, hold_id)
        assert decided is not None
        assert tuple(decided) == ("would_refuse", "insufficient_credit")
        refused = await atelier.database.fetchval(WOULD_REFUSE, hold_id)
        assert refused == "seed"
    finally:
        await atelier.set_mode(stack, "enforce")


async def test_query_cannot_name_another_model(come: Come) -> None:
    """LiteLLM would let it override the body."""
    atelier = await come()
    body = {"model": "figura-propria", "prompt": "x"}
    answer = await atelier.post(f"{IMAGES}?model=gpt-image-1", body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "query")
    assert atelier.reached() == []


async def test_headers_hidden_in_a_chat_are_refused_by_name(come: Come) -> None:
    """LiteLLM leaves them out of the copy that the callback judges, and sends them to the provider."""
    atelier = await come()
    messages = [{"role": "user", "content": "oi"}]
    body = {"model": "gpt-4o-mini", "messages": messages, "headers": {"x-evil": "1"}}
    answer = await atelier.post("/v1/chat/completions", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
    assert "headers" in answer.text
    assert atelier.reached() == []
