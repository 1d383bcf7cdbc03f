"""Models that think before they speak: an answer cut short by our limit is rare, and explained."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import httpx

from local.stack import Stack
from local.story.chat import Person, chat
from local.story.ledger import Ledger

USD = 10**9
CALLS = 120

NewPerson = Callable[..., Awaitable[Person]]
Database = asyncpg.Connection

EMPTY = """
    SELECT count(*) FROM call_record AS r JOIN hold AS h ON h.id = r.hold_id JOIN account AS a ON a.id = h.account_id
    WHERE a.external_id = $1 AND r.kind = 'end' AND (r.body ->> 'empty_under_clamp')::boolean"""


def body(reasoning: int) -> dict[str, Any]:
    """A question that takes so many hidden tokens."""
    order = f"[[reasoning={reasoning} reasoning_rate=20000 tokens=30 rate=2000]]"
    return {"model": "gpt-5", "messages": [{"role": "user", "content": f"Por quê? {order}"}]}


async def test_empty_answers_under_our_limit_are_below_one_percent(
    stack: Stack, person: NewPerson, ledger: Ledger, database: Database
) -> None:
    """Reasoning of 200 to 8,000 tokens on an account with 50 USD, 40 calls at a time."""
    who, rng, gate = await person(50 * USD), random.Random(2), asyncio.Semaphore(40)
    limits = httpx.Limits(max_connections=40)

    async def one(http: httpx.AsyncClient) -> str:
        async with gate:
            answer = await chat(http, who, body(rng.randint(200, 8_000)))
            assert answer.refusal is None
            return answer.text

    async with httpx.AsyncClient(base_url=stack.envoy_url, timeout=60, limits=limits) as http:
        texts = await asyncio.gather(*(one(http) for _ in range(CALLS)))
    await ledger.all_closed()
    assert sum(not text for text in texts) * 100 < CALLS
    assert await database.fetchval(EMPTY, who.name) * 100 < CALLS


async def test_empty_answer_under_our_limit_is_counted_and_explained(
    stack: Stack, person: NewPerson, ledger: Ledger, database: Database
) -> None:
    """The last credit pays 4,096 tokens, the model thinks for 8,000: the person reads why nothing came."""
    who = await person(USD // 20)
    async with httpx.AsyncClient(base_url=stack.envoy_url, timeout=60) as http:
        answer = await chat(http, who, body(8_000))
    assert answer.refusal is None
    assert "credit" in answer.text
    await ledger.all_closed()
    assert await database.fetchval(EMPTY, who.name) == 1
