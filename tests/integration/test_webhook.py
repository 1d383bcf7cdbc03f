"""LiteLLM's own webhook onto the real ledger: the lesser way, and the same debits."""

import json
import uuid
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from accounting.ingest.http import WEBHOOK_LIMIT_BYTES
from tests.books import Figures
from tests.integration.office import COST_WAIT_S, CREDIT, Office, cost, end, start, token
from tests.unit import litellm_samples


def answered(hold_id: str, text: str | None) -> dict[str, Any]:
    """A chat answer as LiteLLM's webhook tells of it: 0.00015 USD."""
    (payload,) = litellm_samples.payloads("chat_nonstream", "webhook", hold_id, text)
    return payload


def as_callback(payload: dict[str, Any], text: str) -> dict[str, Any]:
    """The same call as the callback reports it."""
    usage = {"prompt_tokens": 1_000, "completion_tokens": 50, "cached_tokens": 400}
    return cost(
        payload["litellm_call_id"], text, provider_id=payload["id"], model=payload["model"],
        model_group=payload["model_group"], model_id=payload["model_id"], cost_usd="0.00015",
        usage=usage | {"reasoning_tokens": 20},
    )  # fmt: skip


@pytest.mark.parametrize("webhook_first", [True, False])
async def test_both_ways_at_once_are_one_debit(office: Office, *, webhook_first: bool) -> None:
    """The same event id: whichever comes second is a duplicate, not a conflict."""
    hold_id, text, account_id = await office.placed()
    payload = answered(hold_id, text)
    body = json.dumps([payload]).encode()
    ours = [start(hold_id, text), as_callback(payload, text), end(hold_id, text)]
    if webhook_first:
        await office.tell_webhook(body)
    await office.report(*ours)
    await office.tell_webhook(body)
    assert await office.books.figures(account_id) == Figures(CREDIT - 150_000, 0)
    assert await office.pool.fetchval("SELECT count(*) FROM usage_event") == 1
    assert await office.pool.fetchval("SELECT count(*) FROM usage_conflict") == 0
    source = await office.pool.fetchval("SELECT source FROM usage_event")
    assert source == ("webhook" if webhook_first else "callback")


@pytest.mark.parametrize("shape", ["array", "single", "lines"])
async def test_webhook_alone_debits_once_in_each_shape(office: Office, shape: str) -> None:
    """Sent again, as LiteLLM does: a duplicate. The hold closes when Envoy says that the call is over."""
    hold_id, text, account_id = await office.placed()
    line = json.dumps(answered(hold_id, text)).encode()
    body = {"array": b"[" + line + b"]", "single": line, "lines": line + b"\n" + line}[shape]
    for _ in range(3):
        await office.tell_webhook(body)
    assert await office.closed(hold_id) is None
    await office.envoy(hold_id)
    await office.settler.sweep_once()
    assert await office.closed(hold_id) == ("captured", "reported", 150_000)
    assert await office.books.figures(account_id) == Figures(CREDIT - 150_000, 0)


async def test_webhook_alone_without_the_access_log_closes_after_a_while(office: Office) -> None:
    """An installation of LiteLLM without our callback, and Envoy's log lost too."""
    hold_id, text, account_id = await office.placed()
    await office.tell_webhook(json.dumps(answered(hold_id, text)).encode())
    await office.make_older(COST_WAIT_S - 2)
    await office.settler.sweep_once()
    assert await office.closed(hold_id) is None
    await office.make_older(3)
    await office.settler.sweep_once()
    assert await office.closed(hold_id) == ("captured", "reported", 150_000)
    assert await office.books.figures(account_id) == Figures(CREDIT - 150_000, 0)


@pytest.mark.parametrize("name", litellm_samples.BOTH)
async def test_each_recorded_situation_is_one_debit_by_whichever_way(
    office: Office, name: str
) -> None:
    """Webhook, then the callback's own payloads through the same door, then both again."""
    hold_id, text, account_id = await office.placed()
    told = litellm_samples.payloads(name, "webhook", hold_id, text)
    seen = litellm_samples.payloads(name, "callback", hold_id, text)
    await office.tell_webhook(json.dumps(told).encode())
    once = await office.books.figures(account_id)
    for payloads in (seen, told, told + seen):
        await office.tell_webhook(json.dumps(payloads).encode())
    assert await office.books.figures(account_id) == once
    assert await office.pool.fetchval("SELECT count(*) FROM usage_conflict") == 0


