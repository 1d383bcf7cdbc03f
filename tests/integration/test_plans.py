"""Plans on the real ledger: periods, what happens at midnight, rollover, proration, a change of plan."""

from datetime import timedelta

import pytest

from accounting.admin import grants
from tests.integration.rules_scene import DECEMBER, EVE, NOON, Team


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


async def test_idle_debtor_pays_with_each_allowance_that_passed_unseen(team: Team) -> None:
    """When somebody looks changes nothing: each day's allowance would have paid the debt, so it does."""
    await team.add_plan("daily", 100, period="day")
    maria = await team.account(0)
    await team.assign(maria, "daily")
    hold_id, _ = await team.place(maria, 100)
    await team.charge(hold_id, maria, 250)
    await team.close(hold_id)
    await team.set_clock(NOON + timedelta(days=9))
    await team.settle(maria)
    assert (await team.figures(maria)).posted == 100
    await team.check_rules()


async def spend_all(team: Team, account: int) -> int:
    """One call that costs whatever there is."""
    there = (await team.figures(account)).posted
    if there:
        hold_id, _ = await team.place(account, there)
        await team.charge(hold_id, account, there)
        await team.close(hold_id)
    return there


async def test_plans_of_several_periods_in_turn_hand_out_no_allowance_twice(team: Team) -> None:
    """Of the day too, in which the month's was given; who leaves and comes back gets nothing either."""
    await team.add_plan("monthly", 900)
    await team.add_plan("daily", 70, period="day")
    maria, spent = await team.account(0), 0
    for plan in ("monthly", "daily", None) * 3:
        await team.assign(maria, plan)
        spent += await spend_all(team, maria)
    assert spent == 900
    await team.check_rules()


async def test_switch_that_was_a_mistake_is_taken_back(team: Team) -> None:
    """What had not been used expired with it: it is given again."""
    await team.add_plan("monthly", 900)
    await team.add_plan("daily", 70, period="day")
    maria = await team.account(0)
    await team.assign(maria, "monthly")
    hold_id, _ = await team.place(maria, 300)
    await team.charge(hold_id, maria, 300)
    await team.close(hold_id)
    for plan in ("daily", "monthly"):
        await team.assign(maria, plan)
    assert (await team.figures(maria)).posted == 600
    await team.check_rules()


async def test_plan_of_another_period_begins_with_the_part_of_its_own_that_is_left(
    team: Team,
) -> None:
    """From the end of the day that runs: twenty of November's thirty days."""
    await team.add_plan("daily", 100, period="day")
    await team.add_plan("monthly", 3_000, prorate=True)
    maria = await team.account(0)
    await team.assign(maria, "daily")
    await team.assign(maria, "monthly", now=False)
    assert (await grants.read(team.pool, maria)).next_nanos == 2_000
    await team.set_clock(NOON.replace(hour=0) + timedelta(days=1))
    await team.settle(maria)
    assert (await team.figures(maria)).posted == 2_000
    # Assigned to wait for the end of the month, then at once after all.
    await team.assign(maria, "daily", now=False)
    await team.assign(maria, "daily")
    assert (await team.figures(maria)).posted == 100
    await team.set_clock(DECEMBER)
    await team.settle(maria)
    assert (await team.figures(maria)).posted == 100
    await team.check_rules()
