"""Who somebody claims to be: keys, identities, headers that only Envoy and authz may set."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest

from local.office import Office
from tests.e2e.attempts import (
    CREDIT_NANOS,
    LIBRECHAT,
    PLAIN,
    Answer,
    Intruder,
    chat_body,
    check_refusal,
)

IntruderAt = Callable[[str], Awaitable[Intruder]]
NewPerson = Callable[..., Awaitable[object]]
FORGED_ID = "11111111-2222-4333-8444-555555555555"
# Each is believed by somebody behind Envoy, if it got that far.
FORGED_HEADERS = {
    "x-litellm-call-id": FORGED_ID,
    "x-litellm-customer-id": "somebody-else",
    "x-litellm-end-user-id": "somebody-else",
    "x-litellm-spend-logs-metadata": '{"user":"somebody-else"}',
    "x-litellm-num-retries": "9",
    "x-litellm-tags": "free",
    "x-litellm-model-group": "gpt-5",
    "X-LiteLLM-Call-Id": FORGED_ID,
    "x-pedagio-hold": "v1.e30.AAAA",
    "x-pedagio-client": "plain",
    "x-pedagio-pass": "secret",
    "X-Pedagio-Anything": "x",
    "x-request-id": FORGED_ID,
    "x-envoy-retry-on": "5xx",
    "x-envoy-original-path": "/v1/models",
    "x-forwarded-for": "10.0.0.1",
    "api-key": "sk-other",
    "x-api-key": "sk-other",
    "x-goog-api-key": "sk-other",
    "ocp-apim-subscription-key": "sk-other",
}


@pytest.mark.parametrize(
    "identity",
    ["{{LIBRECHAT_USER_ID}}", "", "   ", "a" * 129, "maria,joao", "{{"],
)
async def test_identity_that_is_none_is_refused(intruder: Intruder, identity: str) -> None:
    """A placeholder that LibreChat left as it is, nothing, too much, or several are no identity."""
    headers = intruder.headers(("x-user-id", identity))
    await expect_nobody(intruder, await intruder.send(chat_body(), headers=headers))


async def test_identity_that_is_missing_is_refused(intruder: Intruder) -> None:
    """A trusted client must say for whom it speaks."""
    headers = intruder.headers(without="x-user-id")
    await expect_nobody(intruder, await intruder.send(chat_body(), headers=headers))


@pytest.mark.parametrize("again", ["same", "another"])
async def test_identity_given_twice_is_refused(intruder: Intruder, again: str) -> None:
    """Two headers are a question, not an answer; also when both say the same."""
    mine = ("x-user-id", intruder.who.name)
    other = mine if again == "same" else ("x-user-id", "somebody-else")
    answer = await intruder.send(chat_body(), headers=intruder.headers(mine, other))
    await expect_nobody(intruder, answer)


async def test_identity_under_another_spelling_is_none(intruder: Intruder) -> None:
    """`x_user_id` is another name, which some servers would take for the same."""
    headers = intruder.headers(("x_user_id", intruder.who.name), without="x-user-id")
    await expect_nobody(intruder, await intruder.send(chat_body(), headers=headers))


async def expect_nobody(intruder: Intruder, answer: Answer) -> None:
    """The refusal of somebody unknown: 403, one sentence, a reference that support can find."""
    check_refusal(answer, 403, "identity_missing", "", style=intruder.who.client)
    await intruder.explained(answer, "identity_missing")


async def test_identity_of_128_characters_is_answered(
    intruder: Intruder, office: Office, stack_keys: Mapping[str, str]
) -> None:
    """The longest identity is one; its account is opened on the way, without credit."""
    name = "a" * 121 + intruder.who.name[-7:].rjust(7, "-")
    answer = await intruder.send(chat_body(), headers=intruder.headers(("x-user-id", name)))
    check_refusal(answer, 402, "insufficient_credit", "", style=LIBRECHAT)
    assert (await office.balance(LIBRECHAT, name)).posted_nanos == 0
    assert stack_keys[LIBRECHAT]
