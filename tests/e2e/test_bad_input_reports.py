"""Reports to accounting that are forged or absurd: nobody is debited, nothing of them is kept."""

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from credit.token import sign
from tests.e2e.attempts import (
    MODEL,
    SECRET,
    Headers,
    Intruder,
    send_raw,
    told_by_the_callback,
)
from tests.e2e.hold_tokens import claims_of, token_of
from tests.signed import signed

REPORTS, EXTEND = "/v1/reports", "/v1/extend"
NOW_S = int(time.time())
WAITED_S = 400
USAGE = {"prompt_tokens": 1_000, "completion_tokens": 100}
ABSURD: dict[str, dict[str, Any]] = {
    "tokens beyond any model": {"usage": {"prompt_tokens": 10**12}},
    "negative tokens": {"usage": {"prompt_tokens": -5}},
    "fractional tokens": {"usage": {"prompt_tokens": 1.5}},
    "tokens as text": {"usage": {"prompt_tokens": SECRET}},
    "an unknown meter": {"usage": {"prompt_tokens": 5, "free_tokens": 5}},
    "a million dollars": {"cost_usd": "1000000"},
    "ten thousand dollars and a cent": {"cost_usd": "10000.01"},
    "dollars by exponent": {"cost_usd": "9e99"},
    "negative dollars": {"cost_usd": "-5"},
    "dollars that are no number": {"cost_usd": "NaN"},
    "endless dollars": {"cost_usd": "Infinity"},
    "dollars as a float": {"cost_usd": 0.5},
    "a time beyond time": {"at_ms": 10**18},
    "a name without end": {"provider_id": SECRET * 20},
    "an id that is none": {"id": SECRET},
    "a hold that is none": {"token": None, "hold": SECRET},
    "a kind that is none": {"record": "gift"},
    "a field for a prompt": {"prompt": SECRET},
    "a status that is none": {"status": SECRET},
}


def cost_record(hold_id: str, token: str | None, **changed: Any) -> dict[str, Any]:
    """What the callback would say about an answered call of 0.05 USD."""
    usual = {
        "record": "cost",
        "id": uuid.uuid4().hex,
        "token": token,
        "hold": hold_id,
        "at_ms": NOW_S * 1000,
        "status": "success",
        "provider_id": f"chatcmpl-{uuid.uuid4().hex}",
        "model_group": MODEL,
        "model": MODEL,
        "cost_usd": "0.05",
        "usage": USAGE,
    }
    return usual | changed


def end_record(hold_id: str, token: str | None, **changed: Any) -> dict[str, Any]:
    """What the callback would say about a call that it refused."""
    usual = {
        "record": "end",
        "id": uuid.uuid4().hex,
        "token": token,
        "hold": hold_id,
        "at_ms": NOW_S * 1000,
        "outcome": "refused",
        "reason": "bad_request",
    }
    return usual | changed


def proof(key: str, body: bytes, at_s: int | None = None) -> Headers:
    """The headers that prove who reports, and when."""
    return (*signed(key.encode(), body, at_s=at_s).items(), ("content-type", "application/json"))


def report(intruder: Intruder, records: Sequence[Any]) -> Mapping[str, int]:
    """Send a genuine batch; what became of its records."""
    body = told_by_the_callback(intruder.stack, records)
    url, key = intruder.stack.accounting_url, intruder.stack.report_key
    answer = send_raw(url, "POST", REPORTS, proof(key, body), body)
    assert answer.status == 200, answer.body
    tally: Mapping[str, int] = json.loads(answer.body)
    return tally


@pytest.mark.parametrize(
    "forgery",
    ["no signature", "another key", "of another body", "too old", "too new", "another version"],
)
@pytest.mark.parametrize("path", [REPORTS, EXTEND])
async def test_report_that_nobody_signed_is_401(
    intruder: Intruder, path: str, forgery: str
) -> None:
    """Who reports must know the secret, and have said it in the last minutes."""
    hold_id, key = str(uuid.uuid4()), intruder.stack.report_key
    extend = {"hold": hold_id, "want_total_nanos": 10**12, "min_total_nanos": 1}
    batch = {"records": [cost_record(hold_id, token_of(intruder, await claims_of(intruder)))]}
    body = json.dumps(batch if path == REPORTS else extend).encode()
    now_s = int(time.time())
    headers = {
        "no signature": (("content-type", "application/json"),),
        "another key": proof("another", body),
        "of another body": proof(key, body + b" "),
        "too old": proof(key, body, now_s - WAITED_S),
        "too new": proof(key, body, now_s + WAITED_S),
        "another version": tuple(
            (name, value.replace("v1=", "v2=")) for name, value in proof(key, body)
        ),
    }[forgery]
    answer = send_raw(intruder.stack.accounting_url, "POST", path, headers, body)
    assert answer.status == 401
    assert not await intruder.database.fetch("SELECT FROM call_record WHERE hold_id = $1", hold_id)


