"""Exceptions as administrators see them: a list that gets shorter, and who made it so."""

import asyncio
import json
from typing import Any

import pytest

from accounting.oddities import KINDS
from credit import ledger
from protos.pedagio.v1 import admin_pb2 as pb
from tests.integration.admin_service import Service
from tests.integration.test_admin_cli import in_json, pedagio


async def note(admin: Service, kind: str, subject: str, **detail: object) -> None:
    """What the services write."""
    await ledger.write(admin.pool, "note_exception", kind=kind, subject=subject, detail=detail)


async def page(admin: Service, **fields: Any) -> pb.ListExceptionsResponse:
    """One page of the list."""
    request = pb.ListExceptionsRequest(**fields)
    answer: pb.ListExceptionsResponse = await admin.ask("ListExceptions", request)
    return answer


async def resolve(admin: Service, exception_id: int) -> pb.Exception:
    """Resolve one, as Ana."""
    request = pb.ResolveExceptionRequest(id=exception_id, reason="new price entered")
    answer: pb.Exception = await admin.ask("ResolveException", request, actor="ana")
    return answer


async def test_exceptions_are_listed_newest_first_with_their_details(admin: Service) -> None:
    """What it is about, when, and the figures, as JSON with stable keys."""
    await note(admin, "no_evidence", "h1")
    await note(admin, "price_mismatch", "e1", model="gpt-4o", book_nanos=5)
    found = (await page(admin)).exceptions
    assert [(each.kind, each.subject) for each in found] == [
        ("price_mismatch", "e1"), ("no_evidence", "h1"),
    ]  # fmt: skip
    assert json.loads(found[0].detail_json) == {"model": "gpt-4o", "book_nanos": 5}
    assert found[0].recorded_at_ms > 0
    assert (found[0].resolved_at_ms, found[0].resolved_by) == (0, "")


async def test_exceptions_of_one_kind_in_pages_appear_once_each(admin: Service) -> None:
    """The token belongs to its own listing."""
    for number in range(5):
        await note(admin, "no_evidence", f"h{number}")
        await note(admin, "unproven", f"u{number}")
    seen, token = [], ""
    for _ in range(3):
        answer = await page(admin, kind="no_evidence", page_size=2, page_token=token)
        seen += [each.subject for each in answer.exceptions]
        token = answer.next_page_token
    assert seen == ["h4", "h3", "h2", "h1", "h0"]
    assert token == ""
    token = (await page(admin, kind="no_evidence", page_size=2)).next_page_token
    request = pb.ListExceptionsRequest(kind="unproven", page_token=token)
    assert (await admin.refused("ListExceptions", request))[0] == "INVALID_ARGUMENT"


async def test_resolved_exception_leaves_the_list_with_an_audit_line(admin: Service) -> None:
    """Who looked, and what came of it, is kept."""
    await note(admin, "price_mismatch", "e1")
    (each,) = (await page(admin)).exceptions
    resolved = await resolve(admin, each.id)
    assert (resolved.resolved_by, resolved.resolution) == ("ana", "new price entered")
    assert (await page(admin)).exceptions == []
    (again,) = (await page(admin, resolved=True)).exceptions
    assert again == resolved
    detail = {"reason": "new price entered", "kind": "price_mismatch", "subject": "e1"}
    assert await admin.audit() == [("ana", "resolve_exception", str(each.id), detail)]


async def test_exception_that_is_resolved_twice_is_a_clear_error(admin: Service) -> None:
    """The second does not overwrite what the first said; of two at once, one is told."""
    await note(admin, "price_mismatch", "e1")
    (each,) = (await page(admin)).exceptions
    answers = await asyncio.gather(
        *(resolve(admin, each.id) for _ in range(3)), return_exceptions=True
    )
    assert sum(isinstance(answer, pb.Exception) for answer in answers) == 1
    request = pb.ResolveExceptionRequest(id=each.id, reason="again")
    assert await admin.refused("ResolveException", request) == (
        "FAILED_PRECONDITION",
        f"exception {each.id} is resolved already, by ana: new price entered",
    )
    assert len(await admin.audit()) == 1


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (pb.ResolveExceptionRequest(id=99, reason="x"), "NOT_FOUND"),
        (pb.ResolveExceptionRequest(id=-(2**63), reason="x"), "NOT_FOUND"),
        (pb.ResolveExceptionRequest(id=1), "INVALID_ARGUMENT"),
    ],
)
async def test_resolving_what_is_not_there_or_without_a_reason_is_refused(
    admin: Service, request_: pb.ResolveExceptionRequest, status: str
) -> None:
    """Nothing is guessed."""
    assert (await admin.refused("ResolveException", request_))[0] == status


async def test_exceptions_of_an_unknown_kind_are_refused_with_the_known_ones(
    admin: Service,
) -> None:
    """An empty list would say that nothing is wrong."""
    told = (await pedagio(admin, "exceptions", "list", "--kind", "nonsense", code=1)).stderr
    assert told == f"pedagio: kind must be one of {', '.join(sorted(KINDS))}; it is 'nonsense'\n"
    shown = (await pedagio(admin, "exceptions", "list", "--help")).stdout
    assert all(kind in shown for kind in KINDS)


async def test_exceptions_at_the_command_line(admin: Service) -> None:
    """List, resolve, list again; the kinds explain themselves below the table."""
    assert (await pedagio(admin, "exceptions", "list")).stdout == "nothing to look at\n"
    await note(admin, "maybe_billed", "h1")
    shown = (await pedagio(admin, "exceptions", "list", "--kind", "maybe_billed")).stdout
    assert "maybe_billed: timed out at cost 0: the provider may bill it" in shown
    (each,) = (await in_json(admin, "exceptions", "list"))["exceptions"]
    words = ("exceptions", "resolve", str(each["id"]), "--reason", "asked the provider")
    assert "asked the provider" in (await pedagio(admin, *words)).stdout
    assert "is resolved already, by ana" in (await pedagio(admin, *words, code=1)).stderr
    assert (await pedagio(admin, "exceptions", "list")).stdout == "nothing to look at\n"
    assert "asked the provider" in (await pedagio(admin, "exceptions", "list", "--all")).stdout
