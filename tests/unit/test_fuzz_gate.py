"""Fuzz of the callback's gate: any body meets a refusal or a bound that its grant covers."""

import json
from collections.abc import Mapping
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from pedagio_callback.gate import Request
from pedagio_callback.refusal import RefusedCallError

from credit.token import sign
from tests.unit.fuzzing import JSON, fuzz
from tests.unit.test_callback_gate import CLAIMS, KEYS, RULES, Bench

AMOUNTS = st.sampled_from([0, 10**6, 10**8, 5 * 10**8, 10**10, 10**12])
PARTS = [
    {"type": "text", "text": "oi"},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    {"type": "file", "file": {"file_id": "f"}},
    {"type": "video", "video": {}},
]
LIMITS = [0, 1, 100, 16_384, 300_000, -1, 1.5, "9", None]
# Likely and unlikely values of what matters most; every other key gets any JSON now and then.
KNOWN: dict[str, list[Any]] = {
    "messages": [
        [{"role": "user", "content": part}] for part in ["oi" * 500, [PARTS[0]], PARTS, 5]
    ],
    "input": ["oi", ["a", "b"], [1, 2, 3], [[1], [2]], [{"role": "user", "content": "oi"}], {}, []],
    "n": [1, 2, 128, 129, 0, "1"],
    "max_tokens": LIMITS,
    "max_completion_tokens": LIMITS,
    "max_output_tokens": LIMITS,
    "previous_response_id": ["resp_1", "", 5],
    "tools": [[{"type": "function", "function": {"name": "f"}}], [{"type": "web_search"}], 5],
    "stream": [True, False, "yes"],
    "service_tier": ["flex", None, 5],
    "frobnicate": [1],
}
SOUND: dict[str, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "oi"}]},
    "responses": {"input": "oi"},
    "embeddings": {"input": ["oi", "tudo bem"]},
}


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A sound body of a route, with up to three keys that may be odd."""
    route = draw(st.sampled_from(sorted(SOUND)))
    body: dict[str, Any] = {"model": "gpt-5", **SOUND[route]}
    keys = [*sorted(set(RULES[route].keys) - {"model"}), "frobnicate"]
    for key in draw(st.lists(st.sampled_from(keys), max_size=3)):
        likely = st.sampled_from(KNOWN.get(key, [None, 1, "x"]))
        body[key] = draw(likely if draw(st.integers(0, 3)) else JSON)
    return route, body


ANSWERS = st.one_of(
    st.none(),
    st.tuples(st.sampled_from([200, 400, 500]), st.binary(max_size=40)),
    AMOUNTS.map(
        lambda nanos: (200, json.dumps({"result": "extended", "granted_nanos": nanos}).encode())
    ),
    st.just(
        (
            200,
            b'{"result":"refused","reason":"insufficient_credit","error":{"error":{"message":"no"}}}',
        )
    ),
    JSON.map(lambda value: (200, json.dumps(value).encode())),
)


async def send(
    bench: Bench, route: str, body: Mapping[str, Any], **claims: Any
) -> dict[str, Any] | None:
    """What goes upstream, or None when the body met a refusal."""
    token = sign(replace(CLAIMS, route=route, **claims), KEYS)
    data, headers = dict(body), {"x-pedagio-hold": token, "content-length": "100"}
    try:
        await bench.gate.admit(Request(CLAIMS.hold, route, headers, body, data))
    except RefusedCallError as refused:
        json.dumps(refused.refusal.error, ensure_ascii=False).encode()
        return None
    return data


@given(
    bodies(),
    AMOUNTS,
    ANSWERS,
    st.sampled_from(["enforce", "enforce", "enforce", "shadow", "off"]),
)
@fuzz(120)
async def test_body_of_any_kind_is_refused_or_covered_by_its_grant(
    drawn: tuple[str, dict[str, Any]], granted: int, answer: tuple[int, bytes] | None, mode: str
) -> None:
    """Nothing but RefusedCallError; in enforce the worst case of what goes upstream fits the grant."""
    route, body = drawn
    with TemporaryDirectory() as folder:
        bench = Bench(folder)
        bench.answer = answer
        data = await send(bench, route, body, mode=mode, granted=granted)
        assert data is not None or mode == "enforce"
        if data is None or mode != "enforce":
            assert mode == "enforce" or data == body
            return
        event("admitted in enforce")
        (started,) = bench.lines
        most = max(granted, started["granted_nanos"])
        assert most == granted or bench.extends
        limit = started["output_limit_tokens"]
        longest = CLAIMS.max_out if limit is None else min(limit, CLAIMS.max_out)
        output = 0 if route == "embeddings" else longest * started["choices"]
        picos = started["input_bound_tokens"] * CLAIMS.input_picos + output * CLAIMS.output_picos
        assert picos <= most * 1_000


@given(JSON | st.text(max_size=300), st.dictionaries(st.text(max_size=8), JSON, max_size=2))
@fuzz(60)
async def test_header_of_any_kind_is_no_way_in(header: Any, body: dict[str, Any]) -> None:
    """Without a token that authz signed nothing goes upstream, and nothing is written."""
    with TemporaryDirectory() as folder:
        bench = Bench(folder)
        asked = Request(CLAIMS.hold, "chat", {"x-pedagio-hold": header}, body, dict(body))
        with pytest.raises(RefusedCallError) as caught:
            await bench.gate.admit(asked)
        assert caught.value.refusal.status in {400, 403}
        assert bench.lines == []
