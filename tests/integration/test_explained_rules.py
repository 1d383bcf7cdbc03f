"""An explanation names who else had a say in a refusal: pools, caps, calls in flight, with their figures of then."""

from dataclasses import replace

from accounting.admin.explain import explain
from credit import ledger
from tests.books import a_place
from tests.integration.rules_scene import Team


async def said(team: Team, account: int, want: int, most_open: int | None = None) -> str:
    """The detail of a call that is refused."""
    one = replace(a_place(account, want), max_open_holds=most_open)
    answers = await ledger.place_batch(team.pool, [one], 2100)
    assert answers[one.hold_id].result == "refused"
    (found,) = await explain(team.pool, one.hold_id)
    return found.detail


async def test_refusal_by_caps_and_pools_names_each_with_what_was_left(team: Team) -> None:
    """Not only own credit, which may be there."""
    maria = await team.account(10_000_000)
    await team.open_pool("TI", 3_000_000, [maria])
    await team.set_cap(maria, 2_000_000, period="day")
    await team.set_cap(None, 900_000_000)
    await team.pool.execute(
        "SELECT set_settings($1, NULL, NULL, NULL, NULL, 1500000, 'a', '{}')", maria
    )
    assert await said(team, maria, 5_000_000) == (
        "pool TI: available US$0.003; cap each day: left US$0.002 of US$0.002; "
        "cap for everybody each month: left US$0.90 of US$0.90; "
        "own limit each month: left US$0.0015 of US$0.0015"
    )


async def test_refusal_for_calls_in_flight_says_how_many(team: Team) -> None:
    """The credit is there."""
    maria = await team.account(10_000)
    await team.place(maria, 100)
    assert await said(team, maria, 100, most_open=1) == "1 calls in flight of 1 allowed"
