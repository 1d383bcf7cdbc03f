"""What a replica granted in one outage is known in the next, on a real ledger."""

from pathlib import Path

import asyncpg

from credit import ledger
from credit.mirror import figures_in
from tests.books import Books
from tests.integration.doors import WANT, Wire, claims_of, new_id, open_for_business, refusal_of
from tests.integration.outage import CAP, Watched

UNAVAILABLE = (503, "enforcement_unavailable")


async def test_outages_one_after_another_grant_the_same_credit_once(
    pool: asyncpg.Pool, database_url: str, tmp_path: Path
) -> None:
    """The replica has seen the person rich once; all that it grants together is never more than the credit."""
    await open_for_business(pool)
    books = Books(pool)
    account = await books.account(4 * WANT)
    wire = Wire(database_url)
    await wire.mend()
    try:
        async with Watched(tmp_path, wire) as authz:
            claims_of(await authz.ask(new_id()))
            for outage in range(3):
                await wire.cut()
                await authz.until_state("bounded")
                answers = [await authz.ask(new_id()) for _ in range(5)]
                refused = [refusal_of(answer) for answer in answers if answer.status.code]
                assert set(refused) == {UNAVAILABLE}
                assert outage == 0 or len(refused) == len(answers)
                await wire.mend()
                await authz.until_state("connected")
                figures = await books.figures(account)
                assert WANT < figures.held <= figures.posted
    finally:
        await wire.cut()


async def test_ledger_names_the_accounts_that_outages_granted(pool: asyncpg.Pool) -> None:
    """With their figures as they are: what a new process knows better than the mirror."""
    await open_for_business(pool)
    books = Books(pool)
    maria, jose = await books.account(4 * WANT), await books.account(WANT, "jose")
    assert await ledger.list_recently_bounded(pool, 60) == []
    line = {
        "id": new_id(),
        "account_id": maria,
        "client_id": "librechat",
        "route": "chat",
        "model": "gpt-4o",
        "granted": CAP,
        "want": CAP,
        "target": CAP,
        "minimum": 0,
    }
    await ledger.place_bounded(pool, [line], 2100)
    (row,) = await ledger.list_recently_bounded(pool, 60)
    assert row["id"] == maria
    figures = figures_in(row)
    assert (figures.available_nanos, figures.status, figures.shadow) == (
        4 * WANT - CAP,
        "active",
        False,
    )
    assert await ledger.list_recently_bounded(pool, 0) == []
    rows = await ledger.list_figures(pool, [maria, jose])
    assert {one["id"]: figures_in(one).available_nanos for one in rows} == {
        maria: 4 * WANT - CAP,
        jose: WANT,
    }
