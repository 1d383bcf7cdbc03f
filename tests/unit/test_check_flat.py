"""The door on flat routes: paths whose cost does not follow from tokens, held for by the policy's amount."""

from typing import Any

import pytest

from authz.response import Allow
from credit.flat import FLAT_ROUTES
from credit.policy import Policy
from credit.refusal import Reason
from tests.unit.door import MARIA, Door, Memory, a_request, claims_of, placed, reason_of

IMAGES, EDITS = "/v1/images/generations", "/v1/images/edits"
TRANSCRIPTIONS = "/v1/audio/transcriptions"
HOLDS = {IMAGES: "US$0.20", TRANSCRIPTIONS: "5cr", "/v1/moderations": "US$0"}
GOLD = Policy.from_json({"flat_holds": HOLDS})


def a_door(policy: Policy = GOLD, mode: str = "enforce", **more: Any) -> Door:
    """Maria's plan sets flat holds; her client says nothing."""
    return Door(Memory(mode=mode, policies={MARIA: policy}), **more)


def a_form(**changes: Any) -> Any:
    """An upload: Envoy reads nothing of it."""
    return a_request(**{"path": TRANSCRIPTIONS, "body": {}, "is_form": True} | changes)


@pytest.mark.parametrize(("n", "held"), [(None, 200_000_000), (3.0, 600_000_000)])
async def test_flat_call_holds_the_amount_for_each_answer(n: float | None, held: int) -> None:
    """All of it or nothing: there is no shorter image. A model needs no price."""
    door = a_door(answer=placed(granted=held))
    body = {"model": "gpt-image-1", "prompt": "um gato"} | ({} if n is None else {"n": n})
    answer = await door.check.decide(a_request(path=IMAGES, body=body))
    (asked,) = door.ledger.asked
    assert (asked.want_nanos, asked.target_nanos, asked.minimum_nanos) == (held, held, held)
    assert (asked.route, asked.model, asked.account_id) == ("images", "gpt-image-1", MARIA)
    assert asked.price_version is None
    claims = claims_of(answer)
    assert (claims.route, claims.model, claims.mode) == ("images", "gpt-image-1", "enforce")
    assert (claims.granted, claims.fee) == (held, 200_000_000)
    assert (claims.input_picos, claims.output_picos) == (0, 0)


async def test_form_is_held_for_by_its_path_alone() -> None:
    """Neither its model nor its keys are seen at the door."""
    door = a_door(answer=placed(granted=50_000_000))
    claims = claims_of(await door.check.decide(a_form()))
    (asked,) = door.ledger.asked
    assert (asked.want_nanos, asked.route, asked.model) == (50_000_000,) + ("transcriptions",) * 2
    assert (claims.route, claims.model, claims.fee) == ("transcriptions",) * 2 + (50_000_000,)


async def test_explicit_zero_holds_nothing_and_passes() -> None:
    """Free by an entry of its own, never by omission."""
    door = a_door(answer=placed(granted=0))
    request = a_request(path="/v1/moderations", body={"model": "omni-moderation-latest"})
    assert claims_of(await door.check.decide(request)).fee == 0
    assert door.ledger.asked[0].want_nanos == 0


@pytest.mark.parametrize("path", sorted({*FLAT_ROUTES, "/v1/files"} - set(HOLDS)))
@pytest.mark.parametrize("mode", ["enforce", "shadow"])
async def test_path_without_an_amount_stays_as_it_was(path: str, mode: str) -> None:
    """404 in enforce, unmetered in shadow, and the ledger is not asked."""
    door = a_door(mode=mode)
    answer = await door.check.decide(a_request(path=path))
    if mode == "shadow":
        assert claims_of(answer).route == "unmetered"
    else:
        assert reason_of(answer) == (Reason.UNKNOWN_PATH, None)
    assert door.ledger.asked == []


@pytest.mark.parametrize("mode", ["enforce", "shadow"])
async def test_person_whose_policy_sets_nothing_is_refused_where_others_are_not(mode: str) -> None:
    """The plan of another person opens no path; in shadow it passes, and is noted."""
    door = Door(Memory(mode=mode, policies={MARIA + 1: GOLD}))
    answer = await door.check.decide(a_request(path=IMAGES))
    if mode == "shadow":
        assert claims_of(answer).route == "unmetered"
    else:
        assert reason_of(answer) == (Reason.UNKNOWN_PATH, None)
    assert [problem.reason for _, problem in door.notes] == [Reason.UNKNOWN_PATH]
    assert door.ledger.asked == []


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (a_request(path=IMAGES, body={}), "model"),
        (a_request(path=IMAGES, body={"unreadable": "content-type"}), "content-type"),
        (a_request(path=IMAGES, body={"model": "m", "n": 0}), "n"),
        (a_request(path=IMAGES, body={"model": "m", "n": 129}), "n"),
        (a_request(path=IMAGES, body={"model": "m", "api_base": "http://x"}), "api_base"),
        (a_request(path=IMAGES, body={"model": "m"}, has_query=True), "query"),
        (a_request(path=IMAGES, body={"model": "m"}, is_form=True, hold_id=""), "x-request-id"),
        (a_form(is_form=False), "content-type"),
        (a_form(has_query=True), "query"),
    ],
)
async def test_bad_flat_request_is_refused_by_field(request_: Any, param: str) -> None:
    """JSON where JSON belongs, a form where a form belongs: what is not read must not be believed."""
    door = a_door()
    assert reason_of(await door.check.decide(request_)) == (Reason.BAD_REQUEST, param)
    assert door.ledger.asked == []


@pytest.mark.parametrize(
    ("models", "request_", "refused"),
    [
        (["gpt-4o"], a_request(path=IMAGES, body={"model": "gpt-image-1"}), "gpt-image-1"),
        (["gpt-image-*"], a_request(path=IMAGES, body={"model": "gpt-image-1"}), None),
        (["whisper-1"], a_form(), "transcriptions"),
        (["transcriptions"], a_form(), None),
    ],
)
async def test_models_of_a_policy_hold_for_flat_calls(
    models: list[str], request_: Any, refused: str | None
) -> None:
    """Of a form the door sees no model: its path stands in, so a list that does not name it refuses."""
    door = a_door(Policy.from_json({"models": models, "flat_holds": HOLDS}))
    answer = await door.check.decide(request_)
    if refused is None:
        assert isinstance(answer, Allow)
    else:
        assert reason_of(answer) == (Reason.MODEL_NOT_ALLOWED, refused)


@pytest.mark.parametrize("mode", ["enforce", "shadow"])
async def test_flat_call_that_does_not_fit_is_refused_or_recorded(mode: str) -> None:
    """As for every other call; no cheaper model would help."""
    policy = Policy.from_json(
        {"flat_holds": HOLDS, "cheaper": {"gpt-image-1": "gpt-4o"}, "degrade": "switch"}
    )
    door = a_door(policy, mode, answer=placed("refused", 0, "insufficient_credit"))
    answer = await door.check.decide(a_request(path=IMAGES, body={"model": "gpt-image-1"}))
    assert door.ledger.asked[0].cheaper is None
    if mode == "shadow":
        claims = claims_of(answer)
        assert (claims.route, claims.mode, claims.granted) == ("images", "shadow", 0)
    else:
        assert reason_of(answer)[0] == Reason.INSUFFICIENT_CREDIT
