"""How holds end on the real ledger: exact where figures came, estimated where they did not."""

from tests.books import Figures
from tests.integration.office import COST_WAIT_S, CREDIT, HELD, Office, cost, end, start

COST = 4_500_000
ESTIMATE = 1_000 * 2_500 + 100 * 10_000  # 1,000 tokens in, 400 characters out


async def test_stream_that_the_client_left_settles_as_an_estimate(office: Office) -> None:
    """LiteLLM's figures for it are a guess of its own and are not debited."""
    hold_id, text, account_id = await office.placed()
    guess = cost(hold_id, text, error_code="499", cost_usd="0.9")
    await office.report(start(hold_id, text), end(hold_id, text, "aborted"), guess)
    assert await office.closed(hold_id) == ("settled", "aborted", ESTIMATE)
    assert await office.books.figures(account_id) == Figures(CREDIT - ESTIMATE, 0)


async def test_reports_that_come_after_the_deadline_close_by_what_they_say(office: Office) -> None:
    """After a long outage the start comes in one batch, the rest in the next: no estimate in between."""
    hold_id, text, account_id = await office.placed()
    await office.expire(hold_id)
    await office.report(start(hold_id, text))
    assert (await office.books.figures(account_id)).held == HELD
    await office.report(end(hold_id, text), cost(hold_id, text))
    assert await office.closed(hold_id) == ("captured", "reported", COST)
    assert await office.books.figures(account_id) == Figures(CREDIT - COST, 0)


async def test_provider_failure_releases_the_hold_at_once(office: Office) -> None:
    """A provider error must not lock credit while LibreChat retries."""
    hold_id, text, account_id = await office.placed()
    failure = cost(hold_id, text, status="failure", cost_usd="0", usage={})
    await office.report(start(hold_id, text), failure, end(hold_id, text, "failed"))
    assert await office.closed(hold_id) == ("released", "failed", 0)
    assert await office.books.figures(account_id) == Figures(CREDIT, 0)


async def test_call_that_fell_back_is_debited_once(office: Office) -> None:
    """With a fallback, failure and success of an embeddings call carry the same provider id."""
    hold_id, text, account_id = await office.placed()
    failure = cost(hold_id, text, status="failure", cost_usd="0", usage={}, provider_id="same")
    success = cost(hold_id, text, provider_id="same")
    await office.report(start(hold_id, text), failure, success, end(hold_id, text))
    assert (await office.books.figures(account_id)).posted == CREDIT - COST


async def test_end_without_cost_settles_when_waiting_is_pointless(office: Office) -> None:
    """Ten seconds after a complete answer the cost event is not coming any more."""
    hold_id, text, account_id = await office.placed()
    await office.grow_old(hold_id, [start(hold_id, text), end(hold_id, text)], COST_WAIT_S - 2)
    await office.sweep()
    assert await office.closed(hold_id) is None
    late, late_text, _ = await office.placed()
    await office.grow_old(late, [start(late, late_text), end(late, late_text)], COST_WAIT_S + 1)
    await office.sweep()
    assert await office.closed(late) == ("settled", "cost_missing", ESTIMATE)
    assert await office.exceptions() == ["cost_missing"]
    assert (await office.books.figures(account_id)).posted == 2 * CREDIT - ESTIMATE


async def test_deadline_with_a_start_settles_and_without_evidence_releases(
    office: Office,
) -> None:
    """LiteLLM crashed, or the call never left: every hold ends, and a person is told."""
    seen, text, account_id = await office.placed()
    unseen, _ = await office.books.place(account_id, HELD)
    await office.report(start(seen, text))
    await office.sweep()
    assert (await office.closed(seen), await office.closed(unseen)) == (None, None)
    await office.expire(seen)
    await office.expire(unseen)
    await office.sweep()
    assert await office.closed(seen) == ("settled", "end_missing", 1_000 * 2_500)
    assert await office.closed(unseen) == ("released", "no_evidence", 0)
    assert await office.exceptions() == ["end_missing", "no_evidence"]
    assert await office.books.figures(account_id) == Figures(CREDIT - 2_500_000, 0)


async def test_debit_under_a_released_hold_is_one_exception(office: Office) -> None:
    """However often it is reported; a failure before, which cost nothing, is none."""
    hold_id, text, _ = await office.placed()
    await office.report(
        start(hold_id, text), end(hold_id, text, outcome="failed", chunks=0, output_chars=0)
    )
    closed = await office.closed(hold_id)
    assert closed is not None
    assert closed[0] == "released"
    assert await office.exceptions() == []
    late = cost(hold_id, text)
    for _ in range(2):
        await office.report(late)
    assert await office.exceptions() == ["late_debit"]
    row = await office.pool.fetchrow("SELECT subject, detail FROM exception")
    assert row is not None
    assert (row["subject"], row["detail"]) == (
        hold_id, {"reason": "failed", "late_nanos": COST},
    )  # fmt: skip


async def test_cost_that_comes_late_trues_the_estimate_up(office: Office) -> None:
    """Days late: the estimate is reversed, the actual figure debited, whatever the replays."""
    hold_id, text, account_id = await office.placed()
    aborted = end(hold_id, text, "aborted")
    await office.report(start(hold_id, text), aborted, cost(hold_id, text, error_code="499"))
    actual = cost(hold_id, text)
    for _ in range(3):
        await office.report(actual, aborted)
    assert await office.books.figures(account_id) == Figures(CREDIT - COST, 0)
    outcome = await office.closed(hold_id)
    assert outcome is not None
    assert outcome[0] == "settled"
