"""Reports through the HTTP face onto the real ledger: every call debited once, every hold closed."""

import json
import random
import uuid
from dataclasses import replace
from typing import Any

import pytest

from accounting.ingest.http import BATCH_LIMIT, BODY_LIMIT_BYTES
from credit.token import sign
from tests.books import Figures
from tests.integration.office import CREDIT, HELD, TOKEN_KEY, Office, cost, end, start, token
from tests.unit.test_token import CLAIMS

COST = 4_500_000
ESTIMATE = 1_000 * 2_500 + 100 * 10_000  # 1,000 tokens in, 400 characters out


async def suspense(office: Office) -> int:
    """What was booked to suspense, nano-USD."""
    return int(await office.pool.fetchval("SELECT -posted FROM account WHERE kind = 'suspense'"))


async def test_report_of_a_whole_call_captures_and_closes_at_once(office: Office) -> None:
    """Start + end + cost in one batch: debited exactly, nothing held any more."""
    hold_id, text, account_id = await office.placed()
    batch = [start(hold_id, text), end(hold_id, text), cost(hold_id, text)]
    assert await office.report(*batch) == (3, 0, 0)
    assert await office.closed(hold_id) == ("captured", "reported", COST)
    assert await office.books.figures(account_id) == Figures(CREDIT - COST, 0)
    assert await office.exceptions() == []


async def test_reports_three_times_in_any_order_change_nothing(office: Office) -> None:
    """I2, through the face: one by one, in batches, shuffled."""
    account_id = await office.books.account(CREDIT)
    records = []
    for _ in range(8):
        hold_id, _ = await office.books.place(account_id, HELD)
        text = token(hold_id, account_id)
        records += [start(hold_id, text), end(hold_id, text), cost(hold_id, text)]
    draw = random.Random(2)
    recorded = 0
    for _ in range(3):
        draw.shuffle(records)
        for first in range(0, len(records), 5):
            recorded += (await office.report(*records[first : first + 5]))[0]
    assert recorded == len(records)
    assert await office.books.figures(account_id) == Figures(CREDIT - 8 * COST, 0)
    assert await office.pool.fetchval("SELECT count(*) FROM hold_open") == 0
    assert await office.exceptions() == []


async def test_record_that_is_bad_is_quarantined_without_its_contents(office: Office) -> None:
    """The others of its batch are recorded; what is kept says what was wrong, not what it said."""
    hold_id, text, account_id = await office.placed()
    secret = "the salary of Maria"
    bad: list[Any] = [
        start(hold_id, text) | {"messages": [{"role": "user", "content": secret}]},
        cost(hold_id, text) | {"cost_usd": secret, "status": secret},
        end(hold_id, text) | {"id": secret},
        secret,
        None,
        [secret],
    ]
    good = [start(hold_id, text), end(hold_id, text), cost(hold_id, text)]
    assert await office.report(*bad, *good) == (3, 0, 6)
    assert await office.closed(hold_id) == ("captured", "reported", COST)
    rows = await office.pool.fetch("SELECT reason, body::text AS body FROM usage_quarantine")
    assert len(rows) == 6
    assert not any(secret in row["body"] or secret in row["reason"] for row in rows)
    assert any("messages" in row["reason"] for row in rows)
    assert (await office.books.figures(account_id)).posted == CREDIT - COST


@pytest.mark.parametrize(
    "poison",
    [
        {"\x00": 1},
        {"\ud800": "\ud800"},
        {"provider_id": "a\x00b"},
        {"model": "\ud83d"},
        {"error_code": "\x00"},
        {"at_ms": 10**14},
        {"usage": {"prompt_tokens": 10**30}},
        {"cost_usd": "1e99"},
        {"hold": "no-uuid", "token": None},
        {"hold": None, "token": None},
        {"token": "\x00"},
        {"id": "\x00" * 32},
    ],
)
async def test_record_of_any_poison_never_blocks_its_batch(
    office: Office, poison: dict[str, Any]
) -> None:
    """What Postgres cannot store must not come back for ever: 200, and the others are debited."""
    hold_id, text, account_id = await office.placed()
    other, _ = await office.books.place(account_id, HELD)
    bad = cost(other, token(other, account_id)) | poison
    good = [end(hold_id, text), cost(hold_id, text)]
    recorded, _, quarantined = await office.report(bad, *good)
    assert recorded + quarantined == 3
    assert await office.closed(hold_id) == ("captured", "reported", COST)


