"""Bad bodies that only LiteLLM's side sees: arrays, objects, the keys nobody has heard of.

Envoy hands scalars to authz and nothing else, so these have a hold when our callback refuses them:
it must be free again at once. What must be true after every test is `check_unharmed`.
"""

import json
from typing import Any

import pytest

from tests.e2e.attempts import (
    CHAT,
    EMBEDDINGS,
    MODEL,
    RESPONSES,
    SECRET,
    TEXT,
    Intruder,
    chat_body,
    chat_with,
    check_refusal,
)

PICTURE = {"type": "image_url", "image_url": {"url": f"https://exemplo.br/{SECRET}.png"}}
UNKNOWN_KEYS: dict[str, Any] = {
    "frobnicate": 1,
    "prediction": {"type": "content", "content": SECRET},
    "fallbacks": ["gpt-5"],
    "extra_body": {"n": 20},
    "extra_headers": {"x-pedagio-hold": "mine"},
    "web_search_options": {"search_context_size": "high"},
    "litellm_metadata": {"x": SECRET},
    "thinking": {"type": "enabled", "budget_tokens": 9},
    "tags": ["a"],
    "context_window_fallback_dict": {MODEL: "gpt-5"},
    "messages ": [],
}
# Scalars of a wrong shape hide from the door, which sees no arrays and no objects.
WRONG_SHAPES = {
    "max_tokens": "[1]",
    "max_completion_tokens": '{"a":1}',
    "n": "[2]",
    "stream": '"yes"',
    "service_tier": '"platinum"',
    "messages": f'"{SECRET}"',
    "tools": f'"{SECRET}"',
    "modalities": '["video"]',
    "stream_options": '{"sink":"x"}',
}


def said(*content: Any, role: str = "user") -> list[dict[str, Any]]:
    """A conversation of one message with these content parts."""
    return [{"role": role, "content": list(content)}]


@pytest.mark.parametrize(("name", "value"), UNKNOWN_KEYS.items())
async def test_body_key_nobody_listed_is_refused_by_name(
    intruder: Intruder, name: str, value: Any
) -> None:
    """LiteLLM hands unknown keys to the provider: only keys whose price we know may pass."""
    answer = await intruder.refused(chat_body(**{name: value}), 400, "bad_request", name)
    assert SECRET.encode() not in answer.body


async def test_body_key_that_is_empty_hides_no_other(intruder: Intruder) -> None:
    """The name of the offence may be empty; the offence is one."""
    body = b'{"":1,' + chat_body(tools=[{"type": "web_search"}], extra_body={"n": 20})[1:]
    await intruder.refused(body, 400, "bad_request", '""')


@pytest.mark.parametrize(("name", "value"), WRONG_SHAPES.items())
async def test_known_key_of_a_wrong_shape_is_refused_by_name(
    intruder: Intruder, name: str, value: str
) -> None:
    """What the door could not see is judged again, whole, where the body is."""
    await intruder.refused(chat_with(f'"{name}":{value}'), 400, "bad_request", name)


@pytest.mark.parametrize(
    ("part", "where"),
    [
        ({"type": "video_url", "video_url": {"url": SECRET}}, "messages[0].content[1].type"),
        ({"type": ["text"], "text": SECRET}, "messages[0].content[1].type"),
        ({"text": SECRET}, "messages[0].content[1].type"),
        (SECRET, "messages[0].content[1].type"),
    ],
)
async def test_content_part_of_an_unknown_type_is_refused_by_place(
    intruder: Intruder, part: Any, where: str
) -> None:
    """A part nobody can price is named by where it stands, never by what it says."""
    body = chat_body(messages=said({"type": "text", "text": TEXT}, part))
    answer = await intruder.refused(body, 400, "bad_request", where)
    assert SECRET.encode() not in answer.body


@pytest.mark.parametrize(
    ("path", "tool"),
    [
        (CHAT, {"type": "web_search"}),
        (CHAT, {"type": "mcp", "server_url": "https://evil.example"}),
        (RESPONSES, {"type": "web_search_preview"}),
        (RESPONSES, {"type": "code_interpreter", "container": {"type": "auto"}}),
        (RESPONSES, {"type": "image_generation"}),
        (RESPONSES, {"type": "file_search", "vector_store_ids": ["a"]}),
    ],
)
async def test_hosted_tool_is_refused_by_place(
    intruder: Intruder, path: str, tool: dict[str, Any]
) -> None:
    """A tool that runs at the provider charges fees that no token count tells."""
    prompt = {"messages": said({"type": "text", "text": TEXT})} if path == CHAT else {"input": TEXT}
    body = json.dumps({"model": MODEL, **prompt, "tools": [tool]}).encode()
    answer = await intruder.send(body, path)
    check_refusal(answer, 400, "bad_request", "tools[0].type", style=intruder.who.client)
    await intruder.explained(answer, "bad_request")


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        (RESPONSES, {"model": MODEL, "input": [{"type": "computer_call"}]}, "input[0].type"),
        (RESPONSES, {"model": MODEL, "input": 5}, "input"),
        (RESPONSES, {"model": MODEL, "input": TEXT, "frobnicate": [1]}, "frobnicate"),
        (EMBEDDINGS, {"model": "text-embedding-3-small", "input": [[1, "a"]]}, "input"),
        (EMBEDDINGS, {"model": "text-embedding-3-small", "input": {"a": SECRET}}, "input"),
        (EMBEDDINGS, {"model": "text-embedding-3-small", "input": TEXT, "tools": []}, "tools"),
    ],
)
async def test_other_metered_paths_have_lists_of_their_own(
    intruder: Intruder, path: str, body: dict[str, Any], where: str
) -> None:
    """Each endpoint takes its own keys, items and forms of input."""
    answer = await intruder.send(json.dumps(body).encode(), path)
    check_refusal(answer, 400, "bad_request", where, style=intruder.who.client)
    await intruder.explained(answer, "bad_request")


