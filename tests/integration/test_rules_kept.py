"""Rules at the edges of holds: extension, switch, change of plan or cap, whose mode, whose open holds count."""

from dataclasses import replace

import pytest

from credit import ledger
from credit.ledger import Cheaper, Placed
from tests.books import a_place
from tests.integration.rules_scene import DECEMBER, EVE, Team

MODE = "UPDATE account SET mode_override = $2 WHERE id = $1"
PLAN_MODE = "UPDATE plan SET mode_override = $2 WHERE id = $1"
CAPS = "SELECT caps FROM hold WHERE id = $1"


async def ask(team: Team, account: int, want: int, **more: object) -> tuple[str, Placed]:
    """A call with what its policy says."""
    one = replace(a_place(account, want), **more)  # type: ignore[arg-type]  # fields of a Place
    return one.hold_id, (await ledger.place_batch(team.pool, [one], 2100))[one.hold_id]


async def test_extension_goes_no_further_than_each_cap(team: Team) -> None:
    """The credit is there; the tightest cap of the hold decides."""
    maria = await team.account(10_000)
    await team.set_cap(maria, 500, period="day")
    await team.set_cap(None, 300, period="month")
    hold_id, _ = await team.place(maria, 100)
    refused = await ledger.extend_hold(team.pool, hold_id, 301, 301)
    assert (refused.result, refused.reason) == ("refused", "cap_reached")
    other, _ = await team.place(maria, 100)
    extended = await ledger.extend_hold(team.pool, other, 200, 200)
    assert (extended.result, extended.granted_nanos) == ("extended", 200)
    await team.check_rules()


async def test_extension_spends_nothing_that_has_expired(team: Team) -> None:
    """What is due is settled first, as where a hold is placed."""
    maria = await team.account(0)
    await team.give(maria, 1_000, until=DECEMBER)
    await team.set_clock(EVE)
    hold_id, _ = await team.place(maria, 100)
    await team.set_clock(DECEMBER)
    refused = await ledger.extend_hold(team.pool, hold_id, 500, 500)
    assert refused.result == "refused"
    assert (await team.figures(maria)).posted == 100  # spared for the hold, no more
    await team.check_rules()


@pytest.mark.parametrize(
    ("own", "plan", "shadow", "lenient"),
    [
        (None, None, False, False),
        (None, None, True, True),
        (None, "shadow", False, True),
        ("enforce", "shadow", True, False),
        ("shadow", None, False, True),
        ("enforce", None, True, False),
    ],
)
async def test_account_speaks_before_its_plan_and_that_before_the_ledger(
    team: Team, own: str | None, plan: str | None, *, shadow: bool, lenient: bool
) -> None:
    """Whose word counts where several say something."""
    await team.add_plan("team", 10)
    maria = await team.account(0)
    await team.assign(maria, "team")
    await team.pool.execute(MODE, maria, own)
    await team.pool.execute(PLAN_MODE, "team", plan)
    _, refused = await ask(team, maria, 5_000, shadow=shadow)
    assert (refused.result, refused.shadow) == ("refused", lenient)


async def test_switch_to_a_cheaper_model_keeps_caps_and_the_number_of_open_holds(
    team: Team,
) -> None:
    """What answers in place of another is a call like any other."""
    maria = await team.account(1_000)
    cap = await team.set_cap(maria, 500)
    cheaper = Cheaper("mini", 200, 200, 200)
    hold_id, placed = await ask(team, maria, 5_000, cheaper=cheaper)
    assert (placed.model, placed.granted_nanos) == ("mini", 200)
    assert list(await team.pool.fetchval(CAPS, hold_id)) == [cap]
    assert (await team.figures(cap)).held == 200
    _, third = await ask(team, maria, 5_000, cheaper=cheaper, max_open_holds=1)
    assert (third.result, third.reason) == ("refused", "credit_in_flight")
    await team.check_rules()


async def test_open_holds_are_those_of_the_person_not_of_the_pool(team: Team) -> None:
    """A colleague's call on the same pool takes nobody else's turn; one's own does, whoever pays."""
    ana, rui = await team.account(0, "ana"), await team.account(0, "rui")
    await team.open_pool("TI", 10_000, [ana, rui])
    for who, result in ((ana, "placed"), (rui, "placed"), (ana, "refused")):
        _, placed = await ask(team, who, 100, max_open_holds=1)
        assert placed.result == result


@pytest.mark.parametrize(("limit", "left"), [(600, 200), (1_000, 600), (300, -100)])
async def test_changed_cap_remembers_what_was_spent_in_its_period(
    team: Team, limit: int, left: int
) -> None:
    """Raised or lowered, also below what was spent."""
    maria = await team.account(10_000)
    cap = await team.set_cap(maria, 1_000)
    hold_id, _ = await team.place(maria, 400)
    await team.charge(hold_id, maria, 400)
    await team.close(hold_id)
    assert await team.set_cap(maria, limit) == cap
    assert (await team.figures(cap)).posted == left
    await team.check_rules()


async def test_change_to_a_plan_of_another_period_spares_what_is_under_way(team: Team) -> None:
    """The stream that runs is paid by what it was held from; the new plan's credit is whole."""
    await team.add_plan("monthly", 1_000)
    await team.add_plan("weekly", 500, period="week")
    maria = await team.account(0)
    await team.assign(maria, "monthly")
    stream, placed = await team.place(maria, 400)
    assert placed.result == "placed"
    await team.assign(maria, "weekly")
    before = (await team.figures(maria)).posted
    await team.charge(stream, maria, 400)
    await team.close(stream)
    assert (await team.figures(maria)).posted == before - 400
    assert [row for row in await team.remaining(maria) if row[1] == "active"][-1][2] == before - 400
    await team.check_rules()
