"""Forged reports to accounting, calls that go around Envoy: nobody is debited by them, or served.

Reports are sent as the callback sends them; `law` is what a stranger cannot know, the two secrets.
"""

import dataclasses
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from credit.token import Claims, sign
from tests.e2e.attempts import (
    MODEL,
    SECRET,
    Answer,
    Headers,
    Intruder,
    chat_body,
    send_raw,
)

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


def signed(key: str, body: bytes, at_s: int | None = None) -> Headers:
    """The headers that prove who reports, and when."""
    stamp, nonce = str(int(time.time()) if at_s is None else at_s), uuid.uuid4().hex
    text = f"{stamp}.{nonce}.".encode() + body
    mark = hmac.new(key.encode(), text, hashlib.sha256).hexdigest()
    return (
        ("x-pedagio-timestamp", stamp),
        ("x-pedagio-nonce", nonce),
        ("x-pedagio-signature", f"v1={mark}"),
        ("content-type", "application/json"),
    )


def report(intruder: Intruder, records: Sequence[Any]) -> Mapping[str, int]:
    """Send a genuine batch; what became of its records."""
    body = json.dumps({"source": "callback", "records": records}).encode()
    url, key = intruder.stack.accounting_url, intruder.stack.report_key
    answer = send_raw(url, "POST", REPORTS, signed(key, body), body)
    assert answer.status == 200, answer.body
    tally: Mapping[str, int] = json.loads(answer.body)
    return tally


async def claims_of(intruder: Intruder, **changed: Any) -> Claims:
    """The claims that authz would sign for a cheap chat of this person."""
    account = await intruder.office.balance(intruder.who.client, intruder.who.name)
    usual = Claims(
        hold=str(uuid.uuid4()),
        account=str(account.id),
        client=intruder.who.client,
        mode="enforce",
        route="chat",
        model=MODEL,
        granted=10**8,
        input_picos=150_000,
        output_picos=600_000,
        above=None,
        audio_in=0,
        audio_out=0,
        fee=0,
        context=128_000,
        max_out=16_384,
        min_out=256,
        image=0,
        style="plain",
        lang="en",
        issued=int(time.time()),
    )
    return dataclasses.replace(usual, **changed)


def token_of(intruder: Intruder, claims: Claims) -> str:
    """The claims as authz signs them."""
    return sign(claims, [intruder.stack.token_key.encode()])


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
        "another key": signed("another", body),
        "of another body": signed(key, body + b" "),
        "too old": signed(key, body, now_s - WAITED_S),
        "too new": signed(key, body, now_s + WAITED_S),
        "another version": tuple(
            (name, value.replace("v1=", "v2=")) for name, value in signed(key, body)
        ),
    }[forgery]
    answer = send_raw(intruder.stack.accounting_url, "POST", path, headers, body)
    assert answer.status == 401
    assert not await intruder.database.fetch("SELECT FROM call_record WHERE hold_id = $1", hold_id)


async def test_report_through_envoy_leads_nowhere(intruder: Intruder) -> None:
    """Accounting is not behind Envoy at all."""
    body = json.dumps({"records": []}).encode()
    headers = intruder.headers(*signed(intruder.stack.report_key, body))
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
        answer = send_raw(url, "POST", EXTEND, signed(key, body), body)
        assert answer.status == status
        assert status == 400 or json.loads(answer.body)["result"] == "refused"


async def straight(intruder: Intruder, token: str | None, call_id: str, **body: Any) -> Answer:
    """Call LiteLLM around Envoy, knowing even its key."""
    headers: Headers = (
        ("authorization", f"Bearer {intruder.stack.litellm_key}"),
        ("content-type", "application/json"),
        ("x-litellm-call-id", call_id),
    )
    if token is not None:
        headers = (*headers, ("x-pedagio-hold", token))
    return await intruder.send(chat_body(**body), headers=headers, url=intruder.stack.litellm_url)


def check_stranger(answer: Answer, field_name: str, call_id: str) -> None:
    """The callback's refusal of a call that did not come through Envoy."""
    error = answer.error
    assert (answer.status, error["code"], error["param"]) == (403, "bad_request", field_name)
    assert answer.headers["x-should-retry"] == "false"
    assert f"ref. {call_id[:6]}" in answer.sentence


async def test_call_around_envoy_without_litellms_key_is_refused(intruder: Intruder) -> None:
    """A client's own key opens nothing at LiteLLM."""
    answer = await intruder.send(chat_body(), url=intruder.stack.litellm_url)
    assert answer.status >= 400


async def test_call_around_envoy_without_a_token_is_refused(intruder: Intruder) -> None:
    """LiteLLM's key alone buys nothing: what authz has not held for does not leave."""
    call_id = str(uuid.uuid4())
    check_stranger(await straight(intruder, None, call_id), "x-pedagio-hold", call_id)


@pytest.mark.parametrize("forgery", ["another key", "no signature", "a word", "other claims"])
async def test_call_around_envoy_with_a_forged_token_is_refused(
    intruder: Intruder, forgery: str
) -> None:
    """One character of a token cannot be changed."""
    claims = await claims_of(intruder)
    genuine = token_of(intruder, claims)
    richer = token_of(intruder, dataclasses.replace(claims, granted=10**12))
    token = {
        "another key": sign(claims, [b"another"]),
        "no signature": genuine.rpartition(".")[0],
        "a word": "free",
        "other claims": f"{richer.rpartition('.')[0]}.{genuine.rpartition('.')[2]}",
    }[forgery]
    answer = await straight(intruder, token, claims.hold)
    check_stranger(answer, "x-pedagio-hold", claims.hold)


@pytest.mark.parametrize(
    ("changed", "field_name"),
    [
        ({"model": "gpt-5"}, "model"),
        ({"route": "embeddings"}, "path"),
        ({"hold": "b5b7a8ac-0000-4000-8000-000000000000"}, "x-litellm-call-id"),
        ({"issued": NOW_S - 700}, "x-pedagio-hold"),
    ],
)
async def test_call_around_envoy_with_the_token_of_another_call_is_refused(
    intruder: Intruder, changed: Mapping[str, Any], field_name: str
) -> None:
    """A token is good for one call: its model, its path, its id, its minutes."""
    claims = await claims_of(intruder)
    token = token_of(intruder, dataclasses.replace(claims, **changed))
    answer = await straight(intruder, token, claims.hold)
    assert (answer.status, answer.error["param"]) == (403, field_name)


async def test_call_around_envoy_with_a_token_used_before_is_refused(intruder: Intruder) -> None:
    """The hold of an earlier call pays for that call only."""
    claims = await claims_of(intruder)
    token = token_of(intruder, claims)
    assert (await straight(intruder, token, claims.hold)).status == 200
    check_stranger(await straight(intruder, token, claims.hold), "x-request-id", claims.hold)
