"""Reports on the real ledger: every cost once, whatever the number and order of reports."""

import asyncio
import random

import asyncpg
import pytest

from credit import ledger
from tests.books import Books, a_record, an_event


async def test_capture_debits_the_cost_and_frees_as_much_of_the_hold(pool: asyncpg.Pool) -> None:
    """What is debited stops being held in the same step, so available never dips."""
    books = Books(pool)
    account = await books.account(1_000)
    hold_id, _ = await books.place(account, 300)
    before = (await books.figures(account)).available
    await books.report([a_record(hold_id, account)], [an_event(hold_id, 120)])
    figures = await books.figures(account)
    assert (figures.posted, figures.held, figures.available) == (880, 180, before)
    assert await books.close(hold_id) == 120
    assert (await books.figures(account)).available == 880
    await books.check()


async def test_capture_three_times_in_any_order_debits_once(pool: asyncpg.Pool) -> None:
    """I2: the primary key of the event is the exactly-once."""
    books = Books(pool)
    account = await books.account(100_000)
    holds = [(await books.place(account, 500))[0] for _ in range(20)]
    reports = [([a_record(h, account)], [an_event(h, 100 + n)]) for n, h in enumerate(holds)] * 3
    random.Random(1).shuffle(reports)
    await asyncio.gather(*(books.report(records, events) for records, events in reports))
    assert (await books.figures(account)).posted == 100_000 - sum(100 + n for n in range(20))
    await books.check()


async def test_same_event_with_other_figures_is_shown_and_the_first_stands(
    pool: asyncpg.Pool,
) -> None:
    """Two sources that disagree are a conflict for a person, never a second debit."""
    books = Books(pool)
    account = await books.account(1_000)
    hold_id, _ = await books.place(account, 300)
    event = an_event(hold_id, 100)
    await books.report([], [event])
    results = await books.report([], [{**event, "cost": 200, "record_id": "f" * 32}])
    assert results["event", event["id"]] == "conflict"
    assert (await books.figures(account)).posted == 900
    assert await pool.fetchval("SELECT count(*) FROM usage_conflict") == 1


@pytest.mark.parametrize("costs", [(100, 200), (200, 100)])
async def test_contradicting_reports_in_one_batch_leave_the_first_standing(
    pool: asyncpg.Pool, costs: tuple[int, int]
) -> None:
    """A spool that is replayed brings both at once: their order decides, as between batches."""
    books = Books(pool)
    account = await books.account(1_000)
    hold_id, _ = await books.place(account, 300)
    events = [an_event(hold_id, cost) for cost in costs]
    results = await books.report([], events)
    assert results["event", events[0]["id"]] == "conflict"
    assert (await books.figures(account)).posted == 1_000 - costs[0]
    assert await pool.fetchval("SELECT record_id FROM usage_conflict") == events[1]["record_id"]
    await books.check()


async def test_second_success_under_one_hold_is_a_real_cost(pool: asyncpg.Pool) -> None:
    """Another provider id is another bill."""
    books = Books(pool)
    account = await books.account(1_000)
    hold_id, _ = await books.place(account, 300)
    await books.report([], [an_event(hold_id, 100, "a"), an_event(hold_id, 50, "b")])
    assert (await books.figures(account)).posted == 850
    await books.check()


async def test_cost_above_the_hold_is_debited_whole_and_recorded_as_overage(
    pool: asyncpg.Pool,
) -> None:
    """I1: any excess is recorded and published, never forgiven."""
    books = Books(pool)
    account = await books.account(1_000)
    hold_id, _ = await books.place(account, 300)
    await books.report([], [an_event(hold_id, 450)])
    await books.close(hold_id)
    assert await books.figures(account) == type(await books.figures(account))(550, 0)
    assert await pool.fetchval("SELECT overage FROM hold_close WHERE hold_id = $1", hold_id) == 150
    await books.check()


