"""A team through the real Envoy: what a pool, own credit and a cap let through, and what they refuse."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import pytest

from credit.pool import connect
from local.stack import Stack
from local.story.chat import Chat, Person, chat
from local.story.ledger import Ledger
from tests.integration.doors import until
from tests.integration.rules_scene import Team

USD = 10**9
MEMBERS = 20
CALLS = 128
WITHIN_S = 1.0  # the promise
# About ten such answers fit, as in the race of one person (local/story/race.py).
POOL_NANOS = 800_000_000
LARGE = {"model": "gpt-4o", "max_tokens": 7_920}
LARGE_ORDER = "[[tokens=7600 rate=3000 chunk_ms=200]]"
SHORT = {"model": "gpt-4o-mini", "max_tokens": 20}
ACCOUNT = "SELECT id FROM account WHERE client_id = $1 AND external_id = $2"
REVOKE = "SELECT revoke_grant(g.id, 'test', 'ends') FROM credit_grant AS g WHERE g.account_id = $1"
PAYERS = """
    SELECT h.account_id AS payer, coalesce(sum(c.captured), 0)::bigint AS captured,
        coalesce(sum(c.overage), 0)::bigint AS overage
    FROM hold AS h JOIN hold_close AS c ON c.hold_id = h.id WHERE h.person_id = ANY($1) GROUP BY h.account_id"""

NewPerson = Callable[..., Awaitable[Person]]


@pytest.fixture
async def team(stack: Stack) -> AsyncIterator[Team]:
    """The running ledger, as its owner."""
    async with await connect(stack.database_url) as pool:
        yield Team(pool)


async def account_of(team: Team, who: Person) -> int:
    """The account behind a person's name."""
    return int(await team.pool.fetchval(ACCOUNT, who.client, who.name))


async def ask(stack: Stack, who: Person, body: dict[str, Any], order: str = "") -> Chat:
    """One chat."""
    content = f"Escreva um relatório. {order}"
    asked = {**body, "messages": [{"role": "user", "content": content}]}
    async with httpx.AsyncClient(base_url=stack.envoy_url) as http:
        return await chat(http, who, asked)


async def test_128_calls_of_20_members_on_one_pool_overspend_nothing(
    stack: Stack, team: Team, person: NewPerson, ledger: Ledger
) -> None:
    """Three replicas, one pool: what is answered fits, the rest is refused for the pool, to the nano."""
    people = [await person(0) for _ in range(MEMBERS)]
    accounts = [await account_of(team, who) for who in people]
    pool_id = await team.open_pool("crowd", POOL_NANOS, accounts)
    asked = (ask(stack, people[n % MEMBERS], LARGE, LARGE_ORDER) for n in range(CALLS))
    answers = await asyncio.gather(*asked)
    await ledger.all_closed()
    refusals = [each.refusal for each in answers if each.refusal is not None]
    assert {(each.status, each.reason) for each in refusals} <= {
        (402, "pool_exhausted"), (402, "credit_in_flight"),
    }  # fmt: skip
    assert 9 <= CALLS - len(refusals) <= 20
    (paid,) = await team.pool.fetch(PAYERS, accounts)
    figures = await team.figures(pool_id)
    assert (paid["payer"], paid["overage"]) == (pool_id, 0)
    assert (figures.posted, figures.held) == (POOL_NANOS - paid["captured"], 0)
    assert figures.posted >= 0


@pytest.mark.parametrize("order", list(itertools.permutations(("own", "pool", "cap"))))
async def test_call_is_refused_exactly_when_the_rule_says(
    stack: Stack, team: Team, person: NewPerson, ledger: Ledger, order: tuple[str, ...]
) -> None:
    """Own credit, pool, cap end one after the other: blocked when the cap ends, or both payers have."""
    who = await person(USD)
    account = await account_of(team, who)
    pool_id = await team.open_pool(f"team-{account}", USD, [account])
    await team.set_cap(account, 2 * USD)
    assert (await ask(stack, who, SHORT)).refusal is None
    gone: set[str] = set()
    for what in order:
        await ledger.all_closed()
        gone.add(what)
        if what == "cap":
            await team.set_cap(account, 1)
        else:
            await team.pool.execute(REVOKE, account if what == "own" else pool_id)
        refusal = (await ask(stack, who, SHORT)).refusal
        if {"own", "pool"} <= gone:
            assert refusal is not None
            assert (refusal.status, refusal.reason) == (402, "pool_exhausted")
        elif "cap" in gone:
            assert refusal is not None
            assert (refusal.status, refusal.reason) == (402, "cap_reached")
        else:
            assert refusal is None


async def test_grant_that_ended_pays_for_nothing(
    stack: Stack, team: Team, person: NewPerson, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Nothing runs at night: the first call after the end finds that it has ended."""
    who = await person(0)
    account = await account_of(team, who)
    soon = await database.fetchval("SELECT clock_timestamp() + interval '2 seconds'")
    await team.give(account, USD, until=soon)
    assert (await ask(stack, who, SHORT)).refusal is None
    await database.fetchval("SELECT pg_sleep_until($1)", soon)
    refusal = (await ask(stack, who, SHORT)).refusal
    assert refusal is not None
    assert refusal.reason == "insufficient_credit"


async def test_limit_and_language_that_a_person_chose_hold_within_a_second(
    stack: Stack, team: Team, person: NewPerson
) -> None:
    """In one refusal through Envoy: it says in their language that the limit is their own."""
    who = await person(USD)
    account = await account_of(team, who)
    assert (await ask(stack, who, SHORT)).refusal is None
    chosen = "SELECT set_settings($1, 'en', NULL, NULL, 1, NULL, $2, '{}')"
    await team.pool.execute(chosen, account, f"chosen by {account}")

    async def in_english() -> bool:
        refusal = (await ask(stack, who, SHORT)).refusal
        assert refusal is not None
        assert (refusal.status, refusal.reason) == (402, "cap_reached")
        own = "You reached your limit, the daily one that you set yourself"
        return refusal.sentence.startswith(own)

    await until(in_english, WITHIN_S)
