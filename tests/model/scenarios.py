"""Small scenes on the real ledger: what the product promises, as tests and as killers of mutants."""

from datetime import UTC, datetime

import asyncpg

from credit import ledger
from tests.books import Books, Figures, a_place, an_event
from tests.integration.rules_scene import Team

NOVEMBER = datetime(2026, 11, 10, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 10, tzinfo=UTC)


async def last_cent_can_be_spent(pool: asyncpg.Pool) -> None:
    """I5: whoever can pay the least useful answer is not refused."""
    books = Books(pool)
    account = await books.account(10)
    _, placed = await books.place(account, 5_000, 2_000, 10)
    assert (placed.result, placed.granted_nanos) == ("placed", 10)
    await books.check()


async def hold_closes_once(pool: asyncpg.Pool) -> None:
    """Two settlers decide on the same evidence: one estimate is debited."""
    books = Books(pool)
    account = await books.account(1_000)
    hold_id, _ = await books.place(account, 300)
    assert await books.close(hold_id, "settled", "aborted", estimate=70) == 70
    assert await books.close(hold_id, "settled", "aborted", estimate=70) is None
    assert await books.figures(account) == Figures(930, 0)
    await books.check()


async def overrun_leaves_other_holds_alone(pool: asyncpg.Pool) -> None:
    """A cost above its hold frees that hold and nothing of the person's other calls."""
    books = Books(pool)
    account = await books.account(1_000)
    (first, _), _ = await books.place(account, 300), await books.place(account, 300)
    await books.report([], [an_event(first, 450)])
    assert await books.figures(account) == Figures(550, 300)
    await books.check()


async def bounded_is_placed_once(pool: asyncpg.Pool) -> None:
    """A replica replays its spool until it knows that all is placed: by id, so once."""
    books = Books(pool)
    account = await books.account(1_000)
    asked = a_place(account, 300)
    granted = bounded(asked, 300)
    results = [await ledger.place_bounded(pool, [granted], 2100) for _ in range(3)]
    assert [result[asked.hold_id] for result in results] == ["placed", "replay", "replay"]
    assert await books.figures(account) == Figures(1_000, 300)
    await books.check()


async def bounded_is_placed_beyond_what_is_available(pool: asyncpg.Pool) -> None:
    """The call runs already: its credit is reserved all the same, and the next one is refused."""
    books = Books(pool)
    account = await books.account(200)
    asked = a_place(account, 300)
    await ledger.place_bounded(pool, [bounded(asked, 300)], 2100)
    assert (await books.figures(account)).available == -100
    _, after = await books.place(account, 1)
    assert after.reason == "credit_in_flight"
    await books.check()


async def cap_bounds_what_its_owner_can_pay(pool: asyncpg.Pool) -> None:
    """All accounts that have a say, or none: credit alone does not pass a spent cap."""
    team = Team(pool)
    account = await team.account(10_000)
    await team.set_cap(account, 100)
    _, placed = await team.place(account, 200)
    assert (placed.result, placed.reason) == ("refused", "cap_reached")


async def expired_credit_is_not_spent(pool: asyncpg.Pool) -> None:
    """What is due is settled before anything is decided on the account."""
    team = Team(pool)
    await team.set_clock(NOVEMBER)
    account = await team.account(0)
    await team.give(account, 100, until=DECEMBER)
    await team.set_clock(DECEMBER)
    assert (await team.place(account, 10))[1].result == "refused"


async def allowance_is_granted_once(pool: asyncpg.Pool) -> None:
    """However often somebody looks at the first of December."""
    team = Team(pool)
    await team.set_clock(NOVEMBER)
    await team.add_plan("team", 100)
    account = await team.account(0)
    await team.assign(account, "team")
    await team.set_clock(DECEMBER)
    for _ in range(3):
        await team.settle(account)
    assert (await team.figures(account)).posted == 100


def bounded(asked: ledger.Place, granted: int) -> dict[str, object]:
    """The line that a replica wrote into its spool."""
    return {
        "id": asked.hold_id,
        "account_id": asked.account_id,
        "client_id": asked.client_id,
        "route": asked.route,
        "model": asked.model,
        "granted": granted,
        "want": asked.want_nanos,
        "target": asked.target_nanos,
        "minimum": asked.minimum_nanos,
    }
