"""The operator restores a backup of yesterday: what still reports is debited, and nothing twice."""

from typing import Any

from credit.pool import connect
from tests.books import Figures
from tests.integration.conftest import cloned
from tests.integration.office import Office, cost, end, start, token

CREDIT = 1_000_000_000
HELD = 50_000_000
COST = 4_500_000


async def one_call(office: Office, account_id: int) -> tuple[str, list[dict[str, Any]]]:
    """A hold is placed: its id, and the reports that its call will make."""
    hold_id, placed = await office.books.place(account_id, HELD)
    assert placed.result == "placed"
    text = token(hold_id, account_id)
    return hold_id, [start(hold_id, text), end(hold_id, text), cost(hold_id, text)]


async def test_old_backup_and_the_reports_since_make_the_same_books(database_url: str) -> None:
    """Each report that is sent again, or only now, is debited once; a hold the backup never knew cannot be used again.

    One call was over before the backup, one was under way, one came after it.
    """
    async with await connect(database_url) as pool:
        office = Office(pool)
        account_id = await office.books.account(CREDIT)
        calls = [await one_call(office, account_id) for _ in range(2)]
        assert await office.report(*calls[0][1]) == (3, 0, 0)
    with cloned(database_url) as backup_url:
        async with await connect(database_url) as pool:
            office = Office(pool)
            calls.append(await one_call(office, account_id))
            for _, reports in calls[1:]:
                await office.report(*reports)
            lost = await office.books.figures(account_id)
        async with await connect(backup_url) as pool:
            await _replay_into_the_backup(Office(pool), account_id, calls, lost)


async def _replay_into_the_backup(
    office: Office, account_id: int, calls: list[tuple[str, list[dict[str, Any]]]], lost: Figures
) -> None:
    assert await office.books.figures(account_id) == Figures(CREDIT - COST, HELD)
    reports = [report for _, reports in calls for report in reports]
    assert await office.report(*reports) == (6, 3, 0)
    assert await office.report(*reports) == (0, 9, 0)
    assert await office.books.figures(account_id) == lost == Figures(CREDIT - 3 * COST, 0)
    _, again = await office.books.place(account_id, HELD, hold_id=calls[2][0])
    assert again.result == "closed"
    _, fresh = await office.books.place(account_id, HELD)
    assert fresh.result == "placed"
    await office.books.check()