async def test_nothing_of_a_prompt_is_kept_or_logged(office: Office) -> None:
    """The payloads carry messages; what is not on the list is not read."""
    hold_id, text, _ = await office.placed()
    payload = answered(hold_id, text)
    secret = litellm_samples.SECRET
    broken = payload | {"litellm_call_id": secret, "metadata": {"note": secret}}
    with capture_logs() as logs:
        await office.tell_webhook(json.dumps([payload, broken, secret]).encode())
        await office.tell_webhook(secret.encode(), status=400)
    kept = await office.pool.fetch(
        "SELECT body::text AS text FROM call_record UNION ALL SELECT body::text || reason FROM usage_quarantine"
        " UNION ALL SELECT detail::text FROM exception"
    )
    assert len(kept) == 4  # the record, two without a hold, the exception of a name without a price
    assert secret not in " ".join(row["text"] for row in kept) + str(logs)


async def test_webhook_without_a_live_secret_is_turned_away_and_told(office: Office) -> None:
    """401, nothing kept, and one alarm, however often somebody knocks."""
    hold_id, text, account_id = await office.placed()
    body = json.dumps(answered(hold_id, text)).encode()
    for _ in range(3):
        await office.tell_webhook(body, key=b"x" * 32, status=401)
        await office.send(b"{}", key=b"x" * 32)
    assert (await office.books.figures(account_id)).posted == CREDIT
    assert await office.alarms() == ["report_forged"]


async def test_webhook_that_is_not_configured_is_not_served(pool: asyncpg.Pool) -> None:
    """Off unless a secret is set."""
    office = Office(pool, webhook_keys=())
    await office.tell_webhook(b"[]", status=404)


async def test_webhook_that_is_too_large_is_turned_away(office: Office) -> None:
    """Memory is bounded whatever is sent."""
    await office.tell_webhook(b" " * (WEBHOOK_LIMIT_BYTES + 1), status=413)


async def test_webhook_while_the_ledger_is_away_is_sent_again(office: Office) -> None:
    """Without a spool of ours, anything but 2xx makes LiteLLM keep the event."""
    hold_id, text, account_id = await office.placed()
    body = json.dumps(answered(hold_id, text)).encode()
    await office.pool.execute("ALTER FUNCTION capture_batch RENAME TO capture_batch_away")
    await office.tell_webhook(body, status=503)
    await office.pool.execute("ALTER FUNCTION capture_batch_away RENAME TO capture_batch")
    await office.tell_webhook(body)
    assert (await office.books.figures(account_id)).posted == CREDIT - 150_000


async def test_webhook_of_a_call_past_envoy_goes_to_suspense_and_is_told(office: Office) -> None:
    """0 0 1: LiteLLM's key in somebody's hands; booked where a person looks."""
    hold_id = str(uuid.uuid4())
    await office.tell_webhook(json.dumps(answered(hold_id, None)).encode())
    kinds = await office.exceptions()
    assert "unproven" in kinds
    posted = await office.pool.fetchval("SELECT posted FROM account WHERE kind = 'suspense'")
    assert posted == -150_000


async def test_webhook_of_many_calls_is_taken_in_batches(office: Office) -> None:
    """LiteLLM sends 512 at once: more than a batch of ours."""
    account_id = await office.books.account(CREDIT)
    lines = []
    for _ in range(512):
        hold_id = str(uuid.uuid4())
        payload = answered(hold_id, token(hold_id, account_id, mode="off", granted=0))
        lines.append(json.dumps(payload | {"id": f"chatcmpl-{hold_id}"}))
    said = await office.tell_webhook("\n".join(lines).encode())
    assert said == {"taken": 512, "free": 0}
    assert (await office.books.figures(account_id)).posted == CREDIT - 512 * 150_000
