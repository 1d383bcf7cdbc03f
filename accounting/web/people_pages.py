"""People: the list, files of them with what they would change, who is not recognised yet."""

import asyncio
import base64
import binascii
import statistics
from typing import Any, Final

import grpc
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from starlette.datastructures import UploadFile

from accounting.web.desk import RefusedError
from accounting.web.entry import Entry, Number, Signed, asked, gone
from accounting.web.file_problems import sentence
from accounting.web.session import Session
from protos.pedagio.v1 import people_pb2 as pb
from protos.pedagio.v1 import plans_pb2 as plans
from protos.pedagio.v1.admin_pb2 import AccountName
from protos.pedagio.v1.admin_pb2_grpc import AdminServiceStub
from protos.pedagio.v1.people_pb2_grpc import PeopleServiceStub
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub

router = APIRouter()
PAGE: Final = 50
STRANGERS: Final = 200
LARGEST: Final = 5
POOLS_SHOWN: Final = 20
MEMBERS_SHOWN: Final = 100
FAR_TIMES: Final = 10
IMPORT_BOUND_S: Final = 120.0
DESK: Final = ("support", "operator")
MONEY: Final = ("treasurer", "operator")
NO_FILE: Final = "Choose a CSV file first."
HEADING: Final = "was not imported:"
KINDS: Final = ("new", "back", "moved", "left")


@router.get("/people")
async def people(request: Request, session: Signed) -> Response:
    """Everybody, or for who looks after teams: their people."""
    search, team, state = (asked(request, name) for name in ("search", "team", "state"))
    wanted = pb.ListPeopleRequest(
        search=search, team=team, state=state if state in {"active", "left"} else "",
        page_size=PAGE, page_token=asked(request, "page"),
    )  # fmt: skip
    found = await session.look(PeopleServiceStub, "ListPeople", wanted)
    if found is None:
        return session.page("admin/people_of_teams.html", teams=await _teams(session))
    strangers = await session.ask(
        PeopleServiceStub, "ListStrangers", pb.ListStrangersRequest(page_size=STRANGERS)
    )
    return session.page(
        "admin/people.html", people=found.people, later=found.next_page_token, search=search,
        team=team, state=state, first=not asked(request, "page"),
        strangers=len(strangers.strangers), may_import=session.may(*MONEY),
    )  # fmt: skip


async def _teams(session: Session) -> list[Any]:
    """The pools that this administrator reaches, each with its members."""
    listed = await session.ask(PlanServiceStub, "ListPools", plans.ListPoolsRequest())
    return [await _team(session, each.name) for each in listed.pools[:POOLS_SHOWN]]


async def _team(session: Session, name: str) -> tuple[Any, list[tuple[Any, Any]]]:
    """A pool, with its members and the account of each, which says what people call them."""
    found = await session.ask(PlanServiceStub, "GetPool", plans.GetPoolRequest(name=name))
    members = found.members[:MEMBERS_SHOWN]
    accounts = await asyncio.gather(
        *(session.ask(AdminServiceStub, "GetBalance", each.account) for each in members)
    )
    return found, list(zip(members, accounts, strict=True))


@router.get("/people/import")
async def import_page(request: Request, session: Signed) -> Response:
    """Where a file is dropped, and those that were."""
    return await _import_page(session, Entry(), done=asked(request, "done"))


@router.post("/people/import")
async def look_at_file(request: Request, session: Signed) -> Response:
    """What the file would change; nothing is written."""
    entry = await Entry.of(request)
    file = (await request.form()).get("file")
    content = await file.read() if isinstance(file, UploadFile) else b""
    if not content:
        entry.wrong("file", NO_FILE)
        return await _import_page(session, entry)
    return await _preview(session, entry, content)


