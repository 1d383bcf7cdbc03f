"""Fuzz of the door: no bytes make it raise, and none pass in enforce without a hold."""

import asyncio
import contextlib
from typing import Any

from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from authz.call import METERED
from authz.check import FREE
from authz.request import read
from authz.response import Allow, build
from credit.flat import FLAT_ROUTES
from credit.ledger import Placed
from credit.policy import EMPTY, Policy
from protos import ext_authz_pb2 as pb
from tests.unit.door import HOLD, Door, Memory, a_check, claims_of, placed
from tests.unit.fuzzing import damaged, fuzz

BODIES: list[dict[str, Any]] = [
    {"model": "gpt-4o", "max_tokens": 100.0, "n": 2.0, "stream": True},
    {"model": "gpt-4o", "service_tier": "flex", "previous_response_id": "resp_1"},
    {"model": "mystery"},
    {"unreadable": True},
]
ANSWERS: list[Placed | Exception] = [
    placed("placed", 77),
    placed("replay", 55),
    placed("closed", 0),
    placed("refused", 0, "insufficient_credit"),
    placed("refused", 0, "account_suspended"),
    TimeoutError(),
    ConnectionResetError(),
]
PATHS = ["/v1/models", "/v1/files", *FLAT_ROUTES, *METERED]
TYPES = ["application/json", "multipart/form-data; boundary=x", "text/plain", ""]
# Nobody sets a flat hold, everybody has one, a plan of others has.
POLICIES: list[dict[int | None, Policy]] = [
    {},
    {None: Policy(flat_holds=dict.fromkeys(FLAT_ROUTES, 5))},
    {-1: Policy(flat_holds=dict.fromkeys(FLAT_ROUTES, 0))},
]
VALID = st.builds(
    lambda body, path, size, kind: a_check(body, path, size, content_type=kind).SerializeToString(),
    st.sampled_from(BODIES),
    st.sampled_from(PATHS),
    st.sampled_from([0, 2_000, 2**40]),
    st.sampled_from(TYPES),
)
SOME_BYTES = st.binary(max_size=600) | st.builds(damaged, VALID, st.integers(0, 2**32)) | VALID


@given(
    SOME_BYTES,
    st.sampled_from(["off", "shadow", "enforce", "closed"]),
    st.sampled_from(ANSWERS),
    st.sampled_from(POLICIES),
)
@fuzz(200)
def test_bytes_at_the_door_never_pass_enforce_without_a_hold(
    raw: bytes, mode: str, ledger: Placed | Exception, policies: dict[int | None, Policy]
) -> None:
    """Whatever the bytes: an answer that Envoy can read, and no metered call without its hold."""
    with contextlib.suppress(DecodeError):
        check = pb.CheckRequest.FromString(raw)
        door = Door(Memory(mode=mode, policies=policies), answer=ledger)
        request = read(check)
        answer = asyncio.run(door.check.decide(request))
        built = build(answer)
        assert built.SerializeToString()
        allowed = built.WhichOneof("http_response") == "ok_response"
        assert allowed == isinstance(answer, Allow) == (built.status.code == 0)
        assert not (allowed and mode == "closed" and request.path not in FREE)
        if allowed and mode == "enforce" and request.path not in FREE:
            (asked,) = door.ledger.asked
            assert isinstance(ledger, Placed)
            assert ledger.result in {"placed", "replay"}
            claims = claims_of(answer)
            assert (claims.hold, claims.granted) == (asked.hold_id, ledger.granted_nanos)
            assert claims.mode == "enforce"
            held = policies.get(None, EMPTY).flat_holds
            assert request.path in METERED or (claims.fee == 5 and request.path in held)


def test_bytes_that_are_valid_pass() -> None:
    """Otherwise the fuzz above would prove nothing: its undamaged bytes do reach the ledger."""
    door = Door(answer=placed("placed", 77))
    check = pb.CheckRequest.FromString(a_check(BODIES[0]).SerializeToString())
    answer = asyncio.run(door.check.decide(read(check)))
    assert claims_of(answer).hold == HOLD
