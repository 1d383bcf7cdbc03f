"""What the minute's run may not overlook: rows that came while it looked, holds that no rule grants."""

from pathlib import Path
from typing import Any

import asyncpg
import pytest

from accounting.audit.auditor import Auditor
from accounting.audit.placements import recompute
from accounting.audit.report import Report
from tests.books import Books
from tests.integration.audit_scene import Scene, auditor
from tests.model.mutants import mutated, place

OTHERS = """
    INSERT INTO account (client_id, external_id, kind)
    SELECT 'librechat', 'other-' || n, 'user' FROM generate_series(1, 3) AS n"""
WRONG_REFUSAL = """
    INSERT INTO decision (hold_id, account_id, client_id, kind, reason, model, want, target, minimum, posted, held,
        overdraft, account_version)
    SELECT gen_random_uuid(), a.id, 'librechat', 'refuse', 'insufficient_credit', 'gpt-4o', 1, 1, 1, a.posted, a.held,
        a.overdraft, a.version
    FROM account AS a WHERE a.id = $1"""
NO_HOLDS_SEEN = (place("o_posted + o_overdraft - o_held,", "o_posted + o_overdraft,"),)
NO_STATUS_SEEN = (place("ELSIF statuses[k] <> 'active' THEN", "ELSIF false THEN"),)
PLACEMENT = {
    "then_posted": 100, "then_held": 40, "then_overdraft": 10, "then_status": "active",
    "granted": 70, "want": 70, "target": 70, "minimum": 70,
    "others": None, "caps": [], "small_percent": 2, "share_percent": 50,
}  # fmt: skip


class Slow(Auditor):
    """An ordinary transaction commits after this one has looked, before it seals."""

    account: int | None = None

    async def _conclude(self, report: Report, began_s: float) -> Report:
        concluded = await super()._conclude(report, began_s)
        if self.account is not None:
            await self._pool.execute(WRONG_REFUSAL, self.account)
            self.account = None
        return concluded


async def found(auditor: Auditor) -> set[str]:
    """By the minute's run."""
    report = await auditor.run_recent()
    assert report is not None
    return {violation.invariant for violation in report.violations}


async def test_rows_between_look_and_seal_are_found_by_the_next_minute(
    pool: asyncpg.Pool,
) -> None:
    """What nobody has examined is not sealed: below the head nobody would look at it again."""
    scene = await Scene(pool).set_up()
    await pool.execute(OTHERS)
    slow = Slow(pool, draw=lambda n: n - 1)  # of the accounts it draws another one than maria's
    slow.account = int(str(scene.ids["maria"]))
    assert await found(slow) == set()
    assert await found(slow) == {"refusal"}
    assert await scene.status() == "frozen"


async def test_holds_beyond_the_credit_are_found_by_the_minute(
    root: Path, pool: asyncpg.Pool
) -> None:
    """The main promise: a ledger that forgets what is held grants the same credit twice, and is told on."""
    for text in mutated(root, NO_HOLDS_SEEN).values():
        await pool.execute(text)
    books = Books(pool)
    maria = await books.account(1_000)
    for _ in range(2):
        await books.place(maria, 900)
    assert await found(Auditor(pool, draw=lambda n: n - 1)) == {"placement"}
    status = await pool.fetchval("SELECT status FROM account WHERE id = $1", maria)
    assert status == "frozen"
    with pytest.raises(AssertionError, match="was granted"):
        await books.check()


async def test_hold_of_a_suspended_account_is_found(root: Path, pool: asyncpg.Pool) -> None:
    """Who is suspended is granted nothing."""
    scene = await Scene(pool).set_up()
    maria = int(str(scene.ids["maria"]))
    await pool.execute(
        "UPDATE account SET status = 'suspended', version = version + 1 WHERE id = $1", maria
    )
    for text in mutated(root, NO_STATUS_SEEN).values():
        await pool.execute(text)
    await scene.books.place(maria, 10)
    assert await found(auditor(pool)) == {"placement"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, None),
        ({"then_held": 41}, "the rule refuses"),
        ({"then_posted": 99}, "the rule refuses"),
        ({"then_overdraft": 9}, "the rule refuses"),
        ({"granted": 69}, "the rule grants 70"),
        ({"then_status": "frozen"}, "was frozen"),
    ],
)
def test_placement_recomputes_or_says_what_is_wrong(
    change: dict[str, Any], said: str | None
) -> None:
    """Each figure counts."""
    problem = recompute({**PLACEMENT, **change})
    assert (problem is None) if said is None else (said in str(problem))
