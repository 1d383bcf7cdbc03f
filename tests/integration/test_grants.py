"""Grants on the real ledger: burn order, expiry that spares open holds, debts, two years of anything."""

import random
from datetime import UTC, datetime, timedelta

from accounting.audit.auditor import Auditor
from tests.books import an_event
from tests.integration.rules_scene import NOON, Team, place_sizes, random_sizes


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
