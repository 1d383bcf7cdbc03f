"""Members of a pool while Postgres is away, with real replicas: on within the pool's allowance, paid by the pool."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from accounting.audit.auditor import Auditor
from accounting.relay import relay_of
from credit.mirror import Mirror
from credit.token import Claims
from tests.books import a_record, an_event
from tests.integration.doors import (
    WANT,
    Wire,
    claims_of,
    new_id,
    open_for_business,
    refusal_of,
    until,
)
from tests.integration.outage import CAP, Watched, running_redis
from tests.integration.rules_scene import Team

CREDIT = 100_000_000
UNAVAILABLE = (503, "enforcement_unavailable")
# A replica has asked who pays for those who called, and then what these have.
LEARNED = """
    SELECT EXISTS (SELECT FROM pg_stat_activity AS s WHERE s.application_name = 'pedagio-authz'
                   AND s.query LIKE '%a.id = ANY($1::bigint[])%' AND s.state = 'idle')"""
# The pulse after it: a replica begins it only when it knows what it was told before.
PULSED = """
    SELECT EXISTS (SELECT FROM pg_stat_activity AS s WHERE s.application_name LIKE 'pedagio-authz%'
                   AND s.query LIKE '%AS writable%' AND s.query_start > $1)"""
PLACED = """
    SELECT h.account_id, h.person_id, h.granted, h.caps FROM hold AS h WHERE h.placed_by = 'bounded' AND h.id = $1"""


@pytest.fixture
async def team(pool: asyncpg.Pool) -> Team:
    """A ledger in enforce with Maria and Jose on it, without credit of their own."""
    await open_for_business(pool)
    team = Team(pool)
    for name in ("maria", "jose"):
        await team.account(0, name)
    return team


@pytest.fixture
async def wire(database_url: str) -> AsyncIterator[Wire]:
    """The way to Postgres, whole until it is cut."""
    wire = Wire(database_url)
    await wire.mend()
    yield wire
    await wire.cut()


async def members(team: Team) -> list[int]:
    """Maria and Jose."""
    rows = await team.pool.fetch("SELECT id FROM account WHERE kind = 'user' ORDER BY id")
    return [row["id"] for row in rows]


async def crowd(authz: Watched, calls: int = 6) -> dict[str, tuple[str, Claims]]:
    """Both ask so often at once; whose call each allowed hold is. Who is refused gets 503, never 402."""
    asked = [(new_id(), name) for _ in range(calls) for name in ("maria", "jose")]
    answers = await asyncio.gather(*(authz.ask(one, x_user_id=name) for one, name in asked))
    refused = {refusal_of(answer) for answer in answers if answer.status.code}
    assert refused <= {UNAVAILABLE}
    return {
        one: (name, claims_of(answer))
        for (one, name), answer in zip(asked, answers, strict=True)
        if not answer.status.code
    }


async def check_placed(
    team: Team, shared: int, allowed: dict[str, tuple[str, Claims]], caps: list[int]
) -> None:
    """Each is the pool's, filed under its person, under the caps; its report debits the pool once."""
    people = dict(zip(("maria", "jose"), await members(team), strict=True))
    before = (await team.figures(shared)).posted
    for hold_id, (name, claims) in allowed.items():
        assert claims.account == str(people[name])
        row = await team.pool.fetchrow(PLACED, hold_id)
        assert row is not None
        assert tuple(row) == (shared, people[name], claims.granted, caps)
        await team.report([a_record(hold_id, people[name])], [an_event(hold_id, 1_000)])
        assert await team.close(hold_id) == 1_000
    assert (await team.figures(shared)).posted == before - 1_000 * len(allowed)
    for person in people.values():
        assert (await team.figures(person)).posted == 0
    await team.check_rules()
    assert not (await Auditor(team.pool).run_everything()).violations


