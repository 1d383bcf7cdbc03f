"""Exceptions, which a person should look at, with what each means; below them the alarms."""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from accounting.oddities import KINDS
from accounting.web.entry import Entry, Number, Signed, asked, gone
from accounting.web.readable import fields
from accounting.web.session import Session
from protos.pedagio.v1 import admin_pb2 as pb
from protos.pedagio.v1.admin_pb2_grpc import AdminServiceStub

SHOWN: Final = 50
ALARMS_SHOWN: Final = 25

router = APIRouter()


@router.get("/exceptions")
async def exceptions(session: Signed) -> Response:
    """What nobody has looked at yet, newest first."""
    return await _exceptions(session, {})


@router.post("/exceptions/{number}/resolve")
async def resolve(request: Request, session: Signed, number: Number) -> Response:
    """Say what came of one; it leaves the list."""
    entry = await Entry.of(request)
    message = pb.ResolveExceptionRequest(id=number, reason=entry.text("reason"))
    if await entry.send(session, AdminServiceStub, "ResolveException", message):
        return gone("/exceptions", "resolved")
    return await _exceptions(session, {number: entry})


async def _exceptions(session: Session, entries: dict[int, Entry]) -> Response:
    request = session.request
    kind, everything = asked(request, "kind"), bool(asked(request, "all"))
    kind = kind if kind in KINDS else ""
    token = asked(request, "page")
    found = await session.ask(
        AdminServiceStub,
        "ListExceptions",
        pb.ListExceptionsRequest(kind=kind, resolved=everything, page_size=SHOWN, page_token=token),
    )
    alarms = await session.ask(
        AdminServiceStub, "ListAlarms", pb.ListAlarmsRequest(page_size=ALARMS_SHOWN)
    )
    return session.page(
        "admin/exceptions.html", max((each.status for each in entries.values()), default=200),
        exceptions=[(each, fields(each.detail_json)) for each in found.exceptions],
        alarms=[(each, fields(each.detail_json)) for each in alarms.alarms],
        kinds=KINDS, kind=kind, everything=everything, next_page=found.next_page_token,
        later=bool(token), entries=entries, blank=Entry(), done=asked(request, "done"),
        may=session.may("support", "operator", "treasurer"),
        problem=next((each.said for each in entries.values()), ""),
    )  # fmt: skip
