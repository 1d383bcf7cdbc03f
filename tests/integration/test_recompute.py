"""Stored decisions decided again: each follows from what was stored with it."""

import asyncio
import uuid

import asyncpg

from accounting.audit.placements import check_placements
from accounting.audit.refusals import check_refusals
from accounting.audit.scope import everything
from accounting.reports import recompute, statements
from credit import ledger
from credit.refusal import Reason
from tests.integration.admin_service import Service
from tests.integration.doors import open_for_business
from tests.integration.refusal_scene import OWN, PER_REASON, Crowd
from tests.integration.test_admin_cli import in_json

REFUSALS = 1_000
DECISIONS = 10_000
BOUND_S = 30.0
SETTLED_S = 5.5
WHY = ("--reason", "test")
# Whatever the ledger or the door may store; a key that is unknown is not written down.
STORED = {reason.value for reason in Reason} - {"unknown_key"}


async def test_explained_refusals_all_recompute_from_their_stored_inputs(
    pool: asyncpg.Pool,
) -> None:
    """A thousand refusals for every reason there is: `pedagio explain` agrees with each."""
    await open_for_business(pool)
    crowd = Crowd(pool)
    await crowd.gather(seed=1)
    await crowd.turn_away(PER_REASON)
    await crowd.suspend(crowd.people[-1])
    while await pool.fetchval("SELECT count(*) FROM decision") < REFUSALS:
        answers = await crowd.ask(shadow=crowd.rng.random() < 0.3)
        await crowd.extend_some(answers)
        await crowd.end_some(answers, part=crowd.rng.choice((0.9, 1.0)))
        await crowd.give(crowd.rng.choice(crowd.people), 5_000)
    rows = await pool.fetch("SELECT hold_id, reason FROM decision")
    wrong = []
    for row in rows:
        (found,) = await recompute.recompute(pool, str(row["hold_id"]))
        if found.verdict != recompute.AGREES:
            wrong.append((row["reason"], found.sentence))
    assert wrong == []
    assert len(rows) >= REFUSALS
    assert {row["reason"] for row in rows} >= STORED


async def test_recorded_decisions_all_give_the_stored_verdict_again(pool: asyncpg.Pool) -> None:
    """Ten thousand placements and refusals, would-be ones too, by the rule of credit/grant.py."""
    await open_for_business(pool)
    crowd = Crowd(pool)
    await crowd.gather(seed=2, people=60)
    count = 0
    while count < DECISIONS:
        answers = await crowd.ask(250, shadow=crowd.rng.random() < 0.5)
        count += len(answers)
        await crowd.end_some(answers, part=0.2)
        for person in crowd.rng.sample(list(crowd.people), 10):
            await crowd.give(person, 40_000)
    async with pool.acquire() as connection, connection.transaction():
        refused = await check_refusals(connection, everything(), BOUND_S)
        placed = await check_placements(connection, everything(), BOUND_S)
    assert [*refused.violations, *placed.violations] == []
    assert refused.checked + placed.checked >= DECISIONS
    assert min(refused.checked, placed.checked) >= DECISIONS // 10


async def test_extension_refused_to_somebody_suspended_meanwhile_recomputes(
    pool: asyncpg.Pool,
) -> None:
    """The pool that pays is active: it is the person who is not. A person who was active is a false reason."""
    await open_for_business(pool)
    crowd = Crowd(pool)
    await crowd.gather(seed=3)
    maria = crowd.people[1]
    hold_id, placed = await crowd.place(maria, 2 * OWN, 2 * OWN, OWN + 1)
    assert placed.payer != maria
    await crowd.suspend(maria)
    extended = await ledger.extend_hold(pool, hold_id, 20 * OWN, 20 * OWN)
    assert extended.reason == "account_suspended"
    (found,) = await recompute.recompute(pool, hold_id)
    assert found.verdict == recompute.AGREES
    async with pool.acquire() as connection:
        judged = await check_refusals(connection, everything(), BOUND_S)
        assert (judged.checked, judged.violations) == (1, ())
        await connection.execute("SET session_replication_role = replica")
        await connection.execute("UPDATE account_history SET status = 'active'")
        judged = await check_refusals(connection, everything(), BOUND_S)
    assert [each.detail for each in judged.violations] == ["the account was not suspended"]


async def test_refusal_by_a_plan_is_decided_again_by_the_plan_of_then(admin: Service) -> None:
    """Whoever changed the plan since: the audit says which one it was, the policies which they were."""
    await admin.create_client()
    account = await admin.open_account()
    for plan, models in (("gold", '["mini"]'), ("free", '["*"]')):
        await in_json(admin, "plan", "put", plan, "--allowance", "US$5", *WHY)
        words = ("policy", "set", f"plan:{plan}", "--set", f"models={models}", *WHY)
        await in_json(admin, *words)
    await in_json(admin, "plan", "assign", "gold", "chat", "maria", *WHY)
    # A refusal some seconds later: until then replicas may have known what was before.
    await asyncio.sleep(SETTLED_S)
    hold_id = str(uuid.uuid4())
    await ledger.write(
        admin.pool, "record_decision", hold_id=hold_id, account_id=account.id, client_id="chat",
        kind="refuse", reason="model_not_allowed", model="gpt-4o", detail="gpt-4o",
    )  # fmt: skip
    await in_json(admin, "plan", "assign", "free", "chat", "maria", "--now", *WHY)
    (found,) = await recompute.recompute(admin.pool, hold_id)
    assert found.verdict == recompute.AGREES


async def test_statements_of_the_reports_are_all_prepared_by_postgres(pool: asyncpg.Pool) -> None:
    """Every statement fits the schema, also those that no test happens to run."""
    async with pool.acquire() as connection:
        for text in statements.available().values():
            await connection.prepare(text)
