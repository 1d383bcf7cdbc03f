"""Streams that people stop: settled as estimates near the truth, every hold closed soon."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import asyncpg
import httpx
import pytest

from local.stack import Stack
from local.story.chat import Person
from local.story.ledger import Ledger

USD = 10**9
STREAMS = 100
TOGETHER = 20
CHAT = "/v1/chat/completions"
PACE = "rate=100 reasoning_rate=100"

NewPerson = Callable[..., Awaitable[Person]]
Eventually = Callable[..., Awaitable[None]]
Paid = Callable[[Person], Awaitable[int]]
Database = asyncpg.Connection

COUNT_OPEN = "SELECT count(*) FROM hold_open AS o JOIN account AS a ON a.id = o.account_id WHERE a.external_id = $1"
OUTCOMES = """
    SELECT c.outcome, count(*) AS n FROM hold_close AS c JOIN hold AS h ON h.id = c.hold_id
    JOIN account AS a ON a.id = h.account_id WHERE a.external_id = $1 GROUP BY c.outcome"""


def body(number: int, tokens: int = 2000) -> dict[str, object]:
    """A stream that would go on for long; every second one thinks before it speaks."""
    model, thought = ("gpt-5", "reasoning=200") if number % 2 else ("gpt-4o", "")
    content = f"Conte uma história longa, número {number}. [[tokens={tokens} {thought} {PACE}]]"
    return {"model": model, "stream": True, "messages": [{"role": "user", "content": content}]}


async def stop_stream(
    http: httpx.AsyncClient, who: Person, path: str, request: dict[str, object], seconds: float
) -> None:
    """Read a stream for so long, then hang up."""
    try:
        async with asyncio.timeout(seconds):
            async with http.stream("POST", path, json=request, headers=who.headers) as answer:
                assert answer.status_code == 200, await answer.aread()
                async for _ in answer.aiter_raw():
                    pass
    except TimeoutError:
        pass


async def test_100_stopped_streams_are_settled_within_a_tenth_of_the_truth(
    stack: Stack,
    person: NewPerson,
    paid: Paid,
    consumed: Callable[[], int],
    ledger: Ledger,
    database: Database,
    eventually: Eventually,
) -> None:
    """Half of them on a model that reasons first: each an estimate, the sum near what the provider generated."""
    teacher, who = await person(50 * USD), await person(200 * USD)
    rng = random.Random(11)
    async with httpx.AsyncClient(base_url=stack.envoy_url, timeout=60) as http:
        # The pace of the reasoning model is learnt from complete calls.
        complete = [body(1, tokens=20)] * 6
        await asyncio.gather(
            *(
                http.post("/v1/chat/completions", json=lesson, headers=teacher.headers)
                for lesson in complete
            )
        )
        await ledger.all_closed()
        lessons = await paid(teacher)
        gate = asyncio.Semaphore(TOGETHER)

        async def one(number: int) -> None:
            async with gate:
                await stop_stream(http, who, CHAT, body(number), rng.uniform(0.4, 4.0))

        await asyncio.gather(*(one(number) for number in range(STREAMS)))

    async def closed() -> bool:
        return bool(await database.fetchval(COUNT_OPEN, who.name) == 0)

    await eventually(closed, "every hold of a stopped stream closes", within_s=5.0)
    outcomes = {row["outcome"]: row["n"] for row in await database.fetch(OUTCOMES, who.name)}
    real = consumed() - lessons
    estimated = await paid(who)
    assert sum(outcomes.values()) == STREAMS
    assert outcomes.get("captured", 0) == 0
    assert abs(estimated - real) <= real // 10, f"estimated {estimated}, real {real}"


async def test_continued_conversation_that_is_stopped_costs_about_what_it_consumed(
    stack: Stack, person: NewPerson, paid: Paid, consumed: Callable[[], int], ledger: Ledger
) -> None:
    """Hanging up near the end must not make 200,000 remembered tokens free."""
    who = await person(20 * USD)
    first = {"model": "gpt-4.1", "input": "Leia. [[tokens=20 remember=200000]]"}
    async with httpx.AsyncClient(base_url=stack.envoy_url, timeout=60) as http:
        answer = await http.post("/v1/responses", json=first, headers=who.headers)
        remembered = answer.json()["id"]
        # Its own usage says 20 tokens; the provider pretends that more is remembered from then on.
        long = {"model": "gpt-4.1", "input": "E? [[tokens=20]]", "previous_response_id": remembered}
        answer = await http.post("/v1/responses", json=long, headers=who.headers)
        assert answer.json()["usage"]["input_tokens"] > 200_000
        await ledger.all_closed()
        settled = consumed()
        assert await paid(who) == settled
        more = long | {
            "previous_response_id": answer.json()["id"],
            "input": "Continue. [[tokens=2000 rate=100]]",
            "stream": True,
        }
        await stop_stream(http, who, "/v1/responses", more, 2.0)
    await ledger.all_closed()
    real, estimated = consumed() - settled, await paid(who) - settled
    assert real > 0
    assert abs(estimated - real) <= real // 10, f"estimated {estimated}, real {real}"


@pytest.mark.parametrize("metadata", [{"tags": "x"}, {"tags": [1]}, {}])
async def test_report_that_litellm_never_made_is_settled_at_the_tier_that_answered(
    stack: Stack,
    person: NewPerson,
    paid: Paid,
    consumed: Callable[[], int],
    ledger: Ledger,
    metadata: dict[str, object],
) -> None:
    """A body that breaks LiteLLM's own report must not make priority cheap."""
    who = await person(5 * USD)
    request = {
        "model": "gpt-5",
        "service_tier": "priority",
        "metadata": metadata,
        "messages": [{"role": "user", "content": "oi [[tokens=50 reasoning=200]]"}],
    }
    async with httpx.AsyncClient(base_url=stack.envoy_url, timeout=60) as http:
        answer = await http.post("/v1/chat/completions", json=request, headers=who.headers)
    assert answer.status_code == 200, answer.text
    await ledger.all_closed()
    assert await paid(who) == consumed() > 0
