"""How holds end when a witness is silent: Envoy's access log, the heartbeat, the sweep in pages."""

import itertools
from typing import Any

from accounting.settling.evidence import START_WAIT_S
from accounting.settling.outcome import END_WAIT_S
from accounting.settling.settle import PAGE_HOLDS
from tests.books import Figures
from tests.integration.office import CREDIT, HELD, LONG_S, Office, cost, end, start

COST = 4_500_000
INPUT = 1_000 * 2_500  # as the callback counted it, and as Envoy's 4,000 bytes say
BY_BYTES = INPUT + 100 * 10_000  # and 22,000 streamed bytes are 100 tokens


async def swept(office: Office, hold_id: str) -> tuple[str, str, int] | None:
    """How a hold has closed after a round of the sweep."""
    await office.settler.sweep_once()
    await office.books.check()
    return await office.closed(hold_id)


async def test_call_that_envoy_never_forwarded_is_released_at_once(office: Office) -> None:
    """Nobody waits for the credit of a request that went nowhere."""
    hold_id, _, account_id = await office.placed()
    await office.envoy(hold_id, code=503, upstream=False, flags=["UH"])
    assert await swept(office, hold_id) == ("released", "no_upstream", 0)
    assert await office.books.figures(account_id) == Figures(CREDIT, 0)
    assert await office.exceptions() == []


async def test_error_of_litellm_without_a_start_is_released_after_a_beat(office: Office) -> None:
    """LiteLLM refused the request before our hook, says a callback that has nothing left to tell."""
    hold_id, _, _ = await office.placed()
    await office.envoy(hold_id, age_s=60.0, code=401)
    assert await swept(office, hold_id) is None
    await office.beat()
    assert await swept(office, hold_id) == ("released", "refused_upstream", 0)


async def test_call_of_which_only_envoy_tells_is_settled_by_its_bytes(office: Office) -> None:
    """1 1 0: the callback is silent, an answer was delivered; a person looks, and the figure may come."""
    hold_id, text, account_id = await office.placed()
    await office.envoy(hold_id, age_s=END_WAIT_S + 1)
    assert await swept(office, hold_id) == ("settled", "report_missing", BY_BYTES)
    assert await office.exceptions() == ["report_missing"]
    assert await office.books.figures(account_id) == Figures(CREDIT - BY_BYTES, 0)
    await office.report(start(hold_id, text), cost(hold_id, text), end(hold_id, text))
    assert await office.books.figures(account_id) == Figures(CREDIT - COST, 0)


async def test_estimate_by_bytes_of_a_photo_is_never_more_than_the_hold(office: Office) -> None:
    """Two megabytes of base64 are no half a million tokens: the hold is the bound."""
    hold_id, _, account_id = await office.placed()
    await office.envoy(hold_id, age_s=END_WAIT_S + 1, bytes_received=2_000_000)
    assert await swept(office, hold_id) == ("settled", "report_missing", HELD)
    assert await office.books.figures(account_id) == Figures(CREDIT - HELD, 0)


async def test_litellm_that_died_is_settled_two_minutes_after_envoy_saw_the_end(
    office: Office,
) -> None:
    """A start without an end: not only at the deadline; the true figure trues it up."""
    hold_id, text, account_id = await office.placed()
    await office.grow_old(hold_id, [start(hold_id, text)], LONG_S)
    assert await swept(office, hold_id) is None
    broken = {"flags": ["UC"], "details": "upstream_reset"}
    await office.envoy(hold_id, age_s=END_WAIT_S + 1, code=503, **broken)
    assert await swept(office, hold_id) == ("settled", "end_missing", INPUT)
    assert await office.exceptions() == ["end_missing"]
    await office.report(cost(hold_id, text))
    assert await office.books.figures(account_id) == Figures(CREDIT - COST, 0)


async def test_hold_that_nobody_started_is_released_once_the_callback_was_heard_since(
    office: Office,
) -> None:
    """Its heartbeat says that no start is on its way; without it only the deadline closes."""
    hold_id, _, account_id = await office.placed()
    await office.age(hold_id, START_WAIT_S - 1)
    await office.beat()
    assert await swept(office, hold_id) is None
    await office.age(hold_id, 2.0)
    assert await swept(office, hold_id) == ("released", "never_started", 0)
    assert await office.books.figures(account_id) == Figures(CREDIT, 0)


async def test_hold_that_nobody_started_stays_while_the_callback_is_silent(office: Office) -> None:
    """Silence proves nothing: its spool may hold the start. Records alone are no heartbeat either."""
    hold_id, _, _ = await office.placed()
    await office.age(hold_id, LONG_S)
    other, text, _ = await office.placed("jose")
    await office.report(start(other, text))
    assert await swept(office, hold_id) is None
    await office.expire(hold_id)
    assert await swept(office, hold_id) == ("released", "no_evidence", 0)


