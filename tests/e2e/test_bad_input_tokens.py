"""Calls that go around Envoy, straight to LiteLLM: without authz's word for it nothing leaves."""

import dataclasses
import time
import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from credit.token import sign
from tests.e2e.attempts import Answer, Headers, Intruder, chat_body
from tests.e2e.hold_tokens import claims_of, token_of

NOW_S = int(time.time())


async def straight(intruder: Intruder, token: str | None, call_id: str, **body: Any) -> Answer:
    """Call LiteLLM around Envoy, knowing even its key."""
    headers: Headers = (
        ("authorization", f"Bearer {intruder.stack.litellm_key}"),
        ("content-type", "application/json"),
        ("x-litellm-call-id", call_id),
    )
    if token is not None:
        headers = (*headers, ("x-pedagio-hold", token))
    return await intruder.send(chat_body(**body), headers=headers, url=intruder.stack.litellm_url)


def check_stranger(answer: Answer, field_name: str, call_id: str) -> None:
    """The callback's refusal of a call that did not come through Envoy."""
    error = answer.error
    assert (answer.status, error["code"], error["param"]) == (403, "bad_request", field_name)
    assert answer.headers["x-should-retry"] == "false"
    assert f"ref. {call_id[:6]}" in answer.sentence


async def test_call_around_envoy_without_litellms_key_is_refused(intruder: Intruder) -> None:
    """A client's own key opens nothing at LiteLLM."""
    answer = await intruder.send(chat_body(), url=intruder.stack.litellm_url)
    assert answer.status >= 400


async def test_call_around_envoy_without_a_token_is_refused(intruder: Intruder) -> None:
    """LiteLLM's key alone buys nothing: what authz has not held for does not leave."""
    call_id = str(uuid.uuid4())
    check_stranger(await straight(intruder, None, call_id), "x-pedagio-hold", call_id)


@pytest.mark.parametrize("forgery", ["another key", "no signature", "a word", "other claims"])
async def test_call_around_envoy_with_a_forged_token_is_refused(
    intruder: Intruder, forgery: str
) -> None:
    """One character of a token cannot be changed."""
    claims = await claims_of(intruder)
    genuine = token_of(intruder, claims)
    richer = token_of(intruder, dataclasses.replace(claims, granted=10**12))
    token = {
        "another key": sign(claims, [b"another"]),
        "no signature": genuine.rpartition(".")[0],
        "a word": "free",
        "other claims": f"{richer.rpartition('.')[0]}.{genuine.rpartition('.')[2]}",
    }[forgery]
    answer = await straight(intruder, token, claims.hold)
    check_stranger(answer, "x-pedagio-hold", claims.hold)


@pytest.mark.parametrize(
    ("changed", "field_name"),
    [
        ({"model": "gpt-5"}, "model"),
        ({"route": "embeddings"}, "path"),
        ({"hold": "b5b7a8ac-0000-4000-8000-000000000000"}, "x-litellm-call-id"),
        ({"issued": NOW_S - 700}, "x-pedagio-hold"),
    ],
)
async def test_call_around_envoy_with_the_token_of_another_call_is_refused(
    intruder: Intruder, changed: Mapping[str, Any], field_name: str
) -> None:
    """A token is good for one call: its model, its path, its id, its minutes."""
    claims = await claims_of(intruder)
    token = token_of(intruder, dataclasses.replace(claims, **changed))
    answer = await straight(intruder, token, claims.hold)
    assert (answer.status, answer.error["param"]) == (403, field_name)


async def test_call_around_envoy_with_a_token_used_before_is_refused(intruder: Intruder) -> None:
    """The hold of an earlier call pays for that call only."""
    claims = await claims_of(intruder)
    token = token_of(intruder, claims)
    assert (await straight(intruder, token, claims.hold)).status == 200
    check_stranger(await straight(intruder, token, claims.hold), "x-request-id", claims.hold)
