"""What the auditor does about a violation: freeze, tell, again while it lasts; and never by mistake."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from accounting.audit.auditor import Auditor
from accounting.audit.loop import audit_once
from accounting.metrics import REGISTRY
from credit.pool import connect
from tests.integration.admin_service import USD, Service
from tests.integration.audit_scene import Scene, auditor
from tests.integration.test_admin_cli import in_json, pedagio, prepare

BROKEN = "UPDATE hold_open SET amount = amount - 1 WHERE hold_id = '{open}'"
MENDED = "UPDATE hold_open SET amount = amount + 1 WHERE hold_id = '{open}'"
# An overage that nobody is shown.
HIDDEN = "UPDATE hold_close SET overage = 0 WHERE hold_id = '{exceeded}'"
FOUND = "UPDATE hold_close SET overage = captured - granted WHERE hold_id = '{exceeded}'"
STATUS = "UPDATE account SET status = $2, version = version + 1 WHERE id = $1"


class HealedOnSecondLook:
    """A pool whose books are mended between the first look and the second."""

    def __init__(self, pool: asyncpg.Pool, heal: Callable[[], Awaitable[None]]) -> None:
        self.pool = pool
        self.heal = heal
        self.looks = 0

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Any]:
        """The second connection is that of the second look."""
        self.looks += 1
        if self.looks == 2:
            await self.heal()
        async with self.pool.acquire() as connection:
            yield connection


def metric(name: str, **labels: str) -> float:
    """What the process tells of itself."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_freeze_happens_once_with_its_audit_line_and_alarm(pool: asyncpg.Pool) -> None:
    """A second run finds the account frozen and changes nothing."""
    scene = await Scene(pool).set_up()
    await scene.break_books(BROKEN)
    for _ in range(3):
        report = await auditor(pool).run_recent()
        assert report is not None
        assert [(each.invariant, each.frozen) for each in report.violations] == [("held", True)]
    assert await scene.alarms() == ["account_frozen"]
    (line,) = await pool.fetch("SELECT actor, action, subject, detail FROM audit")
    assert (line["actor"], line["action"], line["subject"]) == (
        "auditor",
        "freeze_account",
        str(scene.ids["maria"]),
    )
    assert line["detail"]["invariants"] == ["held"]


async def test_freeze_and_seal_need_no_more_than_the_rights_of_accounting(
    pool: asyncpg.Pool, database_url: str
) -> None:
    """In production the auditor is not the owner of the database: it could switch its own guards off."""
    scene = await Scene(pool).set_up()
    await scene.break_books(BROKEN)
    async with await connect(f"{database_url}?role=pedagio_accounting") as plain:
        assert await plain.fetchval("SELECT current_user") == "pedagio_accounting"
        report = await auditor(plain).run_recent()
        assert report is not None
        assert [(each.invariant, each.frozen) for each in report.violations] == [("held", True)]
        assert report.head_number == 1
        assert (await auditor(plain).run_everything()).findings["guards"].violations == ()


async def test_frozen_account_is_refused_as_suspended(pool: asyncpg.Pool) -> None:
    """Until somebody has looked nothing is spent on books that do not add up; the others go on."""
    scene = await Scene(pool).set_up()
    joao = await scene.books.account(1_000, "joao")
    await scene.break_books(BROKEN)
    await auditor(pool).run_recent()
    _, placed = await scene.books.place(int(str(scene.ids["maria"])), 10)
    assert (placed.result, placed.reason) == ("refused", "account_suspended")
    _, placed = await scene.books.place(joao, 10)
    assert placed.result == "placed"


@pytest.mark.parametrize(
    ("broken", "mended"),
    [(BROKEN, MENDED), (HIDDEN, FOUND)],
    ids=["in the account", "in a row that was sealed"],
)
async def test_account_set_active_again_is_frozen_again_while_the_violation_lasts(
    pool: asyncpg.Pool, broken: str, mended: str
) -> None:
    """Also minutes later, when the seal's head is past the row that is wrong, and whatever is drawn."""
    scene = await Scene(pool).set_up()
    beyond = Auditor(pool, draw=lambda below: below - 1)
    for name in ("joao", "ana"):
        await scene.books.account(1_000, name)
    await scene.break_books(broken)
    await auditor(pool).run_recent()
    for _ in range(2):
        await pool.execute(STATUS, scene.ids["maria"], "active")
        await beyond.run_recent()
        assert await scene.status() == "frozen"
    await scene.break_books(mended)
    await pool.execute(STATUS, scene.ids["maria"], "active")
    await beyond.run_recent()
    assert await scene.status() == "active"


