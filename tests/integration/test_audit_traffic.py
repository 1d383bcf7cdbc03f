"""The auditor beside traffic: what goes on must never look like a violation."""

import asyncio

import asyncpg
import pytest

from accounting.audit.auditor import Auditor
from accounting.audit.report import Report
from tests.books import Books
from tests.traffic import Traffic

ACCOUNTS = 6
ACTS = 300
HANDS = 3


async def some_accounts(pool: asyncpg.Pool) -> list[int]:
    """Persons with a little credit each."""
    books = Books(pool)
    return [await books.account(2_000 * n, f"person-{n}") for n in range(ACCOUNTS)]


async def audit_until(auditor: Auditor, work: asyncio.Task[object]) -> list[Report]:
    """Both ways of looking, again and again until the work is done."""
    reports = []
    while not work.done():
        reports.append(await auditor.run_everything())
        recent = await auditor.run_recent()
        assert recent is not None
        reports.append(recent)
    await work
    return reports


@pytest.mark.parametrize("seed", [11, 12])
async def test_traffic_while_the_auditor_looks_is_never_a_violation(
    pool: asyncpg.Pool, seed: int
) -> None:
    """A false violation would freeze somebody who did nothing: the worst that an auditor can do."""
    accounts = await some_accounts(pool)
    hands = [Traffic(pool, accounts, seed * 100 + n) for n in range(HANDS)]
    work = asyncio.create_task(asyncio.wait_for(asyncio.gather(*(h.run(ACTS) for h in hands)), 60))
    reports = await audit_until(Auditor(pool), work)
    reports.append(await Auditor(pool).run_everything())
    assert [violation for report in reports for violation in report.violations] == []
    looked = {name: finding.checked for name, finding in reports[-1].findings.items()}
    assert all(looked.values()), f"an invariant looked at nothing: {looked}"
    assert reports[-1].head_number >= 3
    await Books(pool).check()


async def test_auditor_after_random_traffic_agrees_with_the_books(pool: asyncpg.Pool) -> None:
    """Seen at once, or minute by minute from the head of the seal: the same rows, no violation."""
    accounts = await some_accounts(pool)
    auditor, traffic = Auditor(pool), Traffic(pool, accounts, 21)
    for _ in range(4):
        await traffic.run(40)
        recent = await auditor.run_recent()
        assert recent is not None
        assert recent.violations == []
    whole = await auditor.run_everything()
    assert whole.violations == []
    assert whole.findings["refusal"].checked > 0
