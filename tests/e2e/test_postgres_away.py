"""Postgres is gone for a while, through the real Envoy and LiteLLM: people go on within the cap, the books add up."""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import asyncpg
import httpx
import pytest

from authz.settings import AuthzSettings
from credit.prices import Price
from local.office import Office
from local.stack import Stack
from local.story.chat import Person
from tests.e2e.traffic import Answer, Reckoning, Traffic

USD = 10**9
CREDIT = 100 * USD
CAP = AuthzSettings.model_fields["bounded_cap_nanos"].default
WITHIN_S = 20.0
# Holds of this model are dear (some 0.1 USD), its answers are not: a few calls use up the cap.
DEAR = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "[[tokens=20 rate=200]]"}],
}
# Its hold is hardly more than its text: it must not need an extension, which nobody answers.
SMALL = {
    "model": "gpt-4o-mini",
    "max_tokens": 20,
    "messages": [{"role": "user", "content": "Oi!"}],
}
CALLS_LIMIT = 60
ALLOWED = re.compile(r'^pedagio_decisions_total\{reason="",result="allow"\} (\S+)$', re.MULTILINE)

NewPerson = Callable[..., Awaitable[Person]]
Eventually = Callable[..., Awaitable[None]]

GRANTED = """
    SELECT coalesce(sum(h.granted), 0)::bigint FROM hold AS h JOIN account AS a ON a.id = h.account_id
    WHERE a.external_id = $1 AND h.placed_by = 'bounded'"""
TOLD = """
    SELECT a.subject, a.kind, a.detail ->> 'state' AS state FROM alarm AS a
    WHERE a.id > $1 AND a.kind LIKE 'store_%' AND EXISTS (
        SELECT FROM audit AS l WHERE (l.actor, l.action, l.detail) = (a.subject, a.kind, a.detail))
    ORDER BY a.id"""


@pytest.fixture
def reckoning(
    stack: Stack, office: Office, prices: Mapping[str, Price], eventually: Eventually
) -> Reckoning:
    """Compares answers with the ledger, once everything is well again."""
    return Reckoning(stack, office, prices, eventually)


async def ask(
    http: httpx.AsyncClient, who: Person, body: Mapping[str, Any] = DEAR
) -> tuple[Answer, str]:
    """One call, a dear one: how it ended, with the reason of a refusal."""
    answer = await http.post("/v1/chat/completions", json=body, headers=who.headers)
    hold_id, body = answer.headers.get("x-request-id", ""), answer.json()
    if answer.status_code == httpx.codes.OK:
        return Answer(200, hold_id, str(body["id"]), 0.0), ""
    return Answer(answer.status_code, hold_id, "", 0.0), str(body["error"]["code"])


async def meet_every_replica(
    stack: Stack, http: httpx.AsyncClient, who: Person
) -> list[tuple[Answer, str]]:
    """Call, nobody else calling, until each replica has allowed one: without Redis it knows whom it has met."""
    said: list[tuple[Answer, str]] = []
    before = await allowed(stack)
    while len(said) < CALLS_LIMIT:
        said += await asyncio.gather(*(ask(http, who) for _ in before))
        if all(now > then for now, then in zip(await allowed(stack), before, strict=True)):
            return said
    raise AssertionError(f"{len(said)} calls did not reach each of {len(before)} replicas")


async def allowed(stack: Stack) -> list[float]:
    """Calls that each replica has allowed so far."""
    found = []
    async with httpx.AsyncClient() as http:
        for url in stack.metrics_urls[1:]:
            match = ALLOWED.search((await http.get(url)).text)
            found.append(float(match[1]) if match else 0.0)
    return found


async def spend_the_cap(
    http: httpx.AsyncClient, who: Person, replicas: int
) -> list[tuple[Answer, str]]:
    """Call until no replica has anything left for this person."""
    said: list[tuple[Answer, str]] = []
    while len(said) < CALLS_LIMIT:
        said += await asyncio.gather(*(ask(http, who) for _ in range(replicas)))
        if len(said) >= 4 * replicas and not any(a.response_id for a, _ in said[-4 * replicas :]):
            break
    return said