async def test_cost_without_a_hold_is_debited_and_no_overage(pool: asyncpg.Pool) -> None:
    """Modes off and shadow reserve nothing on purpose: overage measures holds that were too small."""
    books = Books(pool)
    account = await books.account(1_000)
    hold_id = "0d9f4c2e-0000-4000-8000-000000000002"
    await books.report([a_record(hold_id, account)], [an_event(hold_id, 450)])
    await books.close(hold_id)
    assert (await books.figures(account)).posted == 550
    assert await pool.fetchval("SELECT overage FROM hold_close WHERE hold_id = $1", hold_id) == 0
    await books.check()


async def test_report_of_an_unknown_hold_makes_a_late_place_find_it_closed(
    pool: asyncpg.Pool,
) -> None:
    """The tombstone: a place that arrives after its own report must not reserve anything."""
    books = Books(pool)
    account = await books.account(1_000)
    hold_id = "0d9f4c2e-0000-4000-8000-000000000001"
    await books.report([a_record(hold_id, account)], [an_event(hold_id, 100)])
    _, late = await books.place(account, 300, hold_id=hold_id)
    assert late.result == "closed"
    figures = await books.figures(account)
    assert (figures.posted, figures.held) == (900, 0)
    await books.check()


async def test_late_report_after_release_is_a_late_debit(pool: asyncpg.Pool) -> None:
    """Terminal rows never change; money still moves when the truth arrives."""
    books = Books(pool)
    account = await books.account(1_000)
    hold_id, _ = await books.place(account, 300)
    await books.close(hold_id, "released", "no_evidence")
    await books.report([a_record(hold_id, account)], [an_event(hold_id, 100)])
    assert (await books.figures(account)).posted == 900
    assert (
        await pool.fetchval("SELECT outcome FROM hold_close WHERE hold_id = $1", hold_id)
        == "released"
    )
    await books.check()


async def test_late_report_after_an_estimate_trues_it_up(pool: asyncpg.Pool) -> None:
    """The estimate is reversed, the actual figure charged, in one step, once."""
    books = Books(pool)
    account = await books.account(1_000)
    hold_id, _ = await books.place(account, 300)
    await books.close(hold_id, "settled", "aborted", estimate=70)
    assert (await books.figures(account)).posted == 930
    event = an_event(hold_id, 100)
    for _ in range(3):
        await books.report([a_record(hold_id, account)], [event])
    assert (await books.figures(account)).posted == 900
    kinds = await pool.fetch("SELECT kind FROM transfer WHERE hold_id = $1 ORDER BY id", hold_id)
    assert [row["kind"] for row in kinds] == ["estimate", "reversal", "charge"]
    await books.check()


async def test_close_on_old_evidence_does_nothing(pool: asyncpg.Pool) -> None:
    """A record that came in between makes the decision stale: decide again."""
    books = Books(pool)
    account = await books.account(1_000)
    hold_id, _ = await books.place(account, 300)
    stale = {
        "hold_id": hold_id,
        "outcome": "released",
        "reason": "failed",
        "estimate": 0,
        "records_seen": 0,
    }
    await books.report([a_record(hold_id, account, "end", outcome="ok")], [])
    assert await ledger.close_batch(pool, [stale]) == {}
    assert await books.close(hold_id) == 0
    assert await books.close(hold_id) is None
    await books.check()


@pytest.mark.parametrize(
    "table", ["transfer", "hold", "hold_close", "usage_event", "call_record", "decision", "audit"]
)
async def test_history_cannot_be_rewritten(pool: asyncpg.Pool, table: str) -> None:
    """Append-only is a property of the database, not a habit of the code."""
    for statement in (
        f"DELETE FROM {table}",
        f"UPDATE {table} SET recorded_at = now()",
        f"TRUNCATE {table} CASCADE",
    ):
        with pytest.raises(asyncpg.PostgresError):
            await pool.execute(statement)
