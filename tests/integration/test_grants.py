"""Grants and plans on the real ledger: burn order, expiry that spares open holds, periods, rollover, proration."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from accounting.audit.auditor import Auditor
from tests.books import an_event
from tests.integration.rules_scene import ZONE, Team, place_sizes, random_sizes

SAO_PAULO = ZoneInfo(ZONE)
NOON = datetime(2026, 11, 10, 12, tzinfo=SAO_PAULO)
EVE = datetime(2026, 11, 30, 23, 59, 58, tzinfo=SAO_PAULO)
DECEMBER = datetime(2026, 12, 1, 0, 0, 1, tzinfo=SAO_PAULO)


@pytest.fixture
async def team(pool: asyncpg.Pool) -> Team:
    """A team at noon on 10 November in São Paulo."""
    opened = Team(pool)
    await opened.set_clock(NOON)
    return opened


async def test_consumption_burns_by_priority_then_earliest_expiry_then_age(team: Team) -> None:
    """What ends first is used first, unless a grant says that it comes before."""
    maria = await team.account(0)
    await team.give(maria, 10)
    await team.give(maria, 10, until=NOON + timedelta(days=9))
    await team.give(maria, 10, until=NOON + timedelta(days=2))
    await team.give(maria, 10, priority=1)
    hold_id, _ = await team.place(maria, 35)
    rests = []
    for number in range(4):
        await team.report([], [_event(hold_id, 9, number)])
        rests.append([rest for _, _, rest in await team.remaining(maria)])
    assert rests == [[10, 10, 10, 1], [10, 10, 2, 0], [10, 3, 0, 0], [4, 0, 0, 0]]
    await team.check_rules()


async def test_expiry_is_a_transfer_to_breakage_when_somebody_looks(team: Team) -> None:
    """No batch at night: the next decision, debit or look settles it, once."""
    maria = await team.account(0)
    await team.give(maria, 70, until=NOON + timedelta(days=1))
    await team.give(maria, 30)
    await team.set_clock(NOON + timedelta(days=2))
    assert (await team.figures(maria)).posted == 100
    _, placed = await team.place(maria, 40, 40, 40)
    assert (placed.result, placed.posted_nanos) == ("refused", 30)
    expiries = await team.pool.fetch(
        "SELECT t.amount FROM transfer AS t JOIN account AS a ON a.id = t.credit_account"
        " WHERE t.kind = 'expiry' AND a.kind = 'breakage'"
    )
    assert [row["amount"] for row in expiries] == [70]
    await team.check_rules()


async def test_grant_that_begins_later_is_nothing_until_then(team: Team) -> None:
    """Posted on its day, when the next call comes."""
    maria = await team.account(0)
    await team.give(maria, 50, begins=NOON + timedelta(days=3))
    assert (await team.place(maria, 10))[1].result == "refused"
    await team.set_clock(NOON + timedelta(days=3))
    assert (await team.place(maria, 10))[1].posted_nanos == 50
    await team.check_rules()


async def test_stream_across_midnight_is_charged_to_november(team: Team) -> None:
    """The allowance of November expires but for what the open hold reserves; December begins whole."""
    await team.add_plan("team", 1_000)
    maria = await team.account(0)
    await team.assign(maria, "team")
    await team.set_clock(EVE)
    stream, placed = await team.place(maria, 400)
    assert placed.granted_nanos == 400
    await team.set_clock(DECEMBER)
    _, first = await team.place(maria, 1_000, 1_000, 1_000)
    assert (first.result, first.available_nanos) == ("placed", 1_000)
    await team.charge(stream, maria, 300)
    assert await team.remaining(maria) == [("plan", "expired", 100), ("plan", "active", 1_000)]
    await team.close(stream, "captured", "complete")
    assert await team.remaining(maria) == [("plan", "expired", 0), ("plan", "active", 1_000)]
    assert (await team.figures(maria)).posted == 1_000
    await team.check_rules()


async def test_stream_reported_before_anybody_looked_is_charged_to_november(team: Team) -> None:
    """The debit itself settles what is due first, sparing its own hold."""
    await team.add_plan("team", 1_000)
    maria = await team.account(0)
    await team.assign(maria, "team")
    await team.set_clock(EVE)
    stream, _ = await team.place(maria, 400)
    await team.set_clock(DECEMBER)
    await team.charge(stream, maria, 300)
    await team.close(stream, "captured", "complete")
    assert (await team.figures(maria)).posted == 1_000
    await team.check_rules()


async def test_true_up_after_midnight_moves_nothing_into_december(team: Team) -> None:
    """An estimate of November is reversed into November's grant, which takes the actual figure; the rest expires."""
    await team.add_plan("team", 1_000)
    maria = await team.account(0)
    await team.assign(maria, "team")
    stream, _ = await team.place(maria, 400)
    await team.close(stream, "settled", "report_missing", 350)
    await team.set_clock(DECEMBER)
    await team.charge(stream, maria, 200)
    assert (await team.figures(maria)).posted == 1_000
    assert await team.remaining(maria) == [("plan", "expired", 0), ("plan", "active", 1_000)]
    await team.check_rules()


