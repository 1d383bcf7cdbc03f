"""The gate on flat routes: fields on the list pass, answers are counted, an upload is judged here only."""

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pytest
from pedagio_callback import flat
from pedagio_callback.gate import Request
from pedagio_callback.refusal import RefusedCallError
from pedagio_callback.token import ROUTES

from accounting.ingest.reports import RECORD
from credit.flat import FLAT_NAMES, FLAT_ROUTES
from credit.token import sign
from tests.unit.test_callback_gate import CLAIMS, KEYS, Bench

FEE = 200_000_000
IMAGE: dict[str, Any] = {"model": "gpt-image-1", "prompt": "um gato"}
# As LiteLLM hands them on: numbers already read, files as objects, with fields of its own.
BODIES: dict[str, dict[str, Any]] = {
    "images": {**IMAGE, "size": "1024x1024", "litellm_call_id": "x", "metadata": {"headers": {}}},
    "image_edits": {**IMAGE, "image": [io.BytesIO(b"png")], "mask": None, "metadata": {}},
    "speech": {"model": "tts-1", "input": "oi", "voice": "alloy", "speed": 1.25},
    "transcriptions": {"model": "whisper-1", "timestamp_granularities": ["word"]},
    "moderations": {"model": "omni-moderation-latest", "input": ["a", "b"]},
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A fresh gate."""
    return Bench(str(tmp_path))


async def admit(bench: Bench, route: str, body: dict[str, Any], /, **claims: Any) -> dict[str, Any]:
    """Send one call of a route through, with the token that authz would sign; what goes upstream."""
    model = route if route in flat.FORMS else body.get("model", "")
    known: dict[str, Any] = {"route": route, "model": model, "fee": FEE, "granted": FEE}
    signed = sign(dataclasses.replace(CLAIMS, **known | claims), KEYS)
    data = dict(body)
    await bench.gate.admit(Request(CLAIMS.hold, route, {"x-pedagio-hold": signed}, body, data))
    return data


async def refusal(
    bench: Bench, route: str, body: dict[str, Any], /, **claims: Any
) -> tuple[int, str, str | None]:
    """Status, reason and field of the refusal that a body meets."""
    with pytest.raises(RefusedCallError) as caught:
        await admit(bench, route, body, **claims)
    found = caught.value.refusal
    return found.status, found.reason, found.field


def test_routes_are_those_of_the_door() -> None:
    """Two packages that import nothing of each other speak of the same routes."""
    assert flat.ROUTES == FLAT_NAMES
    assert {route.name for route in FLAT_ROUTES.values() if route.is_form} == flat.FORMS
    assert set(ROUTES) >= FLAT_NAMES


@pytest.mark.parametrize("route", sorted(BODIES))
async def test_flat_call_goes_on_as_it_came_and_is_recorded(bench: Bench, route: str) -> None:
    """A start record whose bound is the amount; nothing is clamped, nobody is asked."""
    assert await admit(bench, route, BODIES[route]) == BODIES[route]
    (start,) = bench.lines
    assert (start["record"], start["route"]) == ("start", route)
    assert (start["bound_nanos"], start["granted_nanos"]) == (FEE, FEE)
    RECORD.validate_python({**start, "id": "0" * 32})
    assert bench.extends == []


@pytest.mark.parametrize("route", sorted(BODIES))
@pytest.mark.parametrize(
    "field",
    [
        "api_base", "api_key", "base_url", "custom_llm_provider", "user_config", "mock_response",
        "headers", "extra_headers", "extra_body", "litellm_metadata", "proxy_server_request", "tags",
        "num_retries", "fallbacks", "timeout", "stream", "model_info", "input_cost_per_second",
        "no-log", "cache", "messages", "",
    ],
)  # fmt: skip
async def test_field_that_is_not_on_the_list_is_refused_by_name(
    bench: Bench, route: str, field: str
) -> None:
    """A form's fields reach LiteLLM as parameters of its own: redirected, mocked, unreported."""
    body = {**BODIES[route], field: "x"}
    assert await refusal(bench, route, body) == (400, "bad_request", field or '""')
    assert bench.kinds == [("end", "refused")]


@pytest.mark.parametrize(
    ("route", "change", "field"),
    [
        ("images", {"n": 129}, "n"),
        ("images", {"n": "4"}, "n"),
        ("images", {"n": True}, "n"),
        ("images", {"prompt": {"a": 1}}, "prompt"),
        ("image_edits", {"n": "many"}, "n"),
        ("image_edits", {"model": ""}, "model"),
        ("transcriptions", {"model": ["whisper-1"] * 2}, "model"),
        ("moderations", {"input": [{"type": "image_url"}]}, "input"),
        ("speech", {"voice": {"id": "x"}}, "voice"),
    ],
)
async def test_value_that_cannot_be_judged_is_refused_by_name(
    bench: Bench, route: str, change: dict[str, Any], field: str
) -> None:
    """Plain values only; the number of answers is a number."""
    body = {**BODIES[route], **change}
    model = {} if route in flat.FORMS else {"model": BODIES[route]["model"]}
    assert await refusal(bench, route, body, **model) == (400, "bad_request", field)


async def test_form_without_a_model_is_refused(bench: Bench) -> None:
    """LiteLLM would take one of its own settings."""
    assert (await refusal(bench, "transcriptions", {"language": "pt"}))[2] == "model"


async def test_answers_of_a_form_that_the_door_did_not_see_extend_the_hold(bench: Bench) -> None:
    """One was held for, three are asked for: only the ledger says whether there is enough."""
    bench.answer = (200, json.dumps({"result": "extended", "granted_nanos": 3 * FEE}).encode())
    await admit(bench, "image_edits", {**BODIES["image_edits"], "n": 3})
    (asked,) = bench.extends
    assert 3 * FEE in asked.values()
    assert (bench.lines[0]["granted_nanos"], bench.lines[0]["bound_nanos"]) == (3 * FEE,) * 2


async def test_answers_of_a_form_are_unavailable_while_nobody_can_extend(bench: Bench) -> None:
    """No answer is no permission."""
    body = {**BODIES["image_edits"], "n": 3}
    assert (await refusal(bench, "image_edits", body))[:2] == (503, "enforcement_unavailable")


@pytest.mark.parametrize(
    ("claims", "field"),
    [
        ({"route": "speech"}, "path"),
        ({"route": "chat"}, "path"),
        ({"model": "dall-e-3"}, "model"),
        ({"hold": "another"}, "x-litellm-call-id"),
        ({"issued": CLAIMS.issued - 46}, "x-pedagio-hold"),
    ],
)
async def test_token_of_another_call_is_refused(
    bench: Bench, claims: dict[str, Any], field: str
) -> None:
    """A cheap hold buys no dear call; nothing is recorded, since the hold is another's."""
    assert (await refusal(bench, "images", BODIES["images"], **claims))[2] == field
    assert bench.lines == []


async def test_token_is_spent_by_its_first_call(bench: Bench) -> None:
    """One hold, one image."""
    await admit(bench, "images", BODIES["images"])
    assert (await refusal(bench, "images", BODIES["images"]))[2] == "x-request-id"


async def test_call_without_a_token_is_refused(bench: Bench) -> None:
    """It did not come through Envoy."""
    with pytest.raises(RefusedCallError):
        await bench.gate.admit(Request(CLAIMS.hold, "images", {}, IMAGE, dict(IMAGE)))


@pytest.mark.parametrize("mode", ["off", "shadow"])
async def test_path_without_a_hold_is_left_alone_where_nothing_is_enforced(
    bench: Bench, mode: str
) -> None:
    """As before: no record before its cost."""
    body = {**IMAGE, "api_base": "http://elsewhere"}
    assert await admit(bench, "images", body, route="unmetered", mode=mode, granted=0) == body
    assert bench.lines == []


async def test_shadow_refuses_no_flat_call_and_says_what_it_would_have(bench: Bench) -> None:
    """Counted, not altered."""
    body = {**BODIES["speech"], "user_config": "x"}
    assert await admit(bench, "speech", body, mode="shadow", granted=0) == body
    assert (bench.lines[0]["would_refuse"], bench.lines[0]["bound_nanos"]) == ("user_config", FEE)


async def test_metadata_of_a_client_is_taken_out(bench: Bench) -> None:
    """`tags` as a text alone keeps LiteLLM from reporting an image at all (measured)."""
    theirs = {"tags": "x", "headers": {"a": "b"}}
    metadata = {**theirs, "user_api_key": "hash", "requester_metadata": theirs}
    body = {**IMAGE, "metadata": dict(metadata)}
    sent = await admit(bench, "images", body)
    assert set(sent["metadata"]) == {"user_api_key", "requester_metadata"}


@pytest.mark.parametrize(("route", "ends"), [("speech", 1), ("images", 1), ("chat", 0)])
async def test_price_ends_a_flat_call_once(bench: Bench, route: str, ends: int) -> None:
    """Of audio and moderations LiteLLM says nothing else; an end that came before stands."""
    known: dict[str, Any] = {"route": route, "model": route, "fee": FEE}
    signed = sign(dataclasses.replace(CLAIMS, **known), KEYS)
    call = bench.gate.evidence.call_of(CLAIMS.hold, {"x-pedagio-hold": signed})
    bench.gate.evidence.priced(call)
    bench.gate.evidence.priced(call)
    assert bench.kinds == [("end", "ok")] * ends
    assert all(line["complete"] for line in bench.lines)
