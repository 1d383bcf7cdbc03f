"""Advances on the next allowance: had once, paid once, whatever happens in between; no credit is made or lost."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounting.admin.request_rules import ADVANCES_PER_PERIOD
from accounting.audit.auditor import Auditor
from protos.pedagio.v1 import plans_pb2
from protos.pedagio.v1 import requests_pb2 as pb
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.integration.admin_service import USD, Service
from tests.integration.request_scene import (
    MARIA,
    a_plan,
    ask,
    asking,
    later,
    office,
    outcomes,
    refused,
    rules,
    submit,
)
from tests.integration.rules_scene import DECEMBER, Team

HALF = '{"requests": {"advance": {"percent": 50}}}'
NEXT = "SELECT next_allowance(a, p) FROM account AS a JOIN plan AS p ON p.id = a.plan_id WHERE a.id = $1"
OUTSTANDING = """
    SELECT a.id, a.advanced, coalesce(sum(e.amount), 0)::bigint AS entries FROM account AS a
    LEFT JOIN advance_entry AS e ON e.account_id = a.id GROUP BY a.id HAVING a.advanced <> coalesce(sum(e.amount), 0)"""
ADVANCES = "SELECT grant_id FROM advance_entry WHERE account_id = $1 AND kind = 'taken' ORDER BY id"


async def credit(admin: Service) -> plans_pb2.Credit:
    """What Maria has, and what comes next."""
    holder = plans_pb2.Holder(account=MARIA)
    found: plans_pb2.Credit = await admin.ask("GetCredit", holder, stub=PlanServiceStub)
    return found


async def advance(team: Team, account: int, nanos: int) -> None:
    """As a request does it."""
    async with team.pool.acquire() as connection, connection.transaction():
        made = await connection.fetchval(
            "SELECT o_grant_id FROM grant_credit($1, $2, 'request', 100, NULL, NULL, 'policy', NULL, NULL)",
            account, nanos,
        )  # fmt: skip
        await connection.execute("SELECT take_advance($1, $2, $3)", account, made, nanos)


async def test_advance_is_had_now_and_missing_from_the_next_allowance_once(admin: Service) -> None:
    """Of ten, four now: the next is six, the one after it ten again."""
    await office(admin)
    await a_plan(admin, whole_first_period=True)
    await rules(admin, HALF)
    terms = await ask(admin, "GetRequestTerms", MARIA)
    assert (terms.advance_nanos, terms.next_allowance_nanos) == (5 * USD, 10 * USD)
    made = await submit(admin, 4 * USD, advance=True)
    assert (made.state, made.by_policy, made.advance) == ("approved", True, True)
    found = await credit(admin)
    assert (found.posted_nanos, found.next_nanos) == (14 * USD, 6 * USD)
    terms = await ask(admin, "GetRequestTerms", MARIA)
    assert (terms.advance_nanos, terms.next_allowance_nanos, terms.asked) == (USD, 6 * USD, 0)
    # It lasts as long as the allowance that it is part of.
    for hours, posted, coming in ((32 * 24, 10 * USD, 10 * USD), (63 * 24, 10 * USD, 10 * USD)):
        await later(admin, hours)
        found = await credit(admin)
        assert (found.posted_nanos, found.next_nanos) == (posted, coming)
    allowances = "SELECT amount FROM credit_grant WHERE source = 'plan' ORDER BY id"
    assert [row[0] for row in await admin.pool.fetch(allowances)] == [10 * USD, 6 * USD, 10 * USD]
    assert await admin.pool.fetch(OUTSTANDING) == []


async def test_advance_of_somebody_away_is_paid_by_the_next_allowance(admin: Service) -> None:
    """Whoever comes back after four months owes nothing any more: an allowance unseen has paid."""
    await office(admin)
    await a_plan(admin, whole_first_period=True)
    await rules(admin, HALF)
    await submit(admin, 5 * USD, advance=True)
    await later(admin, 24 * 125)
    found = await credit(admin)
    assert (found.posted_nanos, found.next_nanos) == (10 * USD, 10 * USD)


async def test_advances_at_once_stay_within_the_policy(admin: Service) -> None:
    """Twenty ask for a dollar each of five: five get it."""
    await office(admin)
    await a_plan(admin, whole_first_period=True)
    await rules(admin, HALF)
    said = await outcomes(*(submit(admin, USD, f"r{n}", advance=True) for n in range(20)))
    assert (said.count("OK"), said.count("INVALID_ARGUMENT")) == (5, 15)
    assert (await credit(admin)).next_nanos == 5 * USD
    status, sentence = await refused(admin, "SubmitRequest", asking(USD, "x", advance=True))
    assert status == "INVALID_ARGUMENT"
    assert "must not be above US$0.00 of the next allowance; US$5.00 was had already" in sentence


async def test_revoked_advance_that_no_allowance_paid_is_none(admin: Service) -> None:
    """What is taken back is not deducted; what was spent of it is."""
    await office(admin)
    await a_plan(admin, whole_first_period=True)
    await rules(admin, HALF)
    made = await submit(admin, 4 * USD, advance=True)
    account = await admin.pool.fetchval("SELECT id FROM account WHERE external_id = 'maria'")
    await admin.close(await admin.place(account, 11 * USD), 11 * USD)
    request = plans_pb2.RevokeGrantRequest(grant_id=made.grant_id, reason="r")
    await admin.ask("RevokeGrant", request, stub=PlanServiceStub)
    found = await credit(admin)
    assert (found.posted_nanos, found.next_nanos) == (0, 9 * USD)
    assert await admin.pool.fetch(OUTSTANDING) == []


@pytest.mark.parametrize(
    ("body", "most"), [('"percent": 0', 0), ('"amount": "US$30"', 10), ('"amount": "US$2"', 2)]
)
async def test_most_of_an_advance_is_the_policys(admin: Service, body: str, most: int) -> None:
    """An amount never exceeds the allowance itself."""
    await office(admin)
    await a_plan(admin, whole_first_period=True)
    await rules(admin, f'{{"requests": {{"advance": {{{body}}}}}}}')
    assert (await ask(admin, "GetRequestTerms", MARIA)).advance_nanos == most * USD
    status, _ = await refused(admin, "SubmitRequest", asking(most * USD + 1, advance=True))
    assert status == "INVALID_ARGUMENT"


@pytest.mark.parametrize("seed", range(6))
async def test_advances_make_and_lose_nothing(team: Team, seed: int) -> None:
    """Against a twin who never had one: the difference is what no allowance has paid yet, after each step.

    Nothing expires here (all rolls over), so both are compared to the nano, through changes of plan,
    months unseen, and what is revoked.
    """
    rng = random.Random(seed)
    await team.add_plan("small", 1_000, rollover="all", prorate=True)
    await team.add_plan("large", 2_700, rollover="all", prorate=True)
    maria, twin = await team.account(0, "maria"), await team.account(0, "twin")
    at = datetime(2026, 1, 5, tzinfo=UTC)
    taken_back = 0
    for _ in range(60):
        await team.set_clock(at)
        for account in (maria, twin):
            await team.settle(account)
        taken_back += await _act(team, rng, maria, twin)
        mine, others = await team.figures(maria), await team.figures(twin)
        owed = await team.pool.fetchval("SELECT advanced FROM account WHERE id = $1", maria)
        assert mine.posted == others.posted + owed - taken_back
        assert await team.pool.fetch(OUTSTANDING) == []
        at += timedelta(days=rng.choice((1, 9, 30, 75)))
    assert len(await team.pool.fetch(ADVANCES, maria)) > 5
    await team.check_rules()
    assert list((await Auditor(team.pool).run_everything()).violations) == []


async def _act(team: Team, rng: random.Random, maria: int, twin: int) -> int:
    """One of what may happen; what was taken back of an advance that was paid already."""
    what = rng.randrange(4)
    if what == 0:
        plan, now = rng.choice(("small", "large", None)), rng.random() < 0.5
        for account in (maria, twin):
            await team.assign(account, plan, now=now)
    elif what == 3:
        return await _revoke(team, rng, maria)
    else:
        most = await team.pool.fetchval(NEXT, maria)
        if most:
            await advance(team, maria, rng.randint(1, most))
    return 0


async def _revoke(team: Team, rng: random.Random, maria: int) -> int:
    made = [row["grant_id"] for row in await team.pool.fetch(ADVANCES, maria)]
    if not made:
        return 0
    owed = "SELECT advanced FROM account WHERE id = $1"
    before = await team.pool.fetchval(owed, maria)
    revoke = "SELECT o_amount FROM revoke_grant($1, 'test', 'r')"
    amount = await team.pool.fetchval(revoke, rng.choice(made[-3:]))
    return int(amount or 0) - int(before - await team.pool.fetchval(owed, maria))


async def test_allowances_that_expire_are_smaller_by_what_was_had(team: Team) -> None:
    """Two years, seen at any time: each nano that was had is deducted once, never from two allowances."""
    rng = random.Random(9)
    await team.add_plan("team", 1_000)
    maria = await team.account(0)
    await team.assign(maria, "team")
    at = datetime(2026, 12, 1, 12, tzinfo=UTC)
    had = 0
    for _ in range(40):
        await team.set_clock(at)
        await team.settle(maria)
        left = await team.pool.fetchval(NEXT, maria)
        part = rng.choice((0, left // 2, left))
        if part:
            await advance(team, maria, part)
            had += part
        at += timedelta(days=rng.choice((1, 20, 45, 100)))
    await team.set_clock(at + timedelta(days=40))
    await team.settle(maria)
    deducted = "SELECT -sum(amount) FROM advance_entry WHERE kind = 'deducted'"
    assert await team.pool.fetchval(deducted) == had
    rows: list[Any] = await team.pool.fetch(
        "SELECT e.period_at, -e.amount AS had, g.amount FROM advance_entry AS e LEFT JOIN credit_grant AS g"
        " ON g.source = 'plan' AND g.valid_from = e.period_at WHERE e.kind = 'deducted'"
    )
    assert len(rows) > 5
    assert {row["had"] + (row["amount"] or 0) for row in rows} == {1_000}
    await team.check_rules()


async def test_advance_needs_no_approver(admin: Service) -> None:
    """It is the person's own credit: nobody is asked, the audit says by the policy."""
    await office(admin)
    await a_plan(admin, whole_first_period=True)
    await rules(admin, HALF)
    await submit(admin, USD, advance=True)
    line = (await admin.audit())[-1]
    assert (line[1], line[3]["by"], line[3]["advance"]) == ("submit_request", "policy", True)
    told = await admin.pool.fetch("SELECT kind FROM notice WHERE credit_request_id IS NOT NULL")
    assert [row["kind"] for row in told] == ["request_outcome"]
    found = await ask(admin, "GetRequest", pb.GetRequestRequest(id=1))
    assert (found.state, list(found.approvers)) == ("approved", [])