async def test_accounting_that_was_away_counts_no_silence_of_before(office: Office) -> None:
    """After a restart the callback gets its time to tell, whatever the ages in the ledger."""
    hold_id, text, _ = await office.placed()
    await office.report(start(hold_id, text))
    await office.envoy(hold_id, age_s=LONG_S)
    fresh = Office(office.pool)
    assert await swept(fresh, hold_id) is None
    fresh.listen(END_WAIT_S)
    assert await swept(fresh, hold_id) == ("settled", "end_missing", BY_BYTES)


async def test_stream_that_goes_on_is_not_closed_by_entries_of_progress(office: Office) -> None:
    """Nor by their absence."""
    hold_id, text, _ = await office.placed()
    await office.report(start(hold_id, text))
    await office.age(hold_id, LONG_S)
    await office.envoy(hold_id, age_s=LONG_S, stage="progress")
    await office.beat()
    assert await swept(office, hold_id) is None


async def test_log_that_is_replayed_days_late_changes_nothing_that_is_closed(
    office: Office,
) -> None:
    """Terminal rows never change, whatever an old file says."""
    hold_id, text, account_id = await office.placed()
    await office.report(start(hold_id, text), end(hold_id, text), cost(hold_id, text))
    before = await office.closed(hold_id)
    await office.envoy(hold_id, code=503, upstream=False, flags=["UH"])
    assert await swept(office, hold_id) == before
    assert await office.books.figures(account_id) == Figures(CREDIT - COST, 0)


async def test_evidence_of_one_call_in_any_order_debits_the_same(office: Office) -> None:
    """I2, with Envoy as a witness: whatever arrives first, one exact debit and nothing held."""
    for number, order in enumerate(itertools.permutations(["start", "end", "cost", "access"])):
        hold_id, text, account_id = await office.placed(f"person-{number}")
        makers: dict[str, Any] = {"start": start, "end": end, "cost": cost}
        for kind in order:
            if kind == "access":
                await office.envoy(hold_id)
            else:
                await office.report(makers[kind](hold_id, text))
            await office.settler.sweep_once()
        closed = await office.closed(hold_id)
        assert closed is not None, order
        assert closed == ("captured", "reported", COST), order
        assert await office.books.figures(account_id) == Figures(CREDIT - COST, 0), order


async def test_sweep_reaches_every_open_hold_in_turn(office: Office) -> None:
    """More than a page of streams that go on must not hide the one that has ended."""
    account_id = await office.books.account(10**15)
    await office.pool.execute(MANY_STREAMS, account_id, PAGE_HOLDS + 50)
    hold_id, _ = await office.books.place(account_id, HELD)
    await office.envoy(hold_id, age_s=LONG_S)
    assert await swept(office, hold_id) is None
    assert await swept(office, hold_id) == ("settled", "report_missing", BY_BYTES)
    assert office.settler.oldest_unmatched_s >= LONG_S


async def test_timeout_that_cost_nothing_is_released_and_doubted(office: Office) -> None:
    """The provider may bill an answer that nobody waited for."""
    hold_id, text, account_id = await office.placed()
    await office.report(start(hold_id, text), end(hold_id, text, "failed", reason="status_408"))
    assert await office.closed(hold_id) == ("released", "failed", 0)
    assert await office.exceptions() == ["maybe_billed"]
    assert await office.books.figures(account_id) == Figures(CREDIT, 0)


async def test_two_failed_attempts_that_were_billed_are_two_debits(office: Office) -> None:
    """LiteLLM names both by the call; sent again, each is a duplicate, never a conflict."""
    hold_id, text, account_id = await office.placed()
    failed = {"status": "failure", "provider_id": hold_id}
    first = cost(hold_id, text, started_ms=1_000, cost_usd="0.001", **failed)
    second = cost(hold_id, text, started_ms=2_000, cost_usd="0.002", **failed)
    for _ in range(2):
        await office.report(first, second)
    assert (await office.books.figures(account_id)).posted == CREDIT - 3_000_000
    assert await office.pool.fetchval("SELECT count(*) FROM usage_conflict") == 0


# Calls that are going on, with earlier deadlines than any other.
MANY_STREAMS = """
    WITH made AS (
        INSERT INTO hold (id, account_id, client_id, route, model, granted, want, target, minimum,
                          account_version, placed_by)
        SELECT gen_random_uuid(), $1, 'librechat', 'chat', 'gpt-4o', 0, 0, 0, 0, 0, 'authz'
        FROM generate_series(1, $2) RETURNING id),
    opened AS (
        INSERT INTO hold_open (hold_id, account_id, amount, granted, deadline_at)
        SELECT id, $1, 0, 0, now() + interval '20 minutes' FROM made)
    INSERT INTO call_record (id, hold_id, kind, body, at)
    SELECT md5(id::text), id, 'start', '{"input_count_tokens": 1}', now() FROM made"""
