"""Bad bodies that the door sees through Envoy: each has its own clear refusal, and does no damage.

What must be true after every test, whatever was sent, is `check_unharmed` in attempts.py.
"""

import asyncio
import gzip
import http.client
import json
from collections.abc import Awaitable, Callable

import pytest

from tests.e2e.attempts import (
    EMBEDDINGS,
    MODEL,
    PLAIN,
    RESPONSES,
    SECRET,
    TEXT,
    Intruder,
    chat_body,
    chat_with,
    check_refusal,
    leaks,
)

IntruderAt = Callable[[str], Awaitable[Intruder]]
MIB = 1024 * 1024
OUTPUT_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
NO_LIMITS = ("-1", "0", "1e30", "1.5", '"100"', "true", "9007199254740993")
NO_COUNTS = ("0", "10000", "1.5", "-3", '"2"', "false")
SWITCHES = {
    "background": "true",
    "best_of": "2",
    "no-log": "true",
    "num_retries": "5",
    "api_base": '"http://evil.example"',
    "api_key": '"sk-mine"',
    "mock_response": '"free"',
    "custom_llm_provider": '"anthropic"',
    "timeout": "1",
    "cache": "true",
    "litellm_call_id": '"mine"',
    "input_cost_per_token": "0",
    "drop_params": "true",
}

UNREADABLE = {
    "cut short": f'{{"model":"{MODEL}","messages":[{{"role":"user","content":"{SECRET}'.encode(),
    "two documents": chat_body() + b" trailing",
    "utf-16": b"\xff\xfe" + chat_body().decode().encode("utf-16-le"),
    "a form": b"model=" + MODEL.encode(),
    "NUL byte in the text": chat_body().replace(b"[[tokens", b"\x00[[tokens"),
    "lone surrogate in the text": chat_body().replace(b"[[tokens", b"\\ud800 [[tokens"),
    "lone surrogate in the model": chat_body(model=f"{MODEL}\ud800"),
    "number beyond a double": chat_with('"max_tokens":1e999'),
    "not a number": chat_with('"max_tokens":NaN'),
    "nested without end": b"[" * 100_000,
    "compressed": gzip.compress(chat_body()),
}
NAMELESS = {
    "empty": b"",
    "array": b"[1,2]",
    "text": b'"text"',
    "null": b"null",
    "no model": json.dumps({"messages": [{"role": "user", "content": TEXT}]}).encode(),
    "null model": chat_body(model=None),
    "empty model": chat_body(model=""),
    "number": chat_body(model=5),
    "boolean": chat_body(model=True),
    "list": chat_body(model=[MODEL]),
    "object": chat_body(model={"name": MODEL}),
    "NUL": chat_body(model=f"{MODEL}\0"),
    "newline": chat_body(model=f"{MODEL}\nx"),
    "too long": chat_body(model="m" * 257),
    "text, then list": chat_with(f'"model":["{MODEL}"]'),
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
async def test_body_that_is_no_json_is_refused_by_name(intruder: Intruder, body: bytes) -> None:
    """What Envoy cannot parse is never guessed at, and never reaches a parser that is kinder."""
    await intruder.refused(body, 400, "bad_request", "body")


@pytest.mark.parametrize("body", NAMELESS.values(), ids=NAMELESS)
async def test_body_without_a_model_name_is_refused_by_name(
    intruder: Intruder, body: bytes
) -> None:
    """Empty, no object, or a model that is no text: the field to repair is `model`."""
    await intruder.refused(body, 400, "bad_request", "model")


@pytest.mark.parametrize("name", OUTPUT_LIMITS)
@pytest.mark.parametrize("value", NO_LIMITS)
async def test_output_limit_that_is_no_count_is_refused_by_name(
    intruder: Intruder, name: str, value: str
) -> None:
    """An output limit is a whole number from 1; anything else would bound nothing."""
    await intruder.refused(chat_with(f'"{name}":{value}'), 400, "bad_request", name)


@pytest.mark.parametrize("value", NO_COUNTS)
async def test_number_of_choices_that_is_no_count_is_refused_by_name(
    intruder: Intruder, value: str
) -> None:
    """`n` multiplies the cost: 1 to 128, whole."""
    await intruder.refused(chat_with(f'"n":{value}'), 400, "bad_request", "n")


@pytest.mark.parametrize(("name", "value"), SWITCHES.items())
async def test_body_key_that_evades_the_meter_is_refused_by_name(
    intruder: Intruder, name: str, value: str
) -> None:
    """Keys that silence reports, multiply or redirect upstream work, or set prices."""
    await intruder.refused(chat_with(f'"{name}":{value}'), 400, "bad_request", name)


@pytest.mark.parametrize("path", [RESPONSES, EMBEDDINGS])
async def test_other_metered_paths_refuse_the_same_keys(intruder: Intruder, path: str) -> None:
    """The door judges every metered path alike."""
    body = json.dumps({"model": MODEL, "input": TEXT, "background": True}).encode()
    answer = await intruder.send(body, path)
    check_refusal(answer, 400, "bad_request", "background", style=intruder.who.client)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", None],
)
async def test_content_type_that_is_no_json_is_refused(
    intruder: Intruder, content_type: str | None
) -> None:
    """LiteLLM would parse a text/plain body as JSON: who reads otherwise than Envoy is not asked."""
    changed = (("content-type", content_type),) if content_type else ()
    headers = intruder.headers(*changed, without="content-type")
    answer = await intruder.send(chat_body(), headers=headers)
    check_refusal(answer, 400, "bad_request", "content-type", style=intruder.who.client)
    await intruder.explained(answer, "bad_request")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
