"""What each process may do in production: its whole work, under the rights of its own role."""

import asyncpg
import pytest

from credit import ledger
from credit.pool import connect
from protos.pedagio.v1 import admins_pb2
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.integration.admin_service import serve
from tests.integration.admins import add, ask, new_token
from tests.integration.gifts import decide, gift, give, posted
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


# All that the door may write, whatever it is made to do; with the columns, where not all of them.
DOOR_MAY = {
    ("account", "INSERT", "client_id"),
    ("account", "INSERT", "external_id"),
    ("account", "INSERT", "kind"),
    ("alarm", "INSERT", "*"),
    ("audit", "INSERT", "*"),
    ("decision", "INSERT", "*"),
}
RIGHTS = """
    SELECT c.relname AS name, p.what, '*' AS column_name FROM pg_class AS c
    CROSS JOIN (VALUES ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('TRIGGER'), ('REFERENCES')) AS p (what)
    WHERE c.relkind IN ('r', 'p', 'v') AND c.relnamespace = 'public'::regnamespace AND c.relname !~ '^_?yoyo'
      AND has_table_privilege($1, c.oid, p.what)
    UNION ALL
    SELECT c.relname, p.what, a.attname FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    CROSS JOIN (VALUES ('INSERT'), ('UPDATE')) AS p (what)
    WHERE c.relkind IN ('r', 'p', 'v') AND c.relnamespace = 'public'::regnamespace AND c.relname !~ '^_?yoyo'
      AND has_column_privilege($1, c.oid, a.attnum, p.what) AND NOT has_table_privilege($1, c.oid, p.what)"""


async def test_door_may_write_nothing_but_what_is_listed_here(pool: asyncpg.Pool) -> None:
    """A right more is a decision: a replica that was taken over has it."""
    found = {tuple(row) for row in await pool.fetch(RIGHTS, OF_AUTHZ)}
    assert found == DOOR_MAY


async def test_accounting_may_rewrite_no_history(pool: asyncpg.Pool) -> None:
    """What is append-only to everybody is not even offered to it."""
    found = {(row["name"], row["what"]) for row in await pool.fetch(RIGHTS, OF_ACCOUNTING)}
    final = {"transfer", "usage_event", "hold_close", "decision", "account_history", "audit",
             "call_record", "grant_entry", "cap_use", "price_book", "price", "model_map", "policy"}  # fmt: skip
    assert {(name, what) for name, what in found if name in final and what != "INSERT"} == set()
    assert {(name, what) for name, what in found if what in {"TRUNCATE", "TRIGGER"}} == set()


async def test_account_that_the_door_opens_has_nothing(database_url: str) -> None:
    """Neither credit nor plan nor a past that would grant some."""
    async with await connect(f"{database_url}?role={OF_AUTHZ}") as door:
        for column, value in (
            ("posted", "1"), ("overdraft", "1"), ("held", "1"), ("mode_override", "'shadow'"),
            ("plan_id", "'x'"), ("due_at", "now()"), ("pool_first", "true"), ("status", "'active'"),
        ):  # fmt: skip
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await door.execute(
                    f"INSERT INTO account (client_id, external_id, kind, {column})"
                    f" VALUES ('librechat', 'eve', 'user', {value})"
                )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE account SET held = 0, version = version + 1",
        "INSERT INTO hold_open (hold_id, account_id, amount, granted, deadline_at) SELECT id, 1, 1, 1, now() FROM hold",
        (
            "INSERT INTO account_history (account_id, version, posted, held, overdraft, status)"
            " VALUES (1, 9, 9, 0, 0, 'active')"
        ),
        "INSERT INTO pool_member (account_id, pool_id) VALUES (1, 2)",
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


async def test_administration_needs_no_more_than_the_rights_of_accounting(
    pool: asyncpg.Pool, database_url: str
) -> None:
    """From the first token to the last, with a proposal between."""
    async with (
        await connect(f"{database_url}?role={OF_ACCOUNTING}") as office,
        serve(office, four_eyes_above=1) as admin,
    ):
        await admin.create_client()
        await admin.open_account("maria")
        ana, bia = [await add(admin, f"{n}@example.com", "treasurer") for n in ("ana", "bia")]
        proposal = await give(admin, gift(5), ana)
        await ask(admin, "ConfirmProposal", decide(proposal), bia)
        assert await posted(admin) == 5
        assert await give(admin, gift(1, "r2"), bia) == 0
        clash = gift(1, "r3", source="nothing")
        await admin.refused("GiveCredit", clash, token=await new_token(admin, "ana@example.com"),
                            stub=PlanServiceStub)  # fmt: skip
        roles = [admins_pb2.Role(role="viewer")]
        request = admins_pb2.SetRolesRequest(email="ana@example.com", roles=roles, reason="r")
        await ask(admin, "SetRoles", request)
        await ask(admin, "RevokeToken", admins_pb2.RevokeTokenRequest(id=1, reason="r"))
        gone = admins_pb2.RemoveAdminRequest(email="ana@example.com", reason="r")
        await ask(admin, "RemoveAdmin", gone)


@pytest.mark.parametrize("table", ["admin", "admin_role", "admin_token", "given", "proposal"])
async def test_door_does_not_read_who_administers(database_url: str, table: str) -> None:
    """A replica that was taken over learns no hash, no name and no wish."""
    async with await connect(f"{database_url}?role={OF_AUTHZ}") as door:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await door.fetch(f"SELECT * FROM {table}")
