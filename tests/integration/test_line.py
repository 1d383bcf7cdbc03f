"""Once a day a person is told that credit runs low: decided with the hold, by the ledger, for all replicas."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from credit import ledger
from credit.ledger import Place, Placed
from credit.pool import connect
from tests.books import a_place
from tests.integration.rules_scene import DECEMBER, NOON, Team

ALLOWANCE = 1_000_000


def a_call(account: int, **changes: Any) -> Place:
    """A call whose answer may end with a line."""
    return replace(a_place(account, 1_000), **{"line": True} | changes)


async def ask(team: Team, *calls: Place) -> list[Placed]:
    """The ledger's answers, in one statement."""
    answers = await ledger.place_batch(team.pool, calls, 2100)
    return [answers[call.hold_id] for call in calls]


async def low(team: Team, *calls: Place) -> list[Mapping[str, Any] | None]:
    """What is to be said under each."""
    return [placed.low for placed in await ask(team, *calls)]


@pytest.fixture
async def maria(team: Team) -> int:
    """On a plan from the beginning of its period, with 200,000 of 1,000,000 left."""
    account = await team.account(0)
    await team.add_plan("gold", ALLOWANCE)
    await team.assign(account, "gold")
    hold, _ = await team.place(account, 800_000)
    await team.charge(hold, account, 800_000)
    await team.close(hold)
    return account


async def test_line_is_due_below_a_fifth_and_once_a_day(team: Team, maria: int) -> None:
    """At a fifth not yet. The day is that of the plan's clock; what is reserved in flight is not gone."""
    big, _ = await team.place(maria, 150_000)
    assert await low(team, a_call(maria)) == [None]
    await team.charge(big, maria, 1)
    call = a_call(maria)
    first = await low(team, call)
    assert first == [
        {"posted": 199_999, "allowance": ALLOWANCE, "coming": ALLOWANCE, "day": "2026-12-01"}
    ]
    assert await low(team, a_call(maria), a_call(maria)) == [None, None]
    # Envoy's second try of the same call says it again: its first answer may be lost.
    assert await low(team, call) == first
    await team.set_clock(NOON.replace(hour=23, minute=59))
    assert await low(team, a_call(maria)) == [None]
    await team.set_clock(NOON + timedelta(days=1, hours=-12))
    assert len([said for said in await low(team, a_call(maria), a_call(maria)) if said]) == 1
    await team.check_rules()


async def test_line_is_said_once_by_all_replicas_together(team: Team, maria: int) -> None:
    """Twenty statements at once, five calls each: one line."""
    hold, _ = await team.place(maria, 10)
    await team.charge(hold, maria, 10)
    batches = [
        [a_call(maria, want_nanos=1, target_nanos=1, minimum_nanos=1) for _ in range(5)]
        for _ in range(20)
    ]
    said = await asyncio.gather(*(low(team, *batch) for batch in batches))
    assert len([each for batch in said for each in batch if each]) == 1
    await team.check_rules()


async def test_line_is_not_said_to_who_did_not_ask_has_no_plan_or_is_only_watched(
    team: Team, maria: int
) -> None:
    """And none of these uses the day up; a refused call is told by its refusal."""
    hold, _ = await team.place(maria, 10)
    await team.charge(hold, maria, 10)
    jose = await team.account(0, "jose")
    await team.give(jose, 5_000)
    rest = {"want_nanos": 900_000, "target_nanos": 900_000, "minimum_nanos": 900_000}
    calls = [
        a_call(maria, line=False),
        a_call(maria, shadow=True),
        a_call(maria, **rest),
        a_call(jose),
    ]
    answers = await ask(team, *calls)
    assert [each.low for each in answers] == [None] * 4
    assert answers[2].result == "refused"
    assert (await low(team, a_call(maria)))[0] is not None


async def test_line_measures_what_the_period_really_granted(team: Team) -> None:
    """Who joins on the 28th gets a tenth: that is no low credit, a fifth of the tenth is."""
    rosa = await team.account(0, "rosa")
    await team.set_clock(NOON.replace(day=28, hour=0))
    await team.add_plan("gold", ALLOWANCE, prorate=True)
    await team.assign(rosa, "gold")
    granted = (await team.figures(rosa)).posted
    assert granted == ALLOWANCE // 10
    assert await low(team, a_call(rosa)) == [None]
    hold, _ = await team.place(rosa, granted * 85 // 100)
    await team.charge(hold, rosa, granted * 85 // 100)
    (said,) = await low(team, a_call(rosa))
    assert said is not None
    assert (said["posted"], said["allowance"]) == (granted - granted * 85 // 100, granted)


async def test_line_is_settled_before_it_is_said(team: Team, maria: int) -> None:
    """The new allowance comes with the first call of December: nothing is low."""
    hold, _ = await team.place(maria, 100_000)
    await team.charge(hold, maria, 100_000)
    await team.set_clock(DECEMBER)
    assert await low(team, a_call(maria)) == [None]


async def test_line_counts_a_pools_call_by_the_persons_own_credit(team: Team, maria: int) -> None:
    """The team pays; what runs low is one's own, and no figure of the team is in it."""
    await team.open_pool("vendas", 10**9, [maria])
    hold, _ = await team.place(maria, 1)
    await team.charge(hold, maria, 1)
    (answer,) = await ask(team, a_call(maria, want_nanos=10**8, target_nanos=10**8))
    assert answer.payer != maria
    assert answer.low is not None
    assert answer.low["posted"] == 199_999


async def test_line_needs_no_more_rights_than_authz_has(
    team: Team, maria: int, database_url: str
) -> None:
    """It marks the day on the account, and may change nothing else there."""
    hold, _ = await team.place(maria, 10)
    await team.charge(hold, maria, 10)
    async with await connect(f"{database_url}?role=pedagio_authz") as pool:
        assert (await low(Team(pool), a_call(maria)))[0] is not None
