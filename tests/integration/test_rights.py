"""What each process may do in production: its whole work, under the rights of its own role."""

import asyncpg
import pytest

from credit import ledger
from credit.pool import connect
from tests.integration.rules_scene import DECEMBER, EVE, NOON, Team

OF_AUTHZ, OF_ACCOUNTING = "pedagio_authz", "pedagio_accounting"


async def test_month_of_a_team_needs_no_more_than_the_rights_of_the_two_processes(
    pool: asyncpg.Pool, database_url: str
) -> None:
    """Accounting makes the rules and debits, authz decides and settles what is due: neither owns a table."""
    owner = Team(pool)
    await owner.set_clock(NOON)
    maria = await owner.account(0)
    async with (
        await connect(f"{database_url}?role={OF_AUTHZ}") as authz_pool,
        await connect(f"{database_url}?role={OF_ACCOUNTING}") as accounting_pool,
    ):
        door, office = Team(authz_pool), Team(accounting_pool)
        await office.add_plan("team", 1_000, rollover="capped", rollover_cap=300)
        shared = await office.open_pool("TI", 500, [maria])
        for account in (maria, shared):
            await office.assign(account, "team")
        await office.set_cap(maria, 5_000, period="day")
        await office.set_cap(None, 90_000)
        gift = await office.give(maria, 200, until=DECEMBER)
        await owner.set_clock(EVE)
        stream, _ = await door.place(maria, 600)
        other, _ = await door.place(maria, 900)
        await owner.set_clock(DECEMBER)
        # authz settles both accounts and both caps before it decides; the open streams are spared.
        first, placed = await door.place(maria, 700)
        assert placed.result == "placed"
        await ledger.extend_hold(accounting_pool, first, 800, 700)
        await office.charge(stream, maria, 500)
        await office.close(stream)
        await office.close(other, "settled", "report_missing", 300)
        await office.charge(other, shared, 250)
        await office.close(first, "released", "no_upstream")
        await office.pool.execute("SELECT revoke_grant($1, 'test', 'late')", gift)
        await office.pool.execute("SELECT clear_cap(NULL, NULL, 'month')")
        await office.assign(maria, None)
        await office.settle(shared)
    await owner.check_rules()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE account SET overdraft = 1000000",
        "UPDATE account SET plan_id = NULL",
        "UPDATE account SET posted = posted + 1, version = version + 1",
        (
            "INSERT INTO transfer (debit_account, credit_account, amount, kind, actor, event_at)"
            " SELECT a.id, b.id, 1, 'grant', 'thief', now() FROM account AS a, account AS b"
        ),
        "UPDATE credit_grant SET remaining = amount, open = true, state = 'active'",
        "SELECT grant_credit(1000, 1, 'goodwill', 100, NULL, NULL, 'thief', NULL, NULL)",
        "INSERT INTO usage_event SELECT * FROM usage_event",
        "DELETE FROM hold_open",
        "UPDATE plan SET allowance = allowance * 2",
        "UPDATE transfer SET amount = 1",
        "DELETE FROM grant_entry",
    ],
)
async def test_door_may_not_change_what_is_not_its_business(
    database_url: str, statement: str
) -> None:
    """A replica that was taken over gives nobody an overdraft, a plan or a past."""
    async with await connect(f"{database_url}?role={OF_AUTHZ}") as door:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await door.execute(statement)
