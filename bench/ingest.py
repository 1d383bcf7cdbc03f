"""Reports per second: signed batches of start, end and cost records, each answer meaning "on disk"."""

import asyncio
import hmac
import itertools
import json
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Final

import httpx

from bench.plan import Plan
from bench.report import Bar, Table
from bench.system import CLIENT, MODEL, System
from credit import ledger
from credit.ledger import Place
from credit.models import ModelMap
from credit.pool import connect
from credit.token import Claims, sign

BATCH: Final = 200
# LiteLLM with two workers: each ships its spool by itself.
SENDERS: Final = 2
SEND_BOUND_S: Final = 30.0
HOLD_NANOS: Final = 1_000_000
LEAST_RATE: Final = 2_000
COST_USD: Final = "0.00027"
USAGE: Final = {"prompt_tokens": 1000, "completion_tokens": 200}

Record = dict[str, Any]


async def measure(system: System, plan: Plan) -> tuple[list[Table], list[Bar]]:
    """Place holds, then report all three records of each call; then report everything again."""
    records = await _records(system, plan.ingest_calls)
    batches = [records[n : n + BATCH] for n in range(0, len(records), BATCH)]
    first, took_s = await _send(system, batches)
    again, again_s = await _send(system, batches[::-1])
    rate = len(records) / took_s
    rows = [
        ("first time", f"{rate:,.0f}", str(first["recorded"]), str(first["duplicates"])),
        (
            "again, in reverse",
            f"{len(records) / again_s:,.0f}",
            str(again["recorded"]),
            str(again["duplicates"]),
        ),
    ]
    note = f"{len(records)} records of {plan.ingest_calls} calls, batches of {BATCH}, {SENDERS} senders."
    head = ("reports", "events/s", "recorded", "duplicates")
    bar = Bar("Ingest", f">= {LEAST_RATE:,} events/s", f"{rate:,.0f}/s", rate >= LEAST_RATE)
    return [Table("Ingest", head, rows, note)], [bar]


async def _send(
    system: System, batches: Sequence[Sequence[Record]]
) -> tuple[dict[str, int], float]:
    """Ship the batches with a few senders; the sums of the answers, and the seconds it took."""
    bodies = iter(
        [json.dumps({"source": "callback", "records": batch}).encode() for batch in batches]
    )
    sums = {"recorded": 0, "duplicates": 0, "quarantined": 0}

    async def sender(http: httpx.AsyncClient) -> None:
        for body in bodies:
            headers = _signed(body, system.stack.report_key.encode())
            answer = await http.post("/v1/reports", content=body, headers=headers)
            answer.raise_for_status()
            for name, count in answer.json().items():
                sums[name] += count

    url = system.stack.accounting_url
    async with httpx.AsyncClient(base_url=url, timeout=SEND_BOUND_S) as http:
        began = time.perf_counter()
        await asyncio.gather(*(sender(http) for _ in range(SENDERS)))
        return sums, time.perf_counter() - began


def _signed(body: bytes, key: bytes) -> dict[str, str]:
    timestamp, nonce = str(int(time.time())), uuid.uuid4().hex
    signed = f"{timestamp}.{nonce}.".encode() + body
    return {
        "content-type": "application/json",
        "x-pedagio-timestamp": timestamp,
        "x-pedagio-nonce": nonce,
        "x-pedagio-signature": f"v1={hmac.new(key, signed, 'sha256').hexdigest()}",
    }


async def _records(system: System, calls: int) -> list[Record]:
    pool = await connect(system.stack.database_url)
    try:
        (row,) = await ledger.query(pool, "read_model_map")
        (deployment,) = ModelMap.from_json(row["map"]).entries[MODEL].deployments
        people = itertools.cycle(system.accounts)
        holds = [(str(uuid.uuid4()), next(people)) for _ in range(calls)]
        for n in range(0, calls, BATCH):
            places = [_place(*hold) for hold in holds[n : n + BATCH]]
            await ledger.place_batch(pool, places, 2100)
    finally:
        await pool.close()
    key = system.stack.token_key.encode()
    return [record for hold in holds for record in _call(*hold, deployment.model_id, key)]


def _place(hold_id: str, account: int) -> Place:
    amounts = (HOLD_NANOS, HOLD_NANOS, HOLD_NANOS)
    return Place(hold_id, account, CLIENT, "chat", MODEL, *amounts, shadow=False)


def _call(hold_id: str, account: int, model_id: str, key: bytes) -> Iterator[Record]:
    """The three records of one complete call, as the callback writes them."""
    now_ms = int(time.time() * 1000)
    token = _token(hold_id, account, key)

    def record(kind: str, **more: Any) -> Record:
        named = {"id": uuid.uuid4().hex, "token": token, "hold": hold_id, "at_ms": now_ms}
        return {"record": kind, **named, **more}

    yield record(
        "start",
        route="chat",
        model=MODEL,
        stream=True,
        input_bound_tokens=4000,
        input_count_tokens=1000,
        output_limit_tokens=512,
        granted_nanos=HOLD_NANOS,
        bound_nanos=HOLD_NANOS,
    )
    yield record("end", outcome="ok", chunks=40, output_chars=800, duration_ms=900, complete=True)
    yield record(
        "cost",
        status="success",
        provider_id=f"chatcmpl-{hold_id}",
        model_group=MODEL,
        model=MODEL,
        model_id=model_id,
        provider="openai",
        cost_usd=COST_USD,
        usage=USAGE,
        started_ms=now_ms,
        ended_ms=now_ms,
    )


def _token(hold_id: str, account: int, key: bytes) -> str:
    claims = Claims(
        hold=hold_id,
        account=str(account),
        client=CLIENT,
        mode="enforce",
        route="chat",
        model=MODEL,
        granted=HOLD_NANOS,
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
    return sign(claims, [key])
