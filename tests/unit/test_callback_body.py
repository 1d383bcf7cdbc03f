"""The allow-list of request bodies."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pedagio_callback.body import find_problem, load_rules

RULES = load_rules(Path(__file__).parents[2] / "litellm" / "allowed_body.json")
CHAT: dict[str, Any] = {"model": "gpt-5", "messages": [{"role": "user", "content": "oi"}]}
RESPONSES: dict[str, Any] = {"model": "gpt-5", "input": "oi"}
EMBEDDINGS: dict[str, Any] = {"model": "e", "input": ["oi", [1, 2]]}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {}}}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
KEYS = st.sampled_from(sorted(set().union(*(rules.keys for rules in RULES.values()))))
BODIES = st.dictionaries(KEYS | st.text(), JSON, max_size=6)


def parts(*content: dict[str, Any]) -> dict[str, Any]:
    """A chat body with one message of these content parts."""
    return {"messages": [{"role": "user", "content": list(content)}]}


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("chat", CHAT),
        ("chat", CHAT | {"stream": True, "stream_options": {"include_usage": True}, "n": 128}),
        ("chat", CHAT | {"max_tokens": None, "tools": [FUNCTION], "user": "x"}),
        ("chat", CHAT | parts({"type": "text", "text": "a"}, {"type": "image_url"})),
        ("responses", RESPONSES | {"previous_response_id": "r", "background": False}),
        ("responses", {"model": "gpt-5", "prompt": {"id": "p"}}),
        ("responses", RESPONSES | {"input": [{"role": "user", "content": "oi"}]}),
        ("embeddings", EMBEDDINGS),
        ("embeddings", EMBEDDINGS | {"input": [1, 2, 3]}),
    ],
)
def test_body_in_everyday_use_is_accepted(route: str, body: dict[str, Any]) -> None:
    """What clients really send passes."""
    assert find_problem(RULES[route], body) is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (CHAT | {"fallbacks": [{"model": "gpt-4o"}]}, "fallbacks"),
        (CHAT | {"extra_body": {"max_tokens": 9}}, "extra_body"),
        (CHAT | {"best_of": 2}, "best_of"),
        (CHAT | {"prediction": {}}, "prediction"),
        (CHAT | {"web_search_options": {}}, "web_search_options"),
        (CHAT | {"no-log": True}, "no-log"),
        (CHAT | {"frobnicate": 1}, "frobnicate"),
        ({"": 1} | CHAT | {"fallbacks": ["gpt-5"]}, '""'),
        (CHAT | {"n": 0}, "n"),
        (CHAT | {"n": 10_000}, "n"),
        (CHAT | {"n": True}, "n"),
        (CHAT | {"n": "2"}, "n"),
        (CHAT | {"max_tokens": -1}, "max_tokens"),
        (CHAT | {"max_tokens": 1.5}, "max_tokens"),
        (CHAT | {"max_tokens": "9"}, "max_tokens"),
        (CHAT | {"max_completion_tokens": 10**30}, "max_completion_tokens"),
        (CHAT | {"service_tier": "gold"}, "service_tier"),
        (CHAT | {"modalities": ["video"]}, "modalities"),
        (CHAT | {"tools": [{"type": "mcp"}]}, "tools[0].type"),
        (CHAT | {"tools": [FUNCTION, {"type": "web_search"}]}, "tools[1].type"),
        (CHAT | {"tools": {}}, "tools"),
        (CHAT | {"messages": []}, "messages"),
        (CHAT | {"messages": ["oi"]}, "messages[0]"),
        (CHAT | {"model": 3}, "model"),
        (CHAT | parts({"type": "text"}, {"type": "video"}), "messages[0].content[1].type"),
    ],
)
def test_chat_body_with_a_dangerous_value_is_refused_by_name(
    body: dict[str, Any], field: str
) -> None:
    """Each bad input of a chat call names its own field."""
    assert find_problem(RULES["chat"], body) == field


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (RESPONSES | {"background": True}, "background"),
        (RESPONSES | {"background": 0}, "background"),
        (RESPONSES | {"tools": [{"type": "code_interpreter"}]}, "tools[0].type"),
        (RESPONSES | {"max_output_tokens": 0}, "max_output_tokens"),
        (RESPONSES | {"input": [{"type": "web_search_call"}]}, "input[0].type"),
        (RESPONSES | {"input": 7}, "input"),
        (RESPONSES | {"instructions": 7}, "instructions"),
    ],
)
def test_responses_body_with_a_dangerous_value_is_refused_by_name(
    body: dict[str, Any], field: str
) -> None:
    """Each bad input of a Responses call names its own field."""
    assert find_problem(RULES["responses"], body) == field


@pytest.mark.parametrize("value", [[], [[]], ["a", 1], [1.5], [[1, "a"]], {}, None, [True]])
def test_embeddings_input_of_another_shape_is_refused(value: Any) -> None:
    """Only strings and token arrays can be bounded."""
    assert find_problem(RULES["embeddings"], EMBEDDINGS | {"input": value}) == "input"


@given(st.sampled_from(sorted(RULES)), BODIES)
def test_body_of_arbitrary_json_never_raises(route: str, body: dict[str, Any]) -> None:
    """The check answers with a name or with None, whatever a parser can produce."""
    problem = find_problem(RULES[route], body)
    assert problem is None or isinstance(problem, str)
