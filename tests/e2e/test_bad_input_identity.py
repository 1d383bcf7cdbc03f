"""Who somebody claims to be: keys, identities, headers that only Envoy and authz may set."""

from collections.abc import Awaitable, Callable

import pytest

from tests.e2e.attempts import (
    LIBRECHAT,
    PLAIN,
    Answer,
    Headers,
    Intruder,
    chat_body,
    check_refusal,
)

IntruderAt = Callable[[str], Awaitable[Intruder]]
FORGED_ID = "11111111-2222-4333-8444-555555555555"
OF_HOLD = "SELECT account_id, client_id FROM hold WHERE id = $1"
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


async def test_identity_of_128_characters_is_somebody(intruder: Intruder) -> None:
    """The longest identity: its account is opened on the way, and has no credit yet."""
    name = intruder.who.name.ljust(128, "-")
    answer = await intruder.send(chat_body(), headers=intruder.headers(("x-user-id", name)))
    check_refusal(answer, 402, "insufficient_credit", "", style=LIBRECHAT)
    assert (await intruder.office.balance(LIBRECHAT, name)).posted_nanos == 0


@pytest.mark.parametrize(
    "authorization",
    ["Bearer pk-nobody-has-this-key", "Bearer ", "Basic {key}", "{key}", "Bearer {key}x", None],
)
async def test_key_that_nobody_has_is_refused(
    intruder: Intruder, authorization: str | None
) -> None:
    """401, and only here; whose language nobody knows, so the installation's, without wrapping."""
    changed: Headers = ()
    if authorization is not None:
        changed = (("authorization", authorization.format(key=intruder.who.key)),)
    headers = intruder.headers(*changed, without="authorization")
    answer = await intruder.send(chat_body(), headers=headers)
    check_refusal(answer, 401, "unknown_key", "", style=PLAIN)


async def test_key_of_litellm_itself_opens_nothing(intruder: Intruder) -> None:
    """Behind Envoy it is worth a fortune, in front of it nothing."""
    key = intruder.stack.litellm_key
    for headers in (
        intruder.headers(("authorization", f"Bearer {key}")),
        intruder.headers(("x-litellm-api-key", key), without="authorization"),
        intruder.headers(("x-api-key", key), without="authorization"),
    ):
        answer = await intruder.send(chat_body(), headers=headers)
        check_refusal(answer, 401, "unknown_key", "", style=PLAIN)


async def test_key_unknown_on_the_free_path_is_refused(intruder: Intruder) -> None:
    """The list of models is free, but not for everybody."""
    headers = intruder.headers(("authorization", "Bearer pk-nobody-has-this-key"))
    answer = await intruder.send(path="/v1/models", method="GET", headers=headers)
    check_refusal(answer, 401, "unknown_key", "", style=PLAIN)
    known = await intruder.send(path="/v1/models", method="GET")
    assert known.status == 200


@pytest.mark.parametrize(("name", "value"), FORGED_HEADERS.items())
async def test_header_of_ours_sent_by_a_client_changes_nothing(
    intruder: Intruder, name: str, value: str
) -> None:
    """Stripped: the call is answered, held and booked under Envoy's own id, on the right account."""
    answer = await intruder.send(chat_body(), headers=intruder.headers((name, value)))
    assert answer.status == 200, answer.body
    assert answer.hold_id not in {"", FORGED_ID}
    account = await intruder.office.balance(intruder.who.client, intruder.who.name)
    rows = await intruder.database.fetch(OF_HOLD, answer.hold_id)
    assert [(row["account_id"], row["client_id"]) for row in rows] == [(account.id, LIBRECHAT)]
    assert not await intruder.database.fetch(OF_HOLD, FORGED_ID)


async def test_forged_headers_all_at_once_change_nothing(intruder: Intruder) -> None:
    """Together they do no more than alone."""
    headers = intruder.headers(*FORGED_HEADERS.items())
    answer = await intruder.send(chat_body(), headers=headers)
    assert answer.status == 200, answer.body


async def test_service_client_that_names_a_person_is_refused(intruder_at: IntruderAt) -> None:
    """One key, one account: a name here would be somebody pretending to be a trusted client."""
    service = await intruder_at("service")
    for name in ("somebody", ""):
        headers = service.headers(("x-user-id", name))
        answer = await service.send(chat_body(), headers=headers)
        check_refusal(answer, 400, "bad_request", "x-user-id", style=PLAIN)
        await service.explained(answer, "bad_request")


async def test_service_client_alone_spends_its_own_account(intruder_at: IntruderAt) -> None:
    """Without a name the service's one account pays."""
    service = await intruder_at("service")
    assert (await service.send(chat_body())).status == 200


async def test_person_of_one_client_is_nobody_to_another(intruder_at: IntruderAt) -> None:
    """The same name at two clients is two accounts: a key opens its own people's credit only."""
    rich = await intruder_at(LIBRECHAT)
    program = await intruder_at(PLAIN)
    headers = program.headers(("x-user-id", rich.who.name))
    answer = await program.send(chat_body(), headers=headers)
    check_refusal(answer, 402, "insufficient_credit", "", style=PLAIN)
