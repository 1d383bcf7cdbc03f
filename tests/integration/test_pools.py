"""Pools on the real ledger, with caps: one decision over all of them, all or nothing."""

import asyncio
import itertools
import random
from dataclasses import replace

import asyncpg
import pytest

from accounting.audit.auditor import Auditor
from credit import ledger
from tests.books import a_place
from tests.integration.rules_scene import Team, place_sizes, random_sizes, verdict_of


async def test_person_without_own_credit_draws_on_the_pool(pool: asyncpg.Pool) -> None:
    """The pool pays, the person's own account is untouched, and the hold says whose call it is."""
    team = Team(pool)
    maria = await team.account(0)
    shared = await team.open_pool("TI", 1_000, [maria])
    hold_id, placed = await team.place(maria, 300)
    assert (placed.result, placed.payer, placed.granted_nanos) == ("placed", shared, 300)
    await team.charge(hold_id, shared, 200)
    assert (await team.figures(shared)).posted == 800
    assert (await team.figures(maria)).posted == 0
    row = await pool.fetchrow("SELECT account_id, person_id FROM hold WHERE id = $1", hold_id)
    assert row is not None
    assert tuple(row) == (shared, maria)
    await team.check_rules()


async def test_own_credit_near_its_end_shortens_no_answer_while_the_pool_is_full(
    pool: asyncpg.Pool,
) -> None:
    """Own first, but only where it gives what such a call needs; its rest is spent when the pool is empty."""
    team = Team(pool)
    maria = await team.account(100)
    shared = await team.open_pool("TI", 1_000, [maria])
    _, usual = await team.place(maria, 400, 400, 10)
    assert (usual.payer, usual.granted_nanos) == (shared, 400)
    _, rest = await team.place(maria, 600, 600, 10)
    assert rest.payer == shared
    _, last = await team.place(maria, 400, 400, 10)
    assert (last.payer, last.granted_nanos) == (maria, 50)


@pytest.mark.parametrize("order", list(itertools.permutations(("own", "pool", "cap"))))
async def test_exhausted_in_every_order_blocks_exactly_when_the_rule_says(
    pool: asyncpg.Pool, order: tuple[str, ...]
) -> None:
    """Own credit, pool and cap end one after the other: blocked when the cap ends, or both payers have."""
    team = Team(pool)
    maria = await team.account(100)
    shared = await team.open_pool("TI", 100, [maria])
    await team.set_cap(maria, 1_000)
    gone: set[str] = set()
    for what in order:
        gone.add(what)
        if what == "cap":
            await team.set_cap(maria, 1)
        else:
            account = maria if what == "own" else shared
            await pool.execute(
                "SELECT revoke_grant(g.id, 'test', 'ends') FROM credit_grant AS g WHERE g.account_id = $1",
                account,
            )
        hold_id, placed = await team.place(maria, 10)
        blocked = "cap" in gone or {"own", "pool"} <= gone
        assert (placed.result == "refused") == blocked, (gone, placed)
        if not blocked:
            assert placed.payer == (shared if "own" in gone else maria)
            await team.close(hold_id, "released", "no_upstream")
        else:
            expected = "pool_exhausted" if {"own", "pool"} <= gone else "cap_reached"
            assert placed.reason == expected


async def test_cap_reached_names_itself(pool: asyncpg.Pool) -> None:
    """The credit is there, the limit of the day is spent."""
    team = Team(pool)
    maria = await team.account(10_000)
    await team.set_cap(maria, 300, period="day")
    hold_id, placed = await team.place(maria, 200)
    await team.charge(hold_id, maria, 200)
    await team.close(hold_id, "captured", "complete")
    _, refused = await team.place(maria, 200)
    assert (placed.result, refused.result, refused.reason) == ("placed", "refused", "cap_reached")
    assert refused.others is not None
    assert [(each["role"], each["posted"]) for each in refused.others] == [("cap", 100)]
    await team.check_rules()


async def test_too_many_open_holds_are_credit_in_flight(pool: asyncpg.Pool) -> None:
    """A person's policy bounds the calls at once; the next one is told to wait, not that credit is short."""
    team = Team(pool)
    maria = await team.account(10_000)
    asked = [a_place(maria, 10) for _ in range(3)]
    limited = [replace(each, max_open_holds=2) for each in asked]
    answers = await ledger.place_batch(pool, limited, 2100)
    results = [(answers[each.hold_id].result, answers[each.hold_id].reason) for each in asked]
    assert results == [("placed", None), ("placed", None), ("refused", "credit_in_flight")]
    assert await _violations(pool) == []