async def test_members_go_on_together_up_to_the_cap_of_their_pool(
    team: Team, wire: Wire, tmp_path: Path
) -> None:
    """Without Redis, from what the replica saw: one allowance for both; then the pool holds and pays it all."""
    people = await members(team)
    shared = await team.open_pool("TI", CREDIT, people)
    cap = await team.set_cap(None, CREDIT)
    async with Watched(tmp_path, wire) as authz:
        for name in ("maria", "jose"):
            claims_of(await authz.ask(new_id(), x_user_id=name))
        before = (await team.figures(shared)).held
        await wire.cut()
        await authz.until_state("bounded")
        allowed = await crowd(authz)
        assert 3 <= len(allowed) < 12
        granted = sum(claims.granted for _, claims in allowed.values())
        assert CAP - WANT < granted <= CAP
        again, (name, claims) = next(iter(allowed.items()))
        assert claims_of(await authz.ask(again, x_user_id=name)).granted == claims.granted
        await wire.mend()
        await authz.until_state("connected")
        assert (await team.figures(shared)).held == before + granted
        await check_placed(team, shared, allowed, [cap])
        # The next outage begins where this one ended: the ledger decides again, and says what is left.
        assert claims_of(await authz.ask(new_id(), x_user_id="jose")).granted == WANT


async def test_members_whom_a_replica_never_met_go_on_by_the_mirror(
    team: Team, wire: Wire, tmp_path: Path
) -> None:
    """The mirror knows whose team it is, what it has, which cap leaves less; each replica has its allowance."""
    people = await members(team)
    shared = await team.open_pool("TI", CREDIT, people)
    none_left = await team.set_cap(people[1], 1)
    async with (
        running_redis(tmp_path) as (redis, url),
        Mirror(url, within_s=2.0) as mirror,
        Watched(tmp_path, wire, "authz-1", redis_url=url) as first,
        Watched(
            tmp_path, wire, "authz-2", redis_url=url, bounded_dir=str(tmp_path / "2")
        ) as second,
    ):
        await relay_of(team.pool, mirror).round()
        await wire.cut()
        allowed: dict[str, tuple[str, Claims]] = {}
        for authz in (first, second):
            await authz.until_state("bounded")
            some = await crowd(authz)
            assert {name for name, _ in some.values()} == {"maria"}
            assert CAP - WANT < sum(claims.granted for _, claims in some.values()) <= CAP
            allowed |= some
        await redis.kill()
        assert refusal_of(await first.ask(new_id())) == UNAVAILABLE
        await wire.mend()
        for authz in (first, second):
            await authz.until_state("connected")
        assert (await team.figures(none_left)).held == 0
        await check_placed(team, shared, allowed, [])


async def test_pool_that_paid_nothing_so_far_pays_when_the_own_credit_is_short(
    team: Team, wire: Wire, tmp_path: Path
) -> None:
    """No answer named it: the replica asked the ledger in a quiet moment who pays for whoever calls."""
    maria, _ = await members(team)
    await team.give(maria, 2 * WANT)
    shared = await team.open_pool("TI", CREDIT, [maria])
    async with Watched(tmp_path, wire) as authz:
        claims_of(await authz.ask(new_id()))
        assert (await team.figures(shared)).held == 0

        async def learned() -> bool:
            return bool(await team.pool.fetchval(LEARNED))

        await until(learned)
        asked_at = await team.pool.fetchval("SELECT clock_timestamp()")

        async def pulsed() -> bool:
            return bool(await team.pool.fetchval(PULSED, asked_at))

        await until(pulsed)
        await wire.cut()
        await authz.until_state("bounded")
        ids = [new_id() for _ in range(3)]
        granted = [claims_of(await authz.ask(one)).granted for one in ids]
        await wire.mend()
        await authz.until_state("connected")
        payers = [
            await team.pool.fetchval("SELECT account_id FROM hold WHERE id = $1", one)
            for one in ids
        ]
        assert payers == [maria, shared, shared]
        assert (await team.figures(shared)).held == sum(granted[1:])
        assert (await team.figures(maria)).held == WANT + granted[0]
        await team.check_rules()


async def test_outages_one_after_another_grant_a_pools_credit_once(
    team: Team, wire: Wire, tmp_path: Path
) -> None:
    """What both members were granted is known of the pool in the next outage; a new process knows it too."""
    shared = await team.open_pool("TI", 5 * WANT, await members(team))
    async with Watched(tmp_path, wire) as authz:
        for name in ("maria", "jose"):
            claims_of(await authz.ask(new_id(), x_user_id=name))
        for outage in range(3):
            await wire.cut()
            await authz.until_state("bounded")
            allowed = await crowd(authz, 3)
            assert outage == 0 or not allowed
            if outage == 1:
                await authz.child.kill()
                restarting = asyncio.create_task(authz.child.start())
                await wire.mend()
                await restarting
            else:
                await wire.mend()
            await authz.until_state("connected")
            figures = await team.figures(shared)
            assert 2 * WANT < figures.held <= figures.posted