async def spooled(stack: Stack) -> float:
    """Reports that accounting took while Postgres was away."""
    async with httpx.AsyncClient() as http:
        text = (await http.get(f"{stack.accounting_url}/metrics")).text
    found = re.search(r'^pedagio_reports_total\{result="spooled"\} (\S+)$', text, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def test_people_go_on_within_the_cap_and_every_call_is_paid_once(
    stack: Stack, person: NewPerson, eventually: Eventually, reckoning: Reckoning
) -> None:
    """Killed in mid-traffic, away for seconds, back: 200 or a 503 in words, never 402; then to the nano."""
    replicas = len(stack.authz_addresses)
    steady, hungry = await person(CREDIT), await person(CREDIT)
    before, spooled_before = await newest_alarm(stack), await spooled(stack)
    postgres = stack.children["postgres"]
    said: list[tuple[Answer, str]] = []
    async with httpx.AsyncClient(base_url=stack.envoy_url, timeout=30) as http:
        said += await meet_every_replica(stack, http, hungry)
    met = len(said)
    async with (
        httpx.AsyncClient(base_url=stack.envoy_url, timeout=30) as http,
        Traffic(stack, steady) as traffic,
    ):
        await traffic.more(10, WITHIN_S)
        await postgres.kill()
        await traffic.more(20, WITHIN_S)
        small = [await ask(http, hungry, SMALL) for _ in range(replicas)]
        assert all(answer.response_id for answer, _ in small), "an explicit limit is served, too"
        said += small
        said += await spend_the_cap(http, hungry, replicas)
        assert await spooled(stack) > spooled_before
        await postgres.start()
        await eventually(
            lambda: connected(stack, before), "every process says it is back", WITHIN_S
        )
        await traffic.more(10, WITHIN_S)
        last, _ = await ask(http, hungry)
        assert last.response_id, "the ledger decides again: the cap is over"
    assert {answer.status for answer in traffic.answers} <= {200, 503}
    outage = said[met:]
    assert sum(bool(answer.response_id) for answer, _ in outage) >= 2 * replicas
    assert {reason for _, reason in outage} == {"", "enforcement_unavailable"}
    await reckoning.settle(steady, CREDIT, traffic.answers)
    await reckoning.settle(hungry, CREDIT, [answer for answer, _ in said] + [last])
    await all_went_by_the_cap(stack, steady, hungry)


async def newest_alarm(stack: Stack) -> int:
    """The number of the last one that was raised."""
    database = await asyncpg.connect(stack.database_url)
    newest = await database.fetchval("SELECT coalesce(max(id), 0) FROM alarm")
    await database.close()
    return int(newest)


async def connected(stack: Stack, before: int) -> bool:
    """Whether every process has told of its outage: gone and back, each also in the audit."""
    host = socket.gethostname()
    replicas = {f"authz {host} {address}" for address in stack.authz_addresses}
    wanted: set[tuple[str, str, str | None]]
    wanted = {(name, "store_away", "bounded") for name in replicas}
    wanted |= {(name, "store_back", None) for name in replicas}
    wanted |= {("accounting", kind, "spooling") for kind in ("store_away", "store_back")}
    database = await asyncpg.connect(stack.database_url)
    rows = await database.fetch(TOLD, before)
    await database.close()
    return wanted <= {(row["subject"], row["kind"], row["state"]) for row in rows}


async def all_went_by_the_cap(stack: Stack, *people: Person) -> None:
    """What was granted in the outage is in the ledger, within the cap of each replica."""
    database = await asyncpg.connect(stack.database_url)
    for who in people:
        granted = await database.fetchval(GRANTED, who.name)
        assert 0 < granted <= len(stack.authz_addresses) * CAP
    await database.close()