async def test_suspended_account_stays_suspended_with_an_alarm(pool: asyncpg.Pool) -> None:
    """A person suspended it for a reason of their own, which a freeze would hide."""
    scene = await Scene(pool).set_up()
    await pool.execute(STATUS, scene.ids["maria"], "suspended")
    await scene.break_books(BROKEN)
    for _ in range(2):
        await auditor(pool).run_recent()
    assert await scene.status() == "suspended"
    assert await scene.alarms() == ["audit_violation"]


async def test_violation_that_a_second_look_does_not_show_blocks_nobody(pool: asyncpg.Pool) -> None:
    """No account is frozen on one look at the books."""
    scene = await Scene(pool).set_up()
    await scene.break_books(BROKEN)
    healed: Any = HealedOnSecondLook(pool, lambda: scene.break_books(MENDED))
    report = await Auditor(healed).run_everything()
    assert (healed.looks >= 2, report.violations, await scene.status()) == (True, [], "active")
    assert await scene.alarms() == []


async def test_run_beside_another_leaves_the_minute_to_it(pool: asyncpg.Pool) -> None:
    """With two processes one runs; the other does nothing and says so."""
    async with pool.acquire() as other, other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock(5049)")
        assert await auditor(pool).run_recent() is None
    assert await auditor(pool).run_recent() is not None


async def test_run_that_fails_is_told_and_the_next_one_sees_the_same_rows(
    pool: asyncpg.Pool,
) -> None:
    """Nothing is sealed past rows that were not looked at, and the process goes on."""
    scene = await Scene(pool).set_up()
    before = metric("pedagio_audit_failed_runs_total")
    await scene.break_books(BROKEN, "ALTER TABLE usage_event RENAME COLUMN cost TO price")
    await audit_once(pool, auditor(pool))
    assert metric("pedagio_audit_failed_runs_total") == before + 1
    assert await scene.alarms() == ["audit_failed"]
    assert await pool.fetchval("SELECT max(number) FROM seal") == 0
    await scene.break_books("ALTER TABLE usage_event RENAME COLUMN price TO cost")
    await audit_once(pool, auditor(pool), clock=lambda: 1_000.0)
    assert await scene.status() == "frozen"
    assert metric("pedagio_audit_violations", invariant="held") == 1
    assert metric("pedagio_audit_timestamp_seconds") == 1_000


async def test_audit_command_prints_each_promise_and_the_head_of_the_seal(admin: Service) -> None:
    """Exit 0 where the books agree; the digest is there to be written down."""
    await prepare(admin)
    await admin.grant(5 * USD)
    printed = (await pedagio(admin, "audit", "--recent", "--json")).stdout
    recent = json.loads(
        printed[printed.index("{\n") :]
    )  # the service logs into the same stream here
    assert {each["violated"] for each in recent["invariants"]} == {0}
    assert recent["head_number"] == 1
    shown = await pedagio(admin, "audit")
    head = await admin.pool.fetchrow("SELECT number, digest FROM seal ORDER BY number DESC LIMIT 1")
    assert head is not None
    assert f"{head['number']} {head['digest']}" in shown.stdout
    assert "what is posted on an account is the sum of its transfers" in shown.stdout
    await pedagio(admin, "audit", "--known", head["digest"])


async def test_audit_command_exits_1_and_names_what_is_broken(admin: Service) -> None:
    """A person sets the account active again, which is in the audit; the next run freezes it again."""
    account = await prepare(admin)
    await admin.grant(5 * USD)
    hold_id = await admin.place(account["id"], USD)
    scene = Scene(admin.pool)
    scene.ids = {"open": hold_id, "maria": account["id"]}
    await scene.break_books(BROKEN)
    broken = await pedagio(admin, "audit", code=1)
    assert "(chat / maria is frozen)" in broken.stdout
    assert (await in_json(admin, "balance", "chat", "maria"))["status"] == "frozen"
    resumed = await in_json(admin, "account", "resume", "chat", "maria", "--reason", "looked at it")
    assert resumed["status"] == "active"
    assert [line[:2] for line in await admin.audit()][-2:] == [
        ("auditor", "freeze_account"),
        ("ana", "set_account_status"),
    ]
    again = await pedagio(admin, "audit", "--recent", "--json", code=1)
    assert '"frozen": true' in again.stdout
    assert '"external_id": "maria"' in again.stdout
    assert (await in_json(admin, "balance", "chat", "maria"))["status"] == "frozen"
    unknown = await pedagio(admin, "audit", "--known", "0" * 64, code=1)
    assert "was rewritten or cut" in unknown.stdout