async def test_true_up_of_a_grant_that_was_used_up_moves_nothing_into_december(team: Team) -> None:
    """It had nothing left to expire; what comes back to it in December is not December's."""
    await team.add_plan("team", 400)
    maria = await team.account(0)
    await team.assign(maria, "team")
    stream, _ = await team.place(maria, 400)
    await team.close(stream, "settled", "report_missing", 400)
    await team.set_clock(DECEMBER)
    await team.settle(maria)
    await team.charge(stream, maria, 150)
    assert (await team.figures(maria)).posted == 400
    assert await team.remaining(maria) == [("plan", "expired", 0), ("plan", "active", 400)]
    await team.check_rules()


@pytest.mark.parametrize(
    ("rollover", "cap", "posted", "sources"),
    [
        ("none", None, 1_000, ["plan"]),
        ("capped", 150, 1_150, ["rollover", "plan"]),
        ("all", None, 1_800, ["plan", "plan"]),
    ],
)
async def test_rollover_carries_what_the_plan_says(
    team: Team, rollover: str, cap: int | None, posted: int, sources: list[str]
) -> None:
    """800 of 1,000 are left at the end of November."""
    await team.add_plan("team", 1_000, rollover=rollover, rollover_cap=cap)
    maria = await team.account(0)
    await team.assign(maria, "team")
    hold_id, _ = await team.place(maria, 200)
    await team.charge(hold_id, maria, 200)
    await team.close(hold_id)
    await team.set_clock(DECEMBER)
    await team.settle(maria)
    assert (await team.figures(maria)).posted == posted
    left = [source for source, state, rest in await team.remaining(maria) if state == "active"]
    assert left == sources
    await team.check_rules()


async def test_who_joins_in_mid_period_gets_the_part_that_is_left(team: Team) -> None:
    """By seconds, rounded down: 20.5 of November's 30 days."""
    await team.add_plan("team", 3_000, prorate=True)
    maria = await team.account(0)
    await team.assign(maria, "team")
    assert (await team.figures(maria)).posted == 2_050
    await team.check_rules()


async def test_upgrade_is_worth_its_difference_now_a_downgrade_waits(team: Team) -> None:
    """Nothing is taken away in mid-period, nothing is given twice."""
    await team.add_plan("small", 300)
    await team.add_plan("large", 600)
    maria = await team.account(0)
    await team.assign(maria, "small")
    await team.assign(maria, "large")
    assert (await team.figures(maria)).posted == 300 + 205
    await team.assign(maria, "small")
    await team.assign(maria, "large")
    await team.assign(maria, "small")
    assert (await team.figures(maria)).posted == 505
    await team.set_clock(DECEMBER)
    await team.settle(maria)
    assert (await team.figures(maria)).posted == 300
    await team.check_rules()


async def test_revoked_grant_keeps_what_open_holds_reserve(team: Team) -> None:
    """What is left goes back to funding; a call that runs is still paid by it."""
    maria = await team.account(0)
    grant_id = await team.give(maria, 100)
    hold_id, _ = await team.place(maria, 60, 60, 60)
    await team.pool.execute("SELECT revoke_grant($1, 'test', 'mistake')", grant_id)
    assert (await team.figures(maria)).available == 0
    await team.charge(hold_id, maria, 50)
    await team.close(hold_id)
    assert (await team.figures(maria)).posted == 0
    await team.check_rules()


async def test_new_grant_pays_a_debt_first(team: Team) -> None:
    """Overage is a debt; the next credit is less by it, and the grant says so."""
    maria = await team.account(100)
    hold_id, _ = await team.place(maria, 100)
    await team.charge(hold_id, maria, 130)
    await team.close(hold_id)
    await team.give(maria, 50)
    assert (await team.figures(maria)).posted == 20
    assert [rest for _, _, rest in await team.remaining(maria)] == [0, 20]
    await team.check_rules()


