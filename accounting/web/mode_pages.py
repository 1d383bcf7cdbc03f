"""The ledger-wide mode: what holds now, switching it, whether enforcement may begin."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from accounting.web.entry import Entry, Signed, gone
from accounting.web.session import Session
from protos.pedagio.v1 import admin_pb2 as pb
from protos.pedagio.v1 import reports_pb2 as reports
from protos.pedagio.v1.admin_pb2_grpc import AdminServiceStub
from protos.pedagio.v1.reports_pb2_grpc import ReportServiceStub

MEANINGS: Final = {
    "enforce": "Calls are held, decided, and refused when credit is short.",
    "shadow": "The same decisions are recorded; nothing is refused.",
    "off": "Nothing is held or refused; usage is still debited.",
    "closed": "Every metered request is refused.",
}
# What the lines of the readiness report are about, as people say it.
LINES: Final = {
    "people": "People",
    "pools": "Teams",
    "caps": "Caps",
    "own limits": "Limits of their own",
    "models": "Models",
    "policies": "Policies",
    "identity": "Identity",
    "requests": "Calls",
    "accounts": "Accounts",
    "in flight": "Calls at the same time",
    "ledger": "Ledger",
    "paths": "Paths",
    "match": "Match",
    "e-mail": "E-mail",
}
NOT_READY: Final = "Nothing was changed: it is not ready. Tick the box to enforce all the same."
DAYS: Final = (1, 7, 14, 30)
USUAL_DAYS: Final = 7

router = APIRouter()


@router.get("/mode")
async def mode(session: Signed) -> Response:
    """What holds now, and the other modes."""
    return await _mode(session, Entry())


@router.post("/mode")
async def switch(request: Request, session: Signed) -> Response:
    """To shadow, off or closed; enforcement begins on a page of its own."""
    entry = await Entry.of(request)
    wanted = entry.text("mode")
    if wanted == "enforce":
        entry.wrong("mode", "Enforcement begins with its report, below.")
    message = pb.SetModeRequest(mode=wanted, reason=entry.text("reason"))
    if await entry.send(session, AdminServiceStub, "SetMode", message):
        return gone("/mode", "mode")
    return await _mode(session, entry)


@router.get("/mode/enforce")
async def readiness(request: Request, session: Signed) -> Response:
    """The report of the last days, with what mends each line."""
    days = request.query_params.get("days", "")
    return await _readiness(session, Entry({"days": days}))


@router.post("/mode/enforce")
async def enforce(request: Request, session: Signed) -> Response:
    """Begin: where the report says ready, or it is forced."""
    entry = await Entry.of(request)
    message = reports.EnforceRequest(
        reason=entry.text("reason"), force=entry.flag("force"), days=_days(entry)
    )
    if await entry.send(session, ReportServiceStub, "Enforce", message):
        return gone("/mode", "enforce")
    if entry.status == HTTPStatus.CONFLICT:
        entry.said = NOT_READY
    return await _readiness(session, entry)


def _days(entry: Entry) -> int:
    value = entry.values.get("days", "")
    known = {str(each): each for each in DAYS}
    return known.get(value, USUAL_DAYS)


async def _mode(session: Session, entry: Entry) -> Response:
    now = await session.ask(AdminServiceStub, "GetMode", pb.GetModeRequest())
    return session.page(
        "admin/mode.html", entry.status, now=now, meanings=MEANINGS, entry=entry,
        may=session.may("operator"), done=session.request.query_params.get("done", ""),
    )  # fmt: skip


async def _readiness(session: Session, entry: Entry) -> Response:
    days = _days(entry)
    found = await session.ask(ReportServiceStub, "Readiness", reports.ReadinessRequest(days=days))
    now = await session.ask(AdminServiceStub, "GetMode", pb.GetModeRequest())
    return session.page(
        "admin/enforce.html", entry.status, found=found, now=now, days=days, choices=DAYS,
        names=LINES, entry=entry, may=session.may("operator"),
    )  # fmt: skip