@router.post("/people/import/apply")
async def apply_file(request: Request, session: Signed) -> Response:
    """Do what was shown: the page carries the file, so what is done is what was looked at."""
    entry = await Entry.of(request)
    try:
        content = base64.b64decode(entry.values.get("content", ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise HTTPException(422) from error
    message = _wanted(entry, content)
    message.request_id = entry.request_id
    message.force = entry.flag("force")
    message.reason = entry.text("reason")
    try:
        if not entry.errors:
            done = await session.ask(PeopleServiceStub, "ImportPeople", message, IMPORT_BOUND_S)
            return gone("/people/import", f"imported-{done.batch}" if done.batch else "nothing")
    except RefusedError as error:
        if error.code not in {
            grpc.StatusCode.FAILED_PRECONDITION,
            grpc.StatusCode.PERMISSION_DENIED,
            grpc.StatusCode.INVALID_ARGUMENT,
        }:
            raise
        entry.said, entry.proposed = str(error), error.proposed
        entry.status = 202 if error.proposed else 422
    return await _preview(session, entry, content)


@router.get("/people/imports/{batch}")
async def undo_page(session: Signed, batch: Number) -> Response:
    """What undoing an import would take back."""
    return await _undo_page(session, batch, Entry())


@router.post("/people/imports/{batch}")
async def undo(request: Request, session: Signed, batch: Number) -> Response:
    """Take back what is left of it."""
    entry = await Entry.of(request)
    message = pb.UndoImportRequest(batch=batch, reason=entry.text("reason"))
    if await entry.send(session, PeopleServiceStub, "UndoImport", message):
        return gone("/people/import", f"undone-{batch}")
    return await _undo_page(session, batch, entry)


@router.get("/people/who")
async def who_page(request: Request, session: Signed) -> Response:
    """Who came and matches nobody."""
    return await _who(session, Entry(), done=asked(request, "done"))


@router.post("/people/who")
async def bind(request: Request, session: Signed) -> Response:
    """This name at a client is that person."""
    entry = await Entry.of(request)
    name = AccountName(
        client=entry.values.get("client", ""), external_id=entry.values.get("user", "")
    )
    email, reason = entry.text("email"), entry.text("reason")
    message = pb.BindPersonRequest(email=email, name=name, reason=reason)
    if await entry.send(session, PeopleServiceStub, "BindPerson", message):
        return gone("/people/who", "bound")
    return await _who(session, entry)


async def _import_page(session: Session, entry: Entry, done: str = "") -> Response:
    listed = await session.ask(PeopleServiceStub, "ListImports", pb.ListImportsRequest())
    what, _, batch = done.partition("-")
    return session.page(
        "admin/import.html", entry.status, entry=entry, imports=listed.imports, done=what,
        batch=batch if batch.isdigit() else "", may=session.may(*MONEY),
    )  # fmt: skip


def _wanted(entry: Entry, content: bytes) -> pb.ImportPeopleRequest:
    return pb.ImportPeopleRequest(
        file=content, brl_per_usd=entry.text("brl_per_usd", optional=True),
        partial=entry.flag("partial"),
    )  # fmt: skip


async def _preview(session: Session, entry: Entry, content: bytes) -> Response:
    message = _wanted(entry, content)
    message.dry_run, message.reason = True, "looked at"
    try:
        found = await session.ask(PeopleServiceStub, "ImportPeople", message, IMPORT_BOUND_S)
    except RefusedError as error:
        if error.code is not grpc.StatusCode.INVALID_ARGUMENT:
            raise
        entry.status, entry.said = 422, ""
        lines = [line.strip() for each in error.fields.values() for line in each.split("\n")]
        problems = [line for line in lines if line != HEADING]
        entry.wrong("file", " ")
        return await _unreadable(session, entry, problems or [str(error)])
    gifts = sorted((each.credit_nanos for each in found.changes if each.credit_nanos), reverse=True)
    usual = statistics.median_low(gifts) if gifts else 0
    kinds = [each.change for each in found.changes]
    return session.page(
        "admin/import_diff.html", entry.status, entry=entry, found=found,
        content=base64.b64encode(content).decode(), usual=usual, gifts=len(gifts),
        counts=[(kind, kinds.count(kind)) for kind in KINDS if kind in kinds],
        far=usual * FAR_TIMES if len(gifts) > 1 else 0, gone=kinds.count("left"),
        far_ones=sum(each >= usual * FAR_TIMES for each in gifts) if len(gifts) > 1 else 0,
        largest=sorted((each for each in found.changes if each.credit_nanos),
                       key=lambda each: -each.credit_nanos)[:LARGEST],
    )  # fmt: skip


async def _unreadable(session: Session, entry: Entry, problems: list[str]) -> Response:
    return session.page(
        "admin/import_problems.html",
        422,
        entry=entry,
        problems=[sentence(each) for each in problems],
    )


async def _undo_page(session: Session, batch: int, entry: Entry) -> Response:
    message = pb.UndoImportRequest(batch=batch, dry_run=True, reason="looked at")
    found = await session.ask(PeopleServiceStub, "UndoImport", message)
    return session.page("admin/import_undo.html", entry.status, entry=entry, found=found)


async def _who(session: Session, entry: Entry, done: str = "") -> Response:
    found = await session.ask(
        PeopleServiceStub, "ListStrangers", pb.ListStrangersRequest(page_size=STRANGERS)
    )
    return session.page(
        "admin/who.html", entry.status, entry=entry, strangers=found.strangers, done=done,
        clients=found.clients, may=session.may(*DESK), blank=Entry(),
    )  # fmt: skip