@pytest.mark.parametrize(
    "claims",
    [
        {"hold": "no-uuid"},
        {"hold": "\x00"},
        {"model": "a\x00b"},
        {"route": "\x00"},
        {"client": "\x00"},
        {"account": "0", "client": "nobody"},
        {"account": str(10**12)},
        {"account": str(10**30)},
        {"account": "maria"},
    ],
)
async def test_token_with_odd_claims_never_blocks_its_batch(
    office: Office, claims: dict[str, Any]
) -> None:
    """Signed by us does not mean storable; the cost is on the books or in quarantine, and said."""
    hold_id, text, _ = await office.placed()
    unknown = str(uuid.uuid4())
    odd = sign(replace(CLAIMS, **{"hold": unknown, "account": "0"} | claims), [TOKEN_KEY])
    record = cost(unknown, odd)
    recorded, _, quarantined = await office.report(record, end(hold_id, text), cost(hold_id, text))
    assert recorded + quarantined == 3
    assert await office.closed(hold_id) == ("captured", "reported", COST)
    assert recorded == 2 or await suspense(office) == COST


async def test_record_that_only_the_ledger_refuses_is_found_and_quarantined_alone(
    office: Office,
) -> None:
    """What slipped through the gate costs its own record, never the batch nor the queue behind it."""
    await office.pool.execute("ALTER TABLE usage_event ADD CHECK (model <> 'unforeseen')")
    account_id = await office.books.account(CREDIT)
    records = []
    for n in range(7):
        hold_id, _ = await office.books.place(account_id, HELD)
        model = "unforeseen" if n == 4 else "gpt-4o"
        records.append(cost(hold_id, token(hold_id, account_id), model=model))
    assert await office.report(*records) == (6, 0, 1)
    assert (await office.books.figures(account_id)).posted == CREDIT - 6 * COST
    assert await office.report(*records) == (0, 6, 1)
    assert await office.pool.fetchval("SELECT count(*) FROM usage_quarantine") == 1


@pytest.mark.parametrize(
    "figures",
    [{"cost_usd": "10000.01"}, {"cost_usd": "0.1", "usage": {"prompt_tokens": 10**9 + 1}}],
)
async def test_cost_beyond_all_reason_is_quarantined(
    office: Office, figures: dict[str, Any]
) -> None:
    """Nothing is debited for absurd amounts."""
    hold_id, text, account_id = await office.placed()
    absurd = cost(hold_id, text, **figures)
    assert await office.report(absurd) == (0, 0, 1)
    assert (await office.books.figures(account_id)).posted == CREDIT


async def test_report_with_a_forged_signature_is_401(office: Office) -> None:
    """And nothing of it is kept."""
    hold_id, text, account_id = await office.placed()
    body = json.dumps({"records": [cost(hold_id, text)]}).encode()
    for answer in (
        await office.send(body, key=b"x" * 32),
        await office.send(body, headers={"x-pedagio-signature": "v1="}),
        await office.send(body, headers={"x-pedagio-timestamp": "1"}),
        await office.client.post("/v1/reports", content=body),
        await office.send(b"{}", "/v1/extend", key=b"x" * 32),
    ):
        assert (answer.status_code, answer.json()) == (401, {"error": "bad_signature"})
    assert (await office.books.figures(account_id)).posted == CREDIT
    assert await office.pool.fetchval("SELECT count(*) FROM call_record") == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[]", b"{}", b'"x"', b'{"records": 1}', b"[" * 100_000, b"9" * 5_000],
)
async def test_report_that_cannot_be_read_is_400(office: Office, body: bytes) -> None:
    """The shipper moves such a batch aside instead of sending it for ever."""
    assert (await office.send(body)).status_code == 400