async def test_who_leaves_a_plan_and_comes_back_has_no_advance_twice(team: Team) -> None:
    """What was deducted counts as given: neither coming back nor another plan gives it again."""
    await team.add_plan("team", 1_000, rollover="all")
    await team.add_plan("weekly", 1_000, period="week", rollover="all")
    maria, twin = await team.account(0, "maria"), await team.account(0, "twin")
    for account in (maria, twin):
        await team.assign(account, "team")
    await advance(team, maria, 400)
    await team.set_clock(DECEMBER + timedelta(days=1))
    for plans in ((None, "team"), ("weekly", "team"), (None, "weekly")):
        for plan in plans:
            for account in (maria, twin):
                await team.assign(account, plan)
            assert (await team.figures(maria)).posted == (await team.figures(twin)).posted
    await team.check_rules()


async def test_advances_of_a_period_are_few_however_small(admin: Service) -> None:
    """Each is a grant that every debit of the account looks at: a nano-dollar at a time would slow all of them."""
    await office(admin)
    await a_plan(admin, whole_first_period=True)
    await rules(admin, HALF)
    for number in range(ADVANCES_PER_PERIOD):
        await submit(admin, 1, f"r{number}", advance=True)
    status, sentence = await refused(admin, "SubmitRequest", asking(1, "x", advance=True))
    assert (status, "was had 20 times in this period" in sentence) == ("INVALID_ARGUMENT", True)
    terms = await ask(admin, "GetRequestTerms", MARIA)
    assert (terms.may_ask, terms.advance_nanos) == (True, 0)
    await later(admin, 32 * 24)
    assert (await submit(admin, 1, "next", advance=True)).state == "approved"