async def test_report_through_envoy_leads_nowhere(intruder: Intruder) -> None:
    """Accounting is not behind Envoy at all."""
    body = json.dumps({"records": []}).encode()
    headers = intruder.headers(*proof(intruder.stack.report_key, body))
    assert (await intruder.send(body, REPORTS, headers=headers)).status == 404


@pytest.mark.parametrize("absurd", ABSURD.values(), ids=ABSURD)
async def test_report_of_absurd_figures_is_quarantined(
    intruder: Intruder, absurd: dict[str, Any]
) -> None:
    """A signature does not make nonsense true: kept for a person to look at, never debited."""
    claims = await claims_of(intruder)
    token = token_of(intruder, claims)
    neighbour = end_record(claims.hold, token)
    tally = report(intruder, [cost_record(claims.hold, token) | absurd, neighbour])
    assert tally == {"recorded": 1, "duplicates": 0, "quarantined": 1}


@pytest.mark.parametrize("item", [None, 5, SECRET, [SECRET], {}, {"record": "cost"}])
async def test_report_of_no_record_is_quarantined(intruder: Intruder, item: Any) -> None:
    """Whatever stands in a batch, its neighbours are recorded, and no text of it is kept."""
    claims = await claims_of(intruder)
    tally = report(intruder, [item, end_record(claims.hold, token_of(intruder, claims))])
    assert (tally["recorded"] + tally["duplicates"], tally["recorded"]) == (1, 1)


async def test_report_with_odd_characters_spoils_no_batch(intruder: Intruder) -> None:
    """Postgres keeps no NUL and no lone surrogate: the record is kept without them, once."""
    claims = await claims_of(intruder)
    token = token_of(intruder, claims)
    odd = end_record(claims.hold, token, finish_reason="\0", reason="\ud800")
    assert report(intruder, [odd, odd])["recorded"] == 1
    assert report(intruder, [odd])["duplicates"] == 1


async def test_report_of_a_hold_nobody_knows_is_suspense(intruder: Intruder) -> None:
    """Signed, but of no call that passed Envoy: no person pays, and an exception says so."""
    hold_id = str(uuid.uuid4())
    records = [cost_record(hold_id, None), end_record(hold_id, None, outcome="ok", complete=True)]
    assert report(intruder, records)["recorded"] == 2
    rows = await intruder.database.fetch(
        "SELECT a.kind FROM usage_event AS u JOIN account AS a ON a.id = u.account_id"
        " WHERE u.hold_id = $1",
        uuid.UUID(hold_id),
    )
    assert [row["kind"] for row in rows] == ["suspense"]
    kinds = await intruder.database.fetch(
        "SELECT kind FROM exception WHERE subject = $1 AND kind = 'unproven'", hold_id
    )
    assert len(kinds) == 1


async def test_report_under_a_forged_token_is_suspense(intruder: Intruder) -> None:
    """The account in a token counts only with authz's signature."""
    claims = await claims_of(intruder)
    forged = sign(claims, [b"another"])
    report(intruder, [cost_record(claims.hold, forged), end_record(claims.hold, forged)])
    rows = await intruder.database.fetch(
        "SELECT a.kind FROM hold AS h JOIN account AS a ON a.id = h.account_id WHERE h.id = $1",
        uuid.UUID(claims.hold),
    )
    assert [row["kind"] for row in rows] == ["suspense"]


async def test_extension_beyond_reason_is_refused(intruder: Intruder) -> None:
    """No hold, no number, no credit: each has its answer, and none raises anything."""
    asks = {
        "absurd": ({"want_total_nanos": 10**30, "min_total_nanos": 1}, 400),
        "negative": ({"want_total_nanos": 1, "min_total_nanos": -1}, 400),
        "unknown hold": ({"want_total_nanos": 10**9, "min_total_nanos": 1}, 200),
    }
    for want, status in asks.values():
        body = json.dumps({"hold": str(uuid.uuid4()), **want}).encode()
        url, key = intruder.stack.accounting_url, intruder.stack.report_key
        answer = send_raw(url, "POST", EXTEND, proof(key, body), body)
        assert answer.status == status
        assert status == 400 or json.loads(answer.body)["result"] == "refused"