async def test_suspended_pool_pays_for_nobody(pool: asyncpg.Pool) -> None:
    """It is skipped; who has nothing else is refused."""
    team = Team(pool)
    maria = await team.account(0)
    shared = await team.open_pool("TI", 1_000, [maria])
    await pool.execute(
        "UPDATE account SET status = 'suspended', version = version + 1 WHERE id = $1", shared
    )
    _, refused = await team.place(maria, 10)
    assert (refused.result, refused.reason) == ("refused", "pool_exhausted")


async def test_decision_over_pools_and_caps_equals_the_python_rule(pool: asyncpg.Pool) -> None:
    """Random teams in random states: payer, amount and reason are those of credit/grant.py, and all recompute."""
    team, rng = Team(pool), random.Random(11)
    people = [await team.account(rng.randint(0, 400), f"person-{n}") for n in range(6)]
    pools = [await team.open_pool(f"pool-{n}", rng.randint(0, 2_000)) for n in range(2)]
    for person in people[1:]:
        for position, shared in enumerate(rng.sample(pools, rng.randint(0, 2))):
            await pool.execute(
                "INSERT INTO pool_member (account_id, pool_id, position) VALUES ($1, $2, $3)",
                person, shared, position,
            )  # fmt: skip
    await team.set_cap(None, 6_000)
    await team.set_cap(people[1], 500)
    await team.set_cap(people[2], 300, period="day")
    await team.set_cap(people[3], 200, pool_id=pools[0])
    await pool.execute(
        "UPDATE account SET pool_first = true WHERE id = ANY($1)", [people[2], people[4]]
    )
    seen: set[str | None] = set()
    open_holds: list[str] = []
    for _ in range(600):
        person, sizes = rng.choice(people), random_sizes(rng, rng.choice((50, 500, 3_000)))
        expected = await team.expected(person, sizes)
        hold_id, placed = await place_sizes(team, person, sizes)
        assert verdict_of(placed) == expected
        seen.add(placed.reason)
        if placed.result == "placed":
            open_holds.append(hold_id)
        if len(open_holds) > 5:
            ended = open_holds.pop(rng.randrange(len(open_holds)))
            await _end(team, ended, rng)
        if rng.random() < 0.1:
            await team.give(rng.choice([*people, *pools]), rng.randint(1, 400))
    assert seen == {
        None,
        "insufficient_credit",
        "pool_exhausted",
        "cap_reached",
        "credit_in_flight",
    }
    await team.check_rules()
    assert await _violations(pool) == []


async def test_concurrent_calls_of_a_team_never_exceed_the_pool(pool: asyncpg.Pool) -> None:
    """20 members, 160 calls at once in crossing batches: what is held is never more than the pool has."""
    team = Team(pool)
    people = [await team.account(0, f"person-{n}") for n in range(20)]
    shared = await team.open_pool("TI", 1_000, people)
    await team.set_cap(None, 900)
    rng = random.Random(3)
    batches = [[a_place(rng.choice(people), 30) for _ in range(8)] for _ in range(20)]
    answers = await asyncio.gather(*(ledger.place_batch(pool, b, 2100) for b in batches))
    granted = sum(each.granted_nanos for batch in answers for each in batch.values())
    assert granted == (await team.figures(shared)).held == 900
    await team.check_rules()
    assert await _violations(pool) == []


async def _end(team: Team, hold_id: str, rng: random.Random) -> None:
    """Debited, settled, or released; now and then an extension before."""
    if rng.random() < 0.3:
        await ledger.extend_hold(team.pool, hold_id, rng.randint(0, 600), rng.randint(0, 200))
    payer = await team.pool.fetchval("SELECT account_id FROM hold WHERE id = $1", hold_id)
    if rng.random() < 0.6:
        await team.charge(hold_id, payer, rng.randint(0, 300))
        await team.close(hold_id, "captured", "complete")
    else:
        await team.close(hold_id, "settled", "report_missing", rng.randint(0, 200))
        await team.charge(hold_id, payer, rng.randint(0, 200))


async def _violations(pool: asyncpg.Pool) -> list[str]:
    report = await Auditor(pool).run_everything()
    return [f"{each.invariant}: {each.subject}: {each.detail}" for each in report.violations]