async def test_idle_account_has_one_allowance_after_years(team: Team) -> None:
    """What would have expired unused is not granted in between; the look is one version."""
    await team.add_plan("daily", 10, period="day")
    maria = await team.account(0)
    await team.assign(maria, "daily")
    await team.set_clock(NOON + timedelta(days=800, hours=3))
    await team.settle(maria)
    assert (await team.figures(maria)).posted == 10
    assert len(await team.remaining(maria)) == 2
    await team.check_rules()


async def test_cap_begins_anew_with_its_period(team: Team) -> None:
    """The day's limit is whole again at midnight in its zone; what is in flight goes on reserving."""
    maria = await team.account(10_000)
    await team.set_cap(maria, 300, period="day")
    spent, _ = await team.place(maria, 200)
    await team.charge(spent, maria, 200)
    await team.close(spent)
    assert (await team.place(maria, 200))[1].reason == "cap_reached"
    running, _ = await team.place(maria, 50)
    await team.set_clock(NOON.replace(hour=0) + timedelta(days=1))
    assert (await team.place(maria, 250))[1].result == "placed"
    await team.charge(running, maria, 50)
    await team.close(running)
    await team.check_rules()


async def test_two_years_of_anything_create_and_lose_nothing(team: Team) -> None:
    """Random grants, plans, calls, estimates, revocations and a clock that moves: every nano is accounted for."""
    rng = random.Random(5)
    await team.add_plan("monthly", 900)
    await team.add_plan("capped", 700, rollover="capped", rollover_cap=300, prorate=True)
    await team.add_plan("weekly", 300, period="week", rollover="all", prorate=True)
    people = [await team.account(0, f"person-{n}") for n in range(4)]
    shared = await team.open_pool("TI", 2_000, people[:3])
    await team.set_cap(people[0], 500, period="day")
    at = datetime(2026, 1, 5, tzinfo=UTC)
    open_holds: list[tuple[str, int]] = []
    for _ in range(700):
        await team.set_clock(at)
        await _act(team, rng, [*people, shared], open_holds, at)
        at += timedelta(minutes=rng.choice((1, 30, 600, 5_000)))
    assert at > datetime(2027, 12, 1, tzinfo=UTC)
    for account in (*people, shared):
        await team.settle(account)
    await team.check_rules()
    report = await Auditor(team.pool).run_everything()
    assert [str(each) for each in report.violations] == []
    kinds = await team.pool.fetch("SELECT DISTINCT kind FROM transfer")
    assert {row["kind"] for row in kinds} == {
        "grant", "charge", "estimate", "reversal", "expiry", "revocation"
    }  # fmt: skip


async def _act(
    team: Team,
    rng: random.Random,
    accounts: list[int],
    open_holds: list[tuple[str, int]],
    at: datetime,
) -> None:
    account, what = rng.choice(accounts), rng.randrange(10)
    if what < 4 and account != accounts[-1]:
        hold_id, placed = await place_sizes(team, account, random_sizes(rng, 600))
        if placed.result == "placed":
            open_holds.append((hold_id, placed.payer))
    elif what < 7 and open_holds:
        hold_id, payer = open_holds.pop(rng.randrange(len(open_holds)))
        if rng.random() < 0.3:
            await team.close(hold_id, "settled", "report_missing", rng.randint(1, 300))
        await team.charge(hold_id, payer, rng.randint(0, 300))
        await team.close(hold_id, "captured", "complete")
    elif what == 7:
        until = at + timedelta(days=rng.randint(1, 90))
        begins = at + timedelta(hours=rng.randint(0, 20))
        await team.give(
            account, rng.randint(1, 500), begins=rng.choice((None, begins)),
            until=rng.choice((None, until)), priority=rng.choice((1, 100)),
        )  # fmt: skip
    elif what == 8:
        await team.assign(
            account, rng.choice(("monthly", "capped", "weekly", None)), now=rng.random() < 0.6
        )
    else:
        await team.pool.execute(
            "SELECT revoke_grant(g.id, 'test', 'r') FROM credit_grant AS g WHERE g.account_id = $1"
            " ORDER BY g.id DESC LIMIT 1",
            account,
        )


def _event(hold_id: str, cost: int, number: int) -> dict[str, object]:
    return an_event(hold_id, cost, f"chatcmpl-{number}")