async def test_content_type_with_its_charset_is_answered(
    intruder: Intruder, content_type: str
) -> None:
    """A correct client is not turned away for saying which charset it uses."""
    headers = intruder.headers(("content-type", content_type))
    assert (await intruder.send(chat_body(), headers=headers)).status == 200


async def test_model_that_nobody_offers_is_refused_by_name(intruder: Intruder) -> None:
    """A name without a price is never free, and never sent on to see."""
    answer = await intruder.send(chat_body(model="gpt-99-ultra"))
    check_refusal(answer, 402, "model_unpriced", "gpt-99-ultra", style=intruder.who.client)
    await intruder.explained(answer, "model_unpriced")


async def test_body_of_17_mib_is_refused_before_it_is_read(intruder: Intruder) -> None:
    """413 in OpenAI's shape, from Envoy, which knows no client yet: the form that LibreChat shows."""
    answer = await intruder.send(chat_body(padding="x" * 17 * MIB))
    assert (answer.status, answer.error["code"]) == (413, "bad_request")
    assert answer.headers["x-should-retry"] == "false"
    assert "grande demais" in answer.sentence
    assert f"ref. {answer.hold_id[:6]}" in answer.sentence


async def test_refusal_of_a_plain_client_is_plain(intruder_at: IntruderAt) -> None:
    """Programs read the sentence without LibreChat's wrapping, in their client's language."""
    program = await intruder_at(PLAIN)
    answer = await program.refused(chat_with('"n":0'), 400, "bad_request", "n")
    assert answer.sentence.startswith("The request could not be accepted: n. Nothing was charged.")


async def test_good_calls_among_bad_ones_are_answered(
    intruder: Intruder, intruder_at: IntruderAt
) -> None:
    """Holds are placed many at a time: a request that cannot be accepted spoils nobody else's."""
    other = await intruder_at(PLAIN)
    bad = [
        chat_body(model=f"{MODEL}\0"),
        chat_body(model="nobody-offers-this"),
        chat_with('"max_tokens":1e30'),
        chat_with('"frobnicate":1'),
        chat_body(messages=SECRET),
    ]
    sends = [one.send(body) for one in (intruder, other) for body in (*bad, chat_body()) * 2]
    answers = await asyncio.gather(*sends)
    statuses = [answer.status for answer in answers]
    assert statuses == [400, 402, 400, 400, 400, http.client.OK] * 4


async def test_prompts_of_all_bad_bodies_are_kept_nowhere(intruder: Intruder) -> None:
    """After all of the above: not in a log, not in the spool, not in Postgres' own files."""
    await intruder.refused(chat_with('"no-log":true'), 400, "bad_request", "no-log")
    assert not leaks(intruder.stack.state_folder, postgres=True)