async def test_report_that_is_too_large_is_turned_away(office: Office) -> None:
    """More bytes than any honest batch, or more records."""
    assert (await office.send(b" " * (BODY_LIMIT_BYTES + 1))).status_code == 413
    many = json.dumps({"records": [{}] * (BATCH_LIMIT + 1)}).encode()
    assert (await office.send(many)).status_code == 400


async def test_report_that_is_nested_beyond_reason_is_answered(office: Office) -> None:
    """Whatever the depth: 200 with a quarantine, or 400; never the 503 that means `again`."""
    for depth in range(100, 1_000, 50):
        deep = "[" * depth + "]" * depth
        answer = await office.send(f'{{"records": [{{"record": {deep}}}]}}'.encode())
        assert answer.status_code in {200, 400}


async def test_cost_without_token_of_an_unknown_hold_goes_to_suspense(office: Office) -> None:
    """It did not pass our Envoy: booked where a person looks, and said."""
    hold_id = str(uuid.uuid4())
    assert await office.report(end(hold_id, None), cost(hold_id, None)) == (2, 0, 0)
    assert await suspense(office) == COST
    assert await office.exceptions() == ["unproven"]
    assert await office.closed(hold_id) == ("captured", "reported", COST)


async def test_token_of_one_hold_under_the_name_of_another_counts_for_its_own(
    office: Office,
) -> None:
    """A name can be chosen, a token cannot: the signed hold is debited, and a person looks."""
    hold_id, text, account_id = await office.placed()
    victim = await office.books.account(CREDIT, "jose")
    other, _ = await office.books.place(victim, HELD)
    await office.report(end(other, text), cost(other, text))
    assert (await office.books.figures(victim)) == Figures(CREDIT, HELD)
    assert (await office.books.figures(account_id)).posted == CREDIT - COST
    assert await office.closed(hold_id) == ("captured", "reported", COST)
    assert await office.exceptions() == ["hold_mismatch"]


async def test_token_that_names_another_account_debits_the_account_of_the_hold(
    office: Office,
) -> None:
    """Whose credit was reserved is on the ledger since the hold was placed."""
    hold_id, _, account_id = await office.placed()
    victim = await office.books.account(CREDIT, "jose")
    await office.report(cost(hold_id, token(hold_id, victim)))
    assert (await office.books.figures(victim)).posted == CREDIT
    assert (await office.books.figures(account_id)).posted == CREDIT - COST


@pytest.mark.parametrize("mode", ["off", "shadow"])
async def test_call_without_an_account_is_booked_to_the_clients_unattributed(
    office: Office, mode: str
) -> None:
    """Account 0 in a token: authz could not say who; debits go on all the same."""
    await office.books.account(0)
    account_id = await office.pool.fetchval(
        "INSERT INTO account (client_id, kind) VALUES ('librechat', 'unattributed') RETURNING id"
    )
    hold_id = str(uuid.uuid4())
    text = token(hold_id, 0, mode=mode, granted=0)
    await office.report(start(hold_id, text), end(hold_id, text), cost(hold_id, text))
    assert await office.books.figures(account_id) == Figures(-COST, 0)
    assert await office.closed(hold_id) == ("captured", "reported", COST)
    assert await office.exceptions() == []


async def test_ledger_that_is_away_is_503_so_that_the_spool_keeps_the_report(
    office: Office,
) -> None:
    """2xx means that it is on disk here; anything else and the shipper tries again."""
    hold_id, text, account_id = await office.placed()
    body = json.dumps({"records": [end(hold_id, text), cost(hold_id, text)]}).encode()
    await office.pool.execute("ALTER FUNCTION capture_batch RENAME TO capture_batch_away")
    assert (await office.send(body)).status_code == 503
    await office.pool.execute("ALTER FUNCTION capture_batch_away RENAME TO capture_batch")
    assert (await office.send(body)).status_code == 200
    assert (await office.books.figures(account_id)).posted == CREDIT - COST


async def test_health_of_accounting_answers(office: Office) -> None:
    """Whether this process answers; no signature needed."""
    answer = await office.client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "serving"})
