"""The bound of a call's input."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pedagio_callback.bound import bound_tokens, measure
from pedagio_callback.counting import count_by_length, estimate_tokens

CONTEXT = 128_000
IMAGE = 1_100
TEXTS = st.text(max_size=200) | st.text(alphabet='ãç€😀\n"\\\x00', max_size=50)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool"]), "content": TEXTS},
        optional={
            "name": TEXTS,
            "tool_calls": st.lists(
                st.fixed_dictionaries(
                    {"function": st.fixed_dictionaries({"name": TEXTS, "arguments": TEXTS})}
                ),
                max_size=3,
            ),
        },
    ),
    min_size=1,
    max_size=5,
)
TOOLS = st.lists(
    st.fixed_dictionaries(
        {"type": st.just("function"), "function": st.dictionaries(TEXTS, TEXTS, max_size=3)}
    ),
    max_size=3,
)


def bound(route: str, body: dict[str, Any], image: int = IMAGE, context: int = CONTEXT) -> int:
    """The bound of a body that has one."""
    tokens = bound_tokens(measure(route, body), route, image, context)
    assert tokens is not None
    return tokens


def leaves(value: Any) -> int:
    """UTF-8 bytes of every string in a value: what a byte-level tokenizer can make of it."""
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, dict):
        return sum(leaves(key) + leaves(item) for key, item in value.items())
    return sum(map(leaves, value)) if isinstance(value, list) else 0


def chat(*content: Any) -> dict[str, Any]:
    """A chat body of one message."""
    return {"messages": [{"role": "user", "content": list(content)}]}


@given(MESSAGES, TOOLS)
def test_bound_of_chat_covers_a_token_for_every_byte(messages: Any, tools: Any) -> None:
    """Even a tokenizer that needs one token a byte stays below, and the format's own tokens."""
    overhead = 4 * len(messages) + 3 + (20 + 12 * len(tools) if tools else 0)
    least = leaves(messages) + leaves(tools) + overhead
    assert bound("chat", {"messages": messages, "tools": tools}, context=10**9) >= least


@given(st.lists(TEXTS | st.lists(st.integers(0, 200_000), min_size=1), min_size=1))
def test_bound_of_embeddings_counts_bytes_of_strings_and_members_of_arrays(inputs: Any) -> None:
    """Each input has a window of its own, so nothing caps the sum."""
    least = sum(len(i) if isinstance(i, list) else len(i.encode()) for i in inputs)
    assert bound("embeddings", {"input": inputs}, context=1) >= least


def test_bound_of_a_photo_is_its_tokens_not_its_bytes() -> None:
    """Two megabytes of base64 are one image."""
    url = "data:image/jpeg;base64," + "A" * 2_000_000
    body = chat(
        {"type": "text", "text": "o que é?"}, {"type": "image_url", "image_url": {"url": url}}
    )
    assert IMAGE < bound("chat", body) < IMAGE + 300
    assert bound("chat", body, image=0) == CONTEXT


@pytest.mark.parametrize(
    "body",
    [
        {"input": "oi", "previous_response_id": "r"},
        {"input": "oi", "conversation": {"id": "c"}},
        {"prompt": {"id": "p"}},
        {"input": [{"type": "item_reference", "id": "i"}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
        chat({"type": "file", "file": {"file_id": "f"}}),
        chat({"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}),
        {"messages": [{"role": "assistant", "audio": {"id": "a"}}]},
    ],
)
def test_bound_of_what_the_body_does_not_hold_is_the_context_window(body: dict[str, Any]) -> None:
    """References cost what they may bring; without a known window there is no bound."""
    assert bound("responses", body) == CONTEXT
    assert bound_tokens(measure("responses", body), "responses", IMAGE, 0) is None


def test_bound_never_exceeds_the_context_window() -> None:
    """The provider refuses what does not fit, so nothing more can be charged."""
    assert bound("chat", chat({"type": "text", "text": "a" * 1_000_000})) == CONTEXT


def test_measure_of_lone_surrogates_and_deep_values_does_not_raise() -> None:
    """A parser accepts them, so the bound must."""
    nested: Any = "x"
    for _ in range(200):
        nested = [nested]
    body = {"messages": [{"content": "\ud800", "extra": nested}], "stop": ["\udfff"]}
    assert bound("chat", body) > 0


@given(MESSAGES)
def test_estimate_is_near_a_quarter_of_the_text(messages: Any) -> None:
    """Without a tokenizer four characters are a token; the estimate never exceeds the bound."""
    body = {"messages": messages}
    measured = measure("chat", body)
    tokens = estimate_tokens("chat", body, measured, count_by_length)
    chars = sum(len(message["content"]) for message in messages)
    assert chars // 4 <= tokens <= len(json.dumps(messages)) + 16 * len(messages)


def test_estimate_of_a_large_text_counts_only_a_sample() -> None:
    """Sixteen megabytes are not tokenized; the rest is in proportion."""
    counted: list[int] = []

    def count(text: str) -> int:
        counted.append(len(text))
        return len(text) // 2

    body = chat({"type": "text", "text": "a" * 16_000_000})
    tokens = estimate_tokens("chat", body, measure("chat", body), count)
    assert counted == [8_192]
    assert abs(tokens - 8_000_000) < 100
