"""Processes that die or stall in mid-traffic: no debit is lost, none is made twice, nobody overspends."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from local.office import Office
from local.stack import Stack
from local.story.chat import Person
from local.story.ledger import Ledger
from tests.e2e.attempts import told_by_the_callback
from tests.e2e.traffic import DEBITS, OPEN, Answer, Reckoning, send
from tests.signed import signed

USD = 10**9
CALLS = 100
# When so many calls have been sent, this child is killed; it is started again at once.
KILLS = {20: "authz-1", 40: "accounting", 60: "litellm"}

NewPerson = Callable[..., Awaitable[Person]]
Paid = Callable[[Person], Awaitable[int]]
Database = asyncpg.Connection

REASONS = {"in_flight", "report_missing", "end_missing", "cost_missing", "closing"}


async def test_killed_processes_lose_no_debit_and_make_none_twice(
    stack: Stack,
    person: NewPerson,
    office: Office,
    database: Database,
    reckoning: Reckoning,
) -> None:
    """I3: authz, accounting, LiteLLM get kill -9, once each during 100 calls.

    Whoever was answered pays what the provider counted for that very answer, whether its report
    survived the kill or had to be estimated.
    """
    who = await person(100 * USD)
    restarts: dict[str, asyncio.Task[None]] = {}
    gate = asyncio.Semaphore(8)

    async def one(http: httpx.AsyncClient, number: int) -> Answer:
        async with gate:
            if number in KILLS:
                child = stack.children[KILLS[number]]
                await child.kill()
                restarts[KILLS[number]] = asyncio.create_task(child.restart())
            return await send(http, who, number)

    async with httpx.AsyncClient(base_url=stack.envoy_url, timeout=30) as http:
        results = await asyncio.gather(*(one(http, number) for number in range(CALLS)))
        # LiteLLM takes so long to come back that what it left open may close meanwhile: look first.
        await restarts["accounting"]
        listed = {hold.hold_id: hold.reason for hold in await office.holds(who.client, who.name)}
        # No call is under way any more: what is open after the listing was open during it.
        assert {row["hold_id"] for row in await database.fetch(OPEN, who.name)} <= set(listed)
        assert listed, "a kill that leaves no hold open proves nothing about holds"
        assert set(listed.values()) <= REASONS
        await asyncio.gather(*restarts.values())
        answered = sum(1 for answer in results if answer.response_id)
        assert answered > CALLS // 3, "too little traffic survived to prove anything"
        # What LiteLLM had answered and not yet priced when it died is settled by the hold's deadline.
        await reckoning.settle(who, 100 * USD, results)
        last = await send(http, who, CALLS)
        assert last.response_id, f"the system is not well afterwards ({last.hold_id})"
    await reckoning.settle(who, 100 * USD, [*results, last])


async def test_frozen_replica_moves_the_check_and_leaves_the_hold(
    stack: Stack, person: NewPerson, paid: Paid, ledger: Ledger, office: Office, database: Database
) -> None:
    """Envoy's per-try timeout asks the other replica with the same id: one hold, everybody served."""
    who = await person(1 * USD)
    slow = stack.children["authz-1"]
    async with httpx.AsyncClient(base_url=stack.envoy_url, timeout=30) as http:
        slow.freeze()
        try:
            results = await asyncio.gather(*(send(http, who, number) for number in range(6)))
        finally:
            slow.thaw()
    assert all(answer.response_id for answer in results)
    await ledger.all_closed()
    rows = await database.fetch(DEBITS, who.name)
    debits = {row["hold_id"]: row["debits"] for row in rows}
    assert debits == {answer.hold_id: 1 for answer in results}
    account = await office.balance(who.client, who.name)
    assert (account.posted_nanos, account.held_nanos) == (1 * USD - await paid(who), 0)


async def test_every_report_three_times_in_any_order_changes_nothing(
    stack: Stack, person: NewPerson, paid: Paid, ledger: Ledger, database: Database
) -> None:
    """I2: delivery is at least once, so the real records of real calls are sent again, shuffled."""
    who = await person(10 * USD)
    async with httpx.AsyncClient(base_url=stack.envoy_url, timeout=30) as http:
        await asyncio.gather(*(send(http, who, number) for number in range(12)))
    await ledger.all_closed()
    before, holds = (
        await paid(who),
        {row["hold_id"] for row in await database.fetch(DEBITS, who.name)},
    )
    spooled = [json.loads(line) for line in spooled_lines(stack.state_folder / "spool")]
    records = [record for record in spooled if record["hold"] in holds] * 3
    assert len(records) >= 12 * 3 * 3
    random.Random(5).shuffle(records)
    async with httpx.AsyncClient(base_url=stack.accounting_url, timeout=30) as http:
        for first in range(0, len(records), 50):
            answer = await report(http, stack, records[first : first + 50])
            assert answer["recorded"] == answer["quarantined"] == 0
    assert await paid(who) == before
    assert await ledger.open_holds() == 0


async def test_embeddings_that_fell_back_are_debited_once(
    stack: Stack, person: NewPerson, paid: Paid, consumed: Callable[[], int], ledger: Ledger
) -> None:
    """There LiteLLM gives the failure and the success one id (measured): still one debit."""
    who = await person(1 * USD)
    request = {"model": "busca", "input": ["um texto", "outro texto"]}
    async with httpx.AsyncClient(base_url=stack.provider_url, timeout=30) as control:
        await control.post("/control", json={"faults": {"fail_next": 1, "error_status": 500}})
        async with httpx.AsyncClient(base_url=stack.envoy_url, timeout=30) as http:
            answer = await http.post("/v1/embeddings", json=request, headers=who.headers)
        await control.post("/control", json={"reset": True})
    assert answer.status_code == 200, answer.text
    await ledger.all_closed()
    assert await paid(who) == consumed() > 0


def spooled_lines(folder: Path) -> list[str]:
    """What the callback wrote to disk, whole lines only."""
    texts = [
        path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.jsonl*"))
        if path.is_file()
    ]
    return [
        line
        for text in texts
        for line in text.splitlines()
        if line.startswith("{") and line.endswith("}")
    ]


async def report(
    http: httpx.AsyncClient, stack: Stack, records: list[dict[str, Any]]
) -> dict[str, int]:
    """Send a batch as the callback signs it."""
    content = told_by_the_callback(stack, records)
    headers = signed(stack.report_key.encode(), content)
    answer = await http.post("/v1/reports", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    tally: dict[str, int] = answer.json()
    return tally
