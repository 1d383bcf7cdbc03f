"""The decision at the door in each mode: who is refused where something is enforced, nobody elsewhere."""

import asyncio
from hashlib import sha256
from typing import Any

import pytest

from authz.batcher import QueueFullError
from authz.check import LENIENT_WITHIN_S
from authz.response import Allow
from credit.ledger import Place, Placed
from credit.refusal import Reason
from tests.unit.door import (
    BAD,
    MARIA,
    Door,
    Memory,
    a_request,
    claims_of,
    placed,
    reason_of,
)

MODES = ["off", "shadow", "enforce", "closed"]
IMAGES = "/v1/images/generations"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("key", [None, sha256(b"another").digest()])
async def test_key_that_is_unknown_is_refused_in_every_mode(mode: str, key: bytes | None) -> None:
    """Off and shadow open the meter, not the door."""
    door = Door(Memory(mode=mode))
    for path in ("/v1/chat/completions", "/v1/models", IMAGES):
        answer = await door.check.decide(a_request(key_sha256=key, path=path))
        assert reason_of(answer) == (Reason.UNKNOWN_KEY, None)
    assert door.ledger.asked == []


@pytest.mark.parametrize("mode", MODES)
async def test_list_of_models_is_free_in_every_mode(mode: str) -> None:
    """No identity, no hold, no token."""
    door = Door(Memory(mode=mode, accounts=None))
    answer = await door.check.decide(a_request(path="/v1/models", user_header=None, body={}))
    assert isinstance(answer, Allow)
    assert "x-pedagio-hold" not in answer.headers
    assert door.ledger.asked == []


@pytest.mark.parametrize(("changes", "reason", "param"), BAD)
async def test_request_that_shadow_would_refuse_passes_on_the_persons_account(
    changes: dict[str, Any], reason: Reason, param: str | None
) -> None:
    """Nothing of ours refuses; the would-be refusal is noted; a known person is still debited."""
    door = Door(Memory(mode="shadow"))
    request = a_request(**changes)
    answer = await door.check.decide(request)
    claims = claims_of(answer)
    known = request.external_id == "maria"
    assert (claims.mode, claims.granted) == ("shadow", 0)
    assert claims.account == (str(MARIA) if known else "0")
    assert [(kind, problem.reason) for kind, problem in door.notes] == [("would_refuse", reason)]
    assert isinstance(answer, Allow)
    assert answer.headers.get("x-litellm-call-id", "") == request.hold_id


@pytest.mark.parametrize("mode", ["enforce", "shadow", "off", "closed"])
async def test_path_without_meter_passes_only_where_nothing_is_enforced(mode: str) -> None:
    """Images, audio, moderations and files: counted as unmetered in shadow, 404 in enforce."""
    door = Door(Memory(mode=mode))
    answer = await door.check.decide(a_request(path=IMAGES))
    if mode in {"shadow", "off"}:
        claims = claims_of(answer)
        assert (claims.route, claims.mode, claims.account) == ("unmetered", mode, str(MARIA))
    else:
        expected = {"enforce": Reason.UNKNOWN_PATH, "closed": Reason.ENFORCEMENT_UNAVAILABLE}
        assert reason_of(answer) == (expected[mode], None)
    assert door.ledger.asked == []


async def test_closed_refuses_everything_metered() -> None:
    """503, typed, and the ledger is not asked."""
    door = Door(Memory(mode="closed"))
    assert reason_of(await door.check.decide(a_request()))[0] == Reason.ENFORCEMENT_UNAVAILABLE
    assert door.ledger.asked == []


@pytest.mark.parametrize(
    ("changes", "account"),
    [
        ({}, str(MARIA)),
        ({"user_header": None}, "0"),
        ({"body": {"model": "x\x00" * 9_999}}, str(MARIA)),
    ],
)
async def test_off_passes_everything_without_a_hold(changes: dict[str, Any], account: str) -> None:
    """As before installation: no hold, no refusal, and a token so that debits go on."""
    door = Door(Memory(mode="off"))
    claims = claims_of(await door.check.decide(a_request(**changes)))
    assert (claims.mode, claims.account, claims.granted) == ("off", account, 0)
    assert "\x00" not in claims.model
    assert (door.ledger.asked, door.notes) == ([], [])