async def test_stream_that_is_refused_gets_a_status_not_an_event(intruder: Intruder) -> None:
    """A refusal comes before the stream begins: 400 with an error object, not a broken 200."""
    await intruder.refused(chat_body(stream=True, frobnicate=1), 400, "bad_request", "frobnicate")


async def test_model_named_twice_is_held_and_billed_as_the_last(intruder: Intruder) -> None:
    """Every parser on the way takes the last of duplicate keys: nobody pays the cheap price."""
    answer = await intruder.send(chat_with('"model":"gpt-4.1"'))
    assert answer.status == 200
    (call,) = intruder.reached()
    assert call.model == "gpt-4.1"
    held = await intruder.database.fetchval("SELECT model FROM hold WHERE id = $1", answer.hold_id)
    assert held == "gpt-4.1"


async def test_limit_named_twice_is_the_last_for_everybody(intruder: Intruder) -> None:
    """The bound of the hold and the limit that the provider gets are the same one."""
    body = b'{"max_tokens":1000,' + chat_body(max_tokens=3)[1:]
    assert (await intruder.send(body)).status == 200
    (call,) = intruder.reached()
    assert (call.output_limit, call.completion_tokens) == (3, 3)


async def test_limit_named_twice_with_a_bad_last_is_refused(intruder: Intruder) -> None:
    """A good first value does not hide a bad last one."""
    body = b'{"max_tokens":10,' + chat_body(max_tokens=-1)[1:]
    await intruder.refused(body, 400, "bad_request", "max_tokens")


@pytest.mark.parametrize(
    "more",
    [
        {"user": "somebody-else"},
        {"metadata": {"user_api_key_end_user_id": "somebody-else", "user": "somebody-else"}},
        {"user": "somebody-else", "safety_identifier": "somebody-else"},
        {"metadata": {"requester_custom_headers": {"x-pedagio-hold": "forged"}}},
        {"metadata": {"no-log": True, "spend_logs_metadata": {"a": "b"}}},
    ],
)
async def test_body_that_names_somebody_else_is_booked_to_the_header(
    intruder: Intruder, more: dict[str, Any]
) -> None:
    """Any LibreChat user can forge the body: identity comes from the header alone."""
    answer = await intruder.send(chat_body(**more))
    assert answer.status == 200
    account = await intruder.office.balance(intruder.who.client, intruder.who.name)
    rows = await intruder.database.fetch(
        "SELECT account_id FROM hold WHERE id = $1", answer.hold_id
    )
    assert [row["account_id"] for row in rows] == [account.id]


async def test_text_with_a_nul_character_is_answered(intruder: Intruder) -> None:
    """An odd character in a prompt is the person's own business: no store of ours ever sees it."""
    messages = said({"type": "text", "text": f"a\0b {TEXT}"})
    assert (await intruder.send(chat_body(messages=messages))).status == 200


@pytest.mark.parametrize("depth", [50, 500])
async def test_deep_nesting_that_can_be_read_is_answered(intruder: Intruder, depth: int) -> None:
    """Nesting alone is no crime."""
    nested = '{"a":' * depth + "1" + "}" * depth
    message = f'[{{"role":"user","content":"{TEXT}","x":{nested}}}]'
    assert (await intruder.send(chat_with(f'"messages":{message}'))).status == 200


async def test_nesting_that_breaks_litellm_frees_its_hold_at_once(intruder: Intruder) -> None:
    """LiteLLM fails before our hooks where it copies metadata: the call ends failed, not unseen."""
    nested = '{"a":' * 900 + "1" + "}" * 900
    answer = await intruder.send(chat_with(f'"metadata":{nested}'))
    assert answer.status >= 400
    await intruder.explained(answer, "failed")


async def test_picture_by_address_is_priced_not_fetched(intruder: Intruder) -> None:
    """A picture that is only named counts by its bound; nobody here opens the address."""
    body = chat_body(messages=said({"type": "text", "text": TEXT}, PICTURE))
    assert (await intruder.send(body)).status == 200


@pytest.mark.parametrize("status", [400, 401, 404, 500])
async def test_call_that_the_provider_turns_away_closes_the_model_to_nobody(
    intruder: Intruder, status: int
) -> None:
    """An id that the provider does not know is one person's mistake; the next call is answered."""
    text = f"{SECRET} [[status={status}]]"
    answer = await intruder.send(chat_body(messages=said({"type": "text", "text": text})))
    assert answer.status == status
    intruder.let_through += len(intruder.reached())
    assert (await intruder.send(chat_body())).status == 200
