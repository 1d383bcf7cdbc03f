"""Support releases a hold by hand: once, with a reason, and a late report is debited all the same."""

import asyncio
import uuid
from typing import Any

import pytest

from credit import ledger
from protos.pedagio.v1 import admin_pb2 as pb
from tests.books import Books, Figures, a_record, an_event
from tests.integration.admin_service import DEADLINE_S, USD, Service
from tests.integration.test_admin_cli import in_json, pedagio

COST = 4_500_000


async def prepare(admin: Service) -> tuple[int, str]:
    """Maria with 100 USD, of which 30 are held for a call; her account and the hold."""
    await admin.create_client()
    account = await admin.open_account()
    await admin.grant(100 * USD)
    return int(account.id), await admin.place(account.id, 30 * USD)


async def release(admin: Service, hold_id: str, **options: Any) -> pb.ReleaseHoldResponse:
    """Ask for the release."""
    request = pb.ReleaseHoldRequest(hold_id=hold_id, reason="stuck since noon")
    answer: pb.ReleaseHoldResponse = await admin.ask("ReleaseHold", request, **options)
    return answer


async def test_release_frees_the_hold_with_an_audit_line(admin: Service) -> None:
    """Outcome released, the reason support's; who did it and why stands in the audit."""
    account_id, hold_id = await prepare(admin)
    books = Books(admin.pool)
    answer = await release(admin, hold_id.upper(), actor="ana")
    assert (answer.hold_id, answer.released_nanos) == (hold_id, 30 * USD)
    assert (answer.account.client, answer.account.external_id) == ("chat", "maria")
    assert not answer.already_closed
    assert await books.figures(account_id) == Figures(100 * USD, 0)
    closed = await admin.pool.fetchrow("SELECT outcome, reason, captured FROM hold_close")
    assert closed is not None
    assert tuple(closed.values()) == ("released", "released_by_support", 0)
    detail = {"reason": "stuck since noon", "captured_nanos": 0}
    assert (await admin.audit())[-1] == ("ana", "release_hold", hold_id, detail)
    await books.check()


async def test_release_of_a_closed_hold_says_so_and_changes_nothing(admin: Service) -> None:
    """It may have closed while support was looking at it."""
    _, hold_id = await prepare(admin)
    await admin.close(hold_id, estimate_nanos=2 * USD)
    lines = len(await admin.audit())
    answer = await release(admin, hold_id)
    assert (answer.already_closed, answer.released_nanos) == (True, 0)
    assert len(await admin.audit()) == lines
    assert await admin.pool.fetchval("SELECT outcome FROM hold_close") == "settled"


async def test_report_after_a_release_is_debited_all_the_same(admin: Service) -> None:
    """A late debit: the call happened; releasing it gave the credit back, not the cost."""
    account_id, hold_id = await prepare(admin)
    books = Books(admin.pool)
    await release(admin, hold_id)
    for _ in range(2):
        record = a_record(hold_id, account_id) | {"id": "a" * 32}
        await ledger.capture_batch(admin.pool, [record], [an_event(hold_id, COST)], DEADLINE_S)
    assert await books.figures(account_id) == Figures(100 * USD - COST, 0)
    (found,) = (await admin.ask("Explain", pb.ExplainRequest(ref=hold_id))).explanations
    assert (found.captured_nanos, found.late_nanos, found.detail) == (0, COST, "late debit")
    assert "since closed  US$0.0045" in (await pedagio(admin, "explain", hold_id)).stdout
    await books.check()


async def test_explained_estimate_shows_what_a_later_figure_made_of_it(admin: Service) -> None:
    """Captured and late together are what the call cost; nothing late before."""
    account_id, hold_id = await prepare(admin)
    await admin.close(hold_id, estimate_nanos=2 * COST)
    for late in (0, -COST):
        (found,) = (await admin.ask("Explain", pb.ExplainRequest(ref=hold_id))).explanations
        assert (found.captured_nanos, found.late_nanos, found.detail) == (2 * COST, late, "")
        await Books(admin.pool).report([a_record(hold_id, account_id)], [an_event(hold_id, COST)])


async def test_release_of_a_hold_that_is_partly_debited_frees_the_rest(admin: Service) -> None:
    """Its cost came, its end did not: the debit stays."""
    account_id, hold_id = await prepare(admin)
    books = Books(admin.pool)
    await books.report([a_record(hold_id, account_id)], [an_event(hold_id, COST)])
    answer = await release(admin, hold_id)
    assert answer.released_nanos == 30 * USD - COST
    assert await books.figures(account_id) == Figures(100 * USD - COST, 0)
    await books.check()


async def test_release_by_two_at_once_frees_once(admin: Service) -> None:
    """Whoever comes second is told that it is closed."""
    account_id, hold_id = await prepare(admin)
    answers = await asyncio.gather(*(release(admin, hold_id) for _ in range(4)))
    assert sorted(answer.already_closed for answer in answers) == [False, True, True, True]
    assert await Books(admin.pool).figures(account_id) == Figures(100 * USD, 0)
    assert [line[1] for line in await admin.audit()].count("release_hold") == 1


@pytest.mark.parametrize("hold", ["3f9a1c", "", "maria", "3f9a1c52-0c1d-4e7a-9f53"])
async def test_release_of_a_reference_is_refused_with_a_hint(admin: Service, hold: str) -> None:
    """Six characters may be several calls."""
    request = pb.ReleaseHoldRequest(hold_id=hold, reason="stuck")
    status, sentence = await admin.refused("ReleaseHold", request)
    assert status == "INVALID_ARGUMENT"
    assert "must be a whole hold id; `pedagio explain REF` shows" in sentence


async def test_release_of_an_unknown_hold_or_without_a_reason_is_refused(admin: Service) -> None:
    """Nothing is guessed, and every mutation has a reason."""
    hold_id = str(uuid.uuid4())
    request = pb.ReleaseHoldRequest(hold_id=hold_id, reason="stuck")
    assert await admin.refused("ReleaseHold", request) == (
        "NOT_FOUND", f"there is no hold {hold_id}",
    )  # fmt: skip
    bare = pb.ReleaseHoldRequest(hold_id=hold_id)
    assert (await admin.refused("ReleaseHold", bare))[0] == "INVALID_ARGUMENT"


async def test_release_at_the_command_line(admin: Service) -> None:
    """As support does it: see the list, find the whole id, release, find it closed."""
    _, hold_id = await prepare(admin)
    listed = (await pedagio(admin, "holds", "chat", "maria")).stdout
    assert hold_id[:6] in listed
    assert "US$30.00" in listed
    assert (await in_json(admin, "holds"))["holds"][0]["hold_id"] == hold_id
    short = await pedagio(admin, "holds", "release", hold_id[:6], "--reason", "x", code=1)
    assert "pedagio explain REF" in short.stderr
    done = (await pedagio(admin, "holds", "release", hold_id, "--reason", "stuck")).stdout
    assert "US$30.00" in done
    again = await pedagio(admin, "holds", "release", hold_id, "--reason", "stuck", code=1)
    assert "was closed before: nothing was changed" in again.stdout
    explained = (await pedagio(admin, "explain", hold_id)).stdout
    assert "released: released_by_support" in explained
    assert (await pedagio(admin, "holds", "list")).stdout == "no open holds\n"