@pytest.mark.parametrize("mode", ["off", "shadow"])
async def test_store_that_is_away_refuses_nobody_in_lenient_modes(mode: str) -> None:
    """Off and shadow must not depend on the ledger."""
    door = Door(Memory(mode=mode, accounts=None))
    assert claims_of(await door.check.decide(a_request())).account == "0"


async def test_store_that_is_away_is_unavailable_in_enforce() -> None:
    """An account nobody can look up is not guessed."""
    answer = await Door(Memory(accounts=None)).check.decide(a_request())
    assert reason_of(answer)[0] == Reason.ENFORCEMENT_UNAVAILABLE


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionError(), QueueFullError(), KeyError()])
async def test_ledger_that_fails_is_unavailable_in_enforce_and_passes_in_shadow(
    error: Exception,
) -> None:
    """An unknown outcome is never a guess, and shadow never refuses."""
    answer = await Door(answer=error).check.decide(a_request())
    assert reason_of(answer)[0] == Reason.ENFORCEMENT_UNAVAILABLE
    claims = claims_of(await Door(Memory(mode="shadow"), answer=error).check.decide(a_request()))
    assert (claims.mode, claims.granted, claims.account) == ("shadow", 0, str(MARIA))


async def test_ledger_that_hangs_keeps_nobody_waiting_in_shadow() -> None:
    """Envoy gives a try 0.45 s and would then refuse in our name."""

    async def hang(_: Place) -> Placed:
        never: asyncio.Future[Placed] = asyncio.get_running_loop().create_future()
        return await never

    async with asyncio.timeout(2 * LENIENT_WITHIN_S + 2):
        answer = await Door(Memory(mode="shadow"), place=hang).check.decide(a_request())
    assert claims_of(answer).mode == "shadow"


async def test_refusal_of_the_ledger_is_only_recorded_in_shadow() -> None:
    """place_batch wrote the would-be refusal; the call passes without a hold."""
    door = Door(Memory(mode="shadow"), answer=placed("refused", 0, "insufficient_credit"))
    claims = claims_of(await door.check.decide(a_request()))
    assert (claims.mode, claims.granted, claims.account) == ("shadow", 0, str(MARIA))
    assert door.ledger.asked[0].shadow


@pytest.mark.parametrize("result", ["placed", "refused", "closed"])
async def test_account_in_shadow_is_not_refused_while_others_are(result: str) -> None:
    """The cohort roll-out: the ledger says that this account is lenient."""
    answer = placed(result, 10 if result == "placed" else 0, "insufficient_credit")
    lenient = Placed(**{**_fields(answer), "shadow": True})
    assert claims_of(await Door(answer=lenient).check.decide(a_request())).mode == "shadow"


def _fields(answer: Placed) -> dict[str, Any]:
    return {name: getattr(answer, name) for name in Placed.__dataclass_fields__}


async def test_person_of_the_shadow_cohort_passes_what_enforce_would_refuse() -> None:
    """Roll-out by account: also a problem found at the door refuses nobody of the cohort."""
    request = a_request(body={"model": "mystery"})
    door = Door(Memory(cohort={MARIA: "shadow"}))
    assert claims_of(await door.check.decide(request)).mode == "shadow"
    assert [kind for kind, _ in door.notes] == ["would_refuse"]
    assert reason_of(await Door(Memory()).check.decide(request))[0] == Reason.MODEL_UNPRICED


async def test_person_of_the_enforcing_cohort_is_refused_while_others_only_might_be() -> None:
    """A cohort goes first: refused by the ledger and at the door, in a ledger that is in shadow."""
    door = Door(
        Memory(mode="shadow", cohort={MARIA: "enforce"}),
        answer=placed("refused", 0, "insufficient_credit"),
    )
    door.ledger.enforcing.add(MARIA)
    answer = await door.check.decide(a_request())
    assert reason_of(answer)[0] == Reason.INSUFFICIENT_CREDIT
    answer = await door.check.decide(a_request(body={"model": "mystery"}))
    assert reason_of(answer)[0] == Reason.MODEL_UNPRICED
    assert [kind for kind, _ in door.notes] == ["refuse"]


async def test_ledger_that_does_not_answer_refuses_nobody_of_a_cohort_in_shadow() -> None:
    """Unknown: the ledger-wide mode holds."""
    door = Door(Memory(mode="shadow", cohort={MARIA: "enforce"}), answer=ConnectionError())
    assert claims_of(await door.check.decide(a_request())).mode == "shadow"
