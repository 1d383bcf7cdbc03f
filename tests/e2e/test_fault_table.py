"""Rows of the fault table (protocol.md 7) with the real system: Postgres, accounting, Envoy die in mid-traffic."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable

import asyncpg
import httpx
import pytest

from local.stack import Stack
from local.story.chat import Person
from local.story.ledger import Ledger
from tests.e2e.test_aborted import body as long_stream
from tests.e2e.traffic import Reckoning, Traffic, send
from tests.integration.pair import signal_all

USD = 10**9
CREDIT = 100 * USD
# Postgres replays its log and every pool connects again, on a machine that does other things, too.
RECOVERY_BOUND_S = 15.0
# Envoy asks twice, 0.45 s each; a call that is inside already may wait for an extension (0.3 s).
ANSWER_BOUND_S = 6.0
# What a person may be told: the answer, or the typed refusal; a cut connection only where Envoy dies.
SERVED_OR_TOLD = {200, 503}
FROZEN_S = 3.0
ACCOUNTING_KILLS = 5
STREAMS = 6

NewPerson = Callable[..., Awaitable[Person]]
Paid = Callable[[Person], Awaitable[int]]
Eventually = Callable[..., Awaitable[None]]

IN_PLACEMENT = """
    SELECT pid FROM pg_stat_activity
    WHERE application_name = 'pedagio-authz' AND wait_event_type = 'Lock' AND query LIKE '%place_batch%'"""
LOCK = "SELECT id FROM account WHERE external_id = $1 FOR UPDATE"


async def test_backend_killed_in_mid_placement_is_refused_in_words_and_recovers(
    stack: Stack, person: NewPerson, eventually: Eventually, reckoning: Reckoning
) -> None:
    """Kill -9 of the one process that places a hold: Postgres restarts all; nothing is lost or held twice."""
    who = await person(CREDIT)
    locker = await asyncpg.connect(stack.database_url)
    async with httpx.AsyncClient(base_url=stack.envoy_url, timeout=30) as http:
        await locker.execute("BEGIN")
        await locker.fetch(LOCK, who.name)
        caught = asyncio.create_task(send(http, who, 0))
        watcher = await asyncpg.connect(stack.database_url)

        async def placing() -> bool:
            return bool(await watcher.fetch(IN_PLACEMENT))

        await eventually(placing, "authz is placing the hold")
        (victim, *_) = await watcher.fetch(IN_PLACEMENT)
        os.kill(victim["pid"], signal.SIGKILL)
        answer = await caught
    for connection in (watcher, locker):
        connection.terminate()
    assert answer.status in SERVED_OR_TOLD
    assert answer.took_s < ANSWER_BOUND_S
    async with Traffic(stack, who) as traffic:
        await traffic.more(20, RECOVERY_BOUND_S)
    await reckoning.settle(who, CREDIT, [answer, *traffic.answers])


@pytest.mark.parametrize("how", ["killed", "restarted", "frozen"])
async def test_postgres_under_traffic_comes_back_without_help(
    stack: Stack, person: NewPerson, reckoning: Reckoning, how: str
) -> None:
    """Killed, restarted or silent for a while: every call is answered or refused in words, within its bound."""
    who = await person(CREDIT)
    postgres = stack.children["postgres"]
    async with Traffic(stack, who) as traffic:
        await traffic.more(20, RECOVERY_BOUND_S)
        if how == "killed":
            await postgres.kill()
            await postgres.start()
        elif how == "restarted":
            await postgres.restart()
        else:
            signal_all(postgres, signal.SIGSTOP)
            try:
                await asyncio.sleep(FROZEN_S)
            finally:
                signal_all(postgres, signal.SIGCONT)
        recovered_s = await traffic.more(20, RECOVERY_BOUND_S)
        await traffic.more(40, RECOVERY_BOUND_S)
    assert recovered_s < RECOVERY_BOUND_S
    assert {answer.status for answer in traffic.answers} <= SERVED_OR_TOLD
    assert max(answer.took_s for answer in traffic.answers) < ANSWER_BOUND_S
    await reckoning.settle(who, CREDIT, traffic.answers)


async def test_accounting_killed_at_any_point_loses_no_debit(
    stack: Stack, person: NewPerson, reckoning: Reckoning
) -> None:
    """Five kills at drawn moments of one stretch of traffic: who got no 2xx sends again, the key keeps it one."""
    who = await person(CREDIT)
    draw = random.Random(5)
    accounting = stack.children["accounting"]
    async with Traffic(stack, who) as traffic:
        for _ in range(ACCOUNTING_KILLS):
            await traffic.more(draw.randint(1, 12), RECOVERY_BOUND_S)
            await accounting.kill()
            await traffic.more(draw.randint(0, 4), RECOVERY_BOUND_S)
            await accounting.start()
        await traffic.more(10, RECOVERY_BOUND_S)
    assert {answer.status for answer in traffic.answers} <= SERVED_OR_TOLD
    await reckoning.settle(who, CREDIT, traffic.answers)


async def test_envoy_killed_in_mid_stream_charges_what_was_consumed(
    stack: Stack,
    person: NewPerson,
    ledger: Ledger,
    paid: Paid,
    consumed: Callable[[], int],
) -> None:
    """The streams are cut; LiteLLM's own records close their calls, near what the provider generated."""
    who = await person(CREDIT)
    envoy = stack.children["envoy"]
    async with httpx.AsyncClient(base_url=stack.envoy_url, timeout=30) as http:
        flowing = [asyncio.Event() for _ in range(STREAMS)]
        streams = [
            asyncio.create_task(_read_until_cut(http, who, number, event))
            for number, event in enumerate(flowing)
        ]
        async with asyncio.timeout(RECOVERY_BOUND_S):
            await asyncio.gather(*(event.wait() for event in flowing))
        await envoy.kill()
        killed_s = time.monotonic()
        assert await asyncio.gather(*streams) == [True] * STREAMS
        await envoy.start()
        await ledger.all_closed()
        assert time.monotonic() - killed_s < RECOVERY_BOUND_S
        # Estimates, since nobody saw the end: within a tenth of the truth (test_aborted.py).
        assert 0 < await paid(who) <= consumed() * 11 // 10
        assert (await send(http, who, 0)).status == 200
    await ledger.all_closed()


async def _read_until_cut(
    http: httpx.AsyncClient, who: Person, number: int, flowing: asyncio.Event
) -> bool:
    """Read a stream that would go on for long; whether it was cut."""
    request = long_stream(2 * number)  # the even ones do not reason
    try:
        async with http.stream(
            "POST", "/v1/chat/completions", json=request, headers=who.headers
        ) as answer:
            async for _ in answer.aiter_raw():
                flowing.set()
    except httpx.HTTPError:
        return True
    return False
