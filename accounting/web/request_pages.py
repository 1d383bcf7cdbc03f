"""Requests for credit: who asks, who has it, the answer; what waits for a second pair of eyes."""

import asyncio
from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from accounting.web.entry import Entry, Number, Signed, asked, gone
from accounting.web.export import csv_file
from accounting.web.readable import leaves
from accounting.web.session import Session
from protos.pedagio.v1 import admins_pb2 as admins
from protos.pedagio.v1 import requests_pb2 as pb
from protos.pedagio.v1.admins_pb2_grpc import AdminsServiceStub
from protos.pedagio.v1.requests_pb2_grpc import RequestServiceStub

WAITING_SHOWN: Final = 100
WHOLE: Final = 20
DECIDED_SHOWN: Final = 25
CONFIRMS: Final = ("treasurer", "operator", "approver")
# Columns of their own, or nothing that helps a decision.
ASIDE: Final = frozenset({"amount", "reason", "request id"})
PAGE: Final = 500
PAGES_BOUND: Final = 100
COLUMNS: Final = (
    "id", "client", "user", "name", "amount_nanos", "advance", "state", "why", "approved_nanos",
    "decider", "answer", "requested_at_ms", "decided_at_ms", "grant_id",
)  # fmt: skip

router = APIRouter()


@router.get("/requests")
async def requests(session: Signed) -> Response:
    """What waits first, what was decided below."""
    return await _requests(session)


@router.post("/requests/{number}/approve")
async def approve(request: Request, session: Signed, number: Number) -> Response:
    """Say yes, to all of it or less."""
    entry = await Entry.of(request)
    nanos = entry.amount("amount", optional=True)
    message = pb.ApproveRequestRequest(id=number, approved_nanos=nanos, reason=entry.text("reason"))
    if await entry.send(session, RequestServiceStub, "ApproveRequest", message, approved="amount"):
        return gone("/requests", "approved")
    return await _requests(session, {f"request-{number}": entry})


@router.post("/requests/{number}/deny")
async def deny(request: Request, session: Signed, number: Number) -> Response:
    """Say no; the person reads why."""
    entry = await Entry.of(request)
    message = pb.DenyRequestRequest(id=number, reason=entry.text("reason"))
    if await entry.send(session, RequestServiceStub, "DenyRequest", message):
        return gone("/requests", "denied")
    return await _requests(session, {f"request-{number}": entry})


@router.post("/requests/proposals/{number}/confirm")
async def confirm(request: Request, session: Signed, number: Number) -> Response:
    """The second pair of eyes: made exactly once."""
    return await _decide(request, session, number, "ConfirmProposal", "confirmed")


@router.post("/requests/proposals/{number}/deny")
async def deny_proposal(request: Request, session: Signed, number: Number) -> Response:
    """Say no; whoever proposed it takes it back this way."""
    return await _decide(request, session, number, "DenyProposal", "proposal-denied")


@router.get("/requests.csv")
async def export(session: Signed) -> Response:
    """All requests, for a spreadsheet."""
    found: list[pb.CreditRequest] = []
    message = pb.ListRequestsRequest(page_size=PAGE)
    for _ in range(PAGES_BOUND):
        page = await session.ask(RequestServiceStub, "ListRequests", message)
        found += page.requests
        message.page_token = page.next_page_token
        if not message.page_token:
            break
    return csv_file("requests", COLUMNS, (_cells(each) for each in found))


def _cells(each: pb.CreditRequest) -> list[str | int]:
    own: dict[str, str | int] = {
        "client": each.account.client,
        "user": each.account.external_id,
        "name": each.display_name,
        "advance": "yes" if each.advance else "",
    }
    return [own[name] if name in own else getattr(each, name) for name in COLUMNS]


async def _decide(
    request: Request, session: Session, number: int, method: str, done: str
) -> Response:
    entry = await Entry.of(request)
    message = admins.DecideProposalRequest(id=number, reason=entry.text("reason"))
    if await entry.send(session, AdminsServiceStub, method, message):
        return gone("/requests", done)
    return await _requests(session, {f"proposal-{number}": entry})


async def _whole(
    session: Session, listed: Sequence[pb.CreditRequest]
) -> list[tuple[pb.CreditRequest, bool]]:
    """With what each person spent, which a list does not say; the flag: whether it is known."""
    found = await asyncio.gather(
        *(
            session.ask(RequestServiceStub, "GetRequest", pb.GetRequestRequest(id=each.id))
            for each in listed[:WHOLE]
        )
    )
    return [(each, True) for each in found] + [(each, False) for each in listed[WHOLE:]]


async def _requests(session: Session, entries: dict[str, Entry] | None = None) -> Response:
    waiting = await session.ask(
        RequestServiceStub,
        "ListRequests",
        pb.ListRequestsRequest(open=True, page_size=WAITING_SHOWN),
    )
    token = asked(session.request, "page")
    recent = await session.ask(
        RequestServiceStub,
        "ListRequests",
        pb.ListRequestsRequest(page_size=DECIDED_SHOWN, page_token=token),
    )
    proposals: list[admins.Proposal] = []
    if session.may(*CONFIRMS):
        listed = await session.ask(
            AdminsServiceStub, "ListProposals", admins.ListProposalsRequest()
        )
        proposals = list(listed.proposals)
    entries = entries or {}
    return session.page(
        "admin/requests.html", max((each.status for each in entries.values()), default=200),
        waiting=await _whole(session, waiting.requests), more_waiting=bool(waiting.next_page_token),
        decided=[each for each in recent.requests if each.state != "requested"],
        next_page=recent.next_page_token, later=bool(token),
        proposals=[(each, _content(each)) for each in proposals],
        entries=entries, blank=Entry(), may=session.may(*CONFIRMS),
        done=asked(session.request, "done"),
    )  # fmt: skip


def _content(each: admins.Proposal) -> list[tuple[str, str]]:
    """What a proposal would do, field by field; a file of people is too long to be read here."""
    found = leaves(each.request_json, aside=ASIDE)
    return [(name, value if name != "file" else "CSV") for name, value in found]
