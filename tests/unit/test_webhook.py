"""LiteLLM's own webhook: three shapes, an allow-list, and the very records that the callback makes."""

import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pedagio_callback import records
from pedagio_callback.calls import Call

from accounting.ingest.charge import charge, is_exact
from accounting.ingest.reports import RECORD, Cost
from accounting.ingest.signing import is_bearer
from accounting.ingest.webhook import UNREADABLE, cost_record, payloads
from tests.unit import litellm_samples
from tests.unit.door import a_price

HOLD = "0d9f4c2e-0000-4000-8000-000000000001"
TOKEN = "v1.e30.c2lnbmVk"
WAYS = {"id", "at_ms", "source"}  # what may differ between the two ways of telling


def by_callback(payload: dict[str, Any]) -> dict[str, Any]:
    """The record that the callback makes of a payload."""
    call = Call(HOLD, TOKEN, None, 0.0)
    tier = (payload["response"] or {}).get("service_tier")
    tier = tier or (payload.get("model_parameters") or {}).get("service_tier")
    made = records.cost_record(call, payload, tier, uuid.uuid4().hex, 1_795_000_000_000)
    return made | {"token": TOKEN}


def by_webhook(payload: dict[str, Any]) -> dict[str, Any]:
    """The record that the webhook's payload becomes."""
    made = cost_record(payload)
    assert made is not None
    return dict(made)


def event(record: dict[str, Any]) -> dict[str, Any] | None:
    """The debit of a record, if it is one, but for the name of its record."""
    read = RECORD.validate_python(record)
    assert isinstance(read, Cost)
    if not is_exact(read):
        return None
    made = charge(read, HOLD, a_price(), 1).event
    return {name: value for name, value in made.items() if name not in {"record_id", "source"}}


@pytest.mark.parametrize("name", litellm_samples.BOTH)
def test_webhook_and_callback_of_one_call_are_the_same_debit(name: str) -> None:
    """The golden data: every situation that both ways told of, field by field."""
    told = litellm_samples.payloads(name, "webhook", HOLD, TOKEN)
    seen = litellm_samples.payloads(name, "callback", HOLD, TOKEN)
    assert len(told) == len(seen) > 0
    for one, other in zip(told, seen, strict=True):
        ours, theirs = by_webhook(one), by_callback(other)
        assert {k: v for k, v in ours.items() if k not in WAYS} == {
            k: v for k, v in theirs.items() if k not in WAYS
        }
        assert event(ours) == event(theirs)


def test_webhook_covers_every_situation_that_was_recorded() -> None:
    """25 situations; in one of them LiteLLM's webhook lost the event (facts-litellm.md)."""
    assert len(litellm_samples.SAMPLES) == 25
    assert set(litellm_samples.SAMPLES) - set(litellm_samples.BOTH) == {"chat_tool_call"}


@pytest.mark.parametrize("name", sorted(litellm_samples.SAMPLES))
def test_webhook_takes_no_word_of_a_prompt_or_an_answer(name: str) -> None:
    """Prompts and answers are never stored, logged or sent: what is made of a payload holds none."""
    told = litellm_samples.payloads(name, "callback", HOLD, TOKEN)
    assert litellm_samples.SECRET in json.dumps(told)
    assert litellm_samples.SECRET not in json.dumps([by_webhook(payload) for payload in told])


def test_webhook_sent_again_is_the_same_record_and_another_attempt_is_another() -> None:
    """Its retries are duplicates; two failed attempts of one call share every id but not their times."""
    (payload,) = litellm_samples.payloads("upstream_dies_mid_stream", "webhook", HOLD, TOKEN)
    again = json.loads(json.dumps(payload))
    assert by_webhook(payload)["id"] == by_webhook(again)["id"]
    other = payload | {"startTime": payload["startTime"] + 1}
    assert by_webhook(payload)["id"] != by_webhook(other)["id"]
    first, second = event(by_webhook(payload)), event(by_webhook(other))
    assert first is not None
    assert second is not None
    assert first["id"] != second["id"]


def test_webhook_drops_a_free_failure_that_no_hold_was_for() -> None:
    """Turned away before our hook: nothing to close, nothing to debit."""
    (payload,) = litellm_samples.payloads("upstream_500", "webhook", HOLD, None)
    assert cost_record(payload) is None
    assert cost_record(payload | {"response_cost": 0.1}) is not None
    (told,) = litellm_samples.payloads("upstream_500", "webhook", HOLD, TOKEN)
    assert cost_record(told) is not None


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'[{"id": "a"}, {"id": "b"}]', [{"id": "a"}, {"id": "b"}]),
        (b'{"id": "a"}', [{"id": "a"}]),
        (b'{"id": "a"}\n{"id": "b"}\n', [{"id": "a"}, {"id": "b"}]),
        (b'{"id": "a"}\r\n\r\n{"id": "b"}', [{"id": "a"}, {"id": "b"}]),
        (b'{"id": "a"}\n{"cut off', [{"id": "a"}, None]),
        (b"[]", []),
        (b"[1, null]", [1, None]),
        (b"", None),
        (b"{", None),
        (b"1", None),
        (b'"text"', None),
        (b"\xff", None),
        (b"[" * 100_000, None),
    ],
)
def test_payloads_in_three_shapes(body: bytes, found: list[Any] | None) -> None:
    """JSON array, single object, an object a line; a broken line takes no neighbour with it."""
    assert payloads(body) == found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
FIELDS = ("id", "litellm_call_id", "status", "metadata", "response", "response_cost", "startTime",
          "endTime", "error_information", "model", "model_group", "cache_hit", "model_parameters",
          "usage_object", "prompt_tokens", "requester_custom_headers")  # fmt: skip


@given(JSON | st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_cost_record_of_any_json_never_raises(payload: Any) -> None:
    """Whatever is sent: a record that the gate judges, or nothing."""
    made = cost_record(payload)
    if not isinstance(payload, dict):
        assert made == UNREADABLE


@pytest.mark.parametrize(
    ("header", "genuine"),
    [
        ("Bearer " + "k" * 32, True),
        ("bearer " + "l" * 32, True),
        ("Bearer " + "k" * 31, False),
        ("Bearer " + "k" * 33, False),
        ("Basic " + "k" * 32, False),
        ("k" * 32, False),
        ("Bearer ", False),
        ("", False),
        ("Bearer \xe9", False),
    ],
)
def test_bearer_is_one_of_the_live_keys_whole(header: str, *, genuine: bool) -> None:
    """Two are live while one is being replaced; without any, nobody is genuine."""
    assert is_bearer(header, [b"k" * 32, b"l" * 32]) is genuine
    assert not is_bearer(header, [])
