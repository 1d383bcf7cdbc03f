"""One person: what they have, what moved, what may be changed for them."""

import asyncio
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import grpc
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from accounting.web.desk import RefusedError
from accounting.web.entry import Entry, Signed, asked, gone
from accounting.web.export import csv_file
from accounting.web.session import Session
from credit.money import exact_usd
from protos.pedagio.v1 import admin_pb2, people_pb2, plans_pb2, settings_pb2
from protos.pedagio.v1.admin_pb2_grpc import AdminServiceStub
from protos.pedagio.v1.people_pb2_grpc import PeopleServiceStub
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from protos.pedagio.v1.settings_pb2_grpc import SettingsServiceStub

router = APIRouter()
PAGE: Final = 25
EXPORT_PAGE: Final = 500
EXPORT_PAGES: Final = 200
HOLDS: Final = 50
CONFIRM: Final = "Write the e-mail of this person, to be sure."
COLUMNS: Final = ("at_ms", "kind", "amount_usd", "model", "hold_id", "reason", "by")


@dataclass(frozen=True, slots=True)
class Who:
    """Whom a page is about, as its address says: an e-mail, or a client's name for somebody."""

    client: str
    user: str

    @classmethod
    def of(cls, request: Request) -> "Who":
        """Raises HTTPException 404 where the address names nobody."""
        email = asked(request, "email")
        client, user = asked(request, "client"), asked(request, "user")
        if not email and not client:
            raise HTTPException(404)
        return cls("", email) if email else cls(client, user)

    @property
    def name(self) -> admin_pb2.AccountName:
        """As the services take it."""
        return admin_pb2.AccountName(client=self.client, external_id=self.user)

    @property
    def query(self) -> str:
        """As addresses carry it."""
        found = {"client": self.client, "user": self.user} if self.client else {"email": self.user}
        return urlencode(found)

    @property
    def cli(self) -> str:
        """As commands take it; without braces, which stand for fields of the form."""
        words = [self.client, self.user] if self.client else [self.user]
        return " ".join(shlex.quote(word) for word in words).replace("{", "").replace("}", "")


@router.get("/people/one")
async def person(request: Request, session: Signed) -> Response:
    """The page."""
    return await _page(request, session, Who.of(request))


@router.get("/people/one.csv")
async def statement_file(request: Request, session: Signed) -> Response:
    """The statement as a file, newest first."""
    who = Who.of(request)
    rows: list[list[str | int]] = []
    token = ""
    for _ in range(EXPORT_PAGES):
        found = await session.ask(
            AdminServiceStub, "ListStatement",
            admin_pb2.ListStatementRequest(name=who.name, page_size=EXPORT_PAGE, page_token=token),
        )  # fmt: skip
        rows += [
            [e.event_at_ms, e.kind, exact_usd(e.amount_nanos).replace(",", "").replace("US$", ""),
             e.model, e.hold_id, e.reason, e.actor]
            for e in found.entries
        ]  # fmt: skip
        token = found.next_page_token
        if not token:
            break
    return csv_file("statement", COLUMNS, rows)


@router.post("/people/one/{act}")
async def change(request: Request, session: Signed, act: str) -> Response:
    """One of the forms of the page."""
    who, entry = Who.of(request), await Entry.of(request)
    if act not in ACTS:
        raise HTTPException(404)
    stub, method, message = ACTS[act](entry, who)
    if await entry.send(session, stub, method, message):
        return gone("/people", act) if act == "erase" else gone(f"/people/one?{who.query}", act)
    return await _page(request, session, who, entry, act)


def _grant(entry: Entry, who: Who) -> tuple[Any, str, Any]:
    nanos, until = entry.amount("amount"), entry.day("valid_until", "America/Sao_Paulo")
    return PlanServiceStub, "GiveCredit", plans_pb2.GiveCreditRequest(
        holder=plans_pb2.Holder(account=who.name), amount_nanos=nanos, valid_until_ms=until,
        request_id=entry.request_id, reason=entry.text("reason"),
    )  # fmt: skip


def _plan(entry: Entry, who: Who) -> tuple[Any, str, Any]:
    return PlanServiceStub, "AssignPlan", plans_pb2.AssignPlanRequest(
        holder=plans_pb2.Holder(account=who.name), plan=entry.text("plan", optional=True),
        now=entry.flag("now"), reason=entry.text("reason"),
    )  # fmt: skip


def _take_back(entry: Entry, who: Who) -> tuple[Any, str, Any]:
    return PlanServiceStub, "RevokeGrant", plans_pb2.RevokeGrantRequest(
        grant_id=entry.whole("grant", most=2**63 - 1), reason=entry.text("reason"),
        holder=plans_pb2.Holder(account=who.name),
    )  # fmt: skip


def _status(status: str) -> Callable[[Entry, Who], tuple[Any, str, Any]]:
    def act(entry: Entry, who: Who) -> tuple[Any, str, Any]:
        return AdminServiceStub, "SetAccountStatus", admin_pb2.SetAccountStatusRequest(
            name=who.name, status=status, reason=entry.text("reason")
        )  # fmt: skip

    return act


def _settings(entry: Entry, who: Who) -> tuple[Any, str, Any]:
    return SettingsServiceStub, "SetSettings", settings_pb2.SetSettingsRequest(
        account=who.name, language=entry.text("language", optional=True),
        notices=entry.flag("notices"), daily_limit_nanos=entry.amount("daily_limit", optional=True),
        monthly_limit_nanos=entry.amount("monthly_limit", optional=True),
        reason=entry.text("reason"), request_id=entry.request_id,
    )  # fmt: skip


def _unbind(entry: Entry, _who: Who) -> tuple[Any, str, Any]:
    name = admin_pb2.AccountName(
        client=entry.values.get("client", ""), external_id=entry.values.get("user", "")
    )
    message = people_pb2.UnbindPersonRequest(name=name, reason=entry.text("reason"))
    return PeopleServiceStub, "UnbindPerson", message


def _erase(entry: Entry, _who: Who) -> tuple[Any, str, Any]:
    email = entry.values.get("whose", "")
    if entry.text("sure").lower() != email.lower() or not email:
        entry.wrong("sure", CONFIRM)
    message = people_pb2.ErasePersonRequest(email=email, reason=entry.text("reason"))
    return PeopleServiceStub, "ErasePerson", message


ACTS: Final = {
    "grant": _grant,
    "plan": _plan,
    "take-back": _take_back,
    "suspend": _status("suspended"),
    "resume": _status("active"),
    "settings": _settings,
    "unbind": _unbind,
    "erase": _erase,
}


async def _page(
    request: Request, session: Session, who: Who, entry: Entry | None = None, act: str = ""
) -> Response:
    """Everything that this administrator may see of this person; NOT_FOUND where that is nothing."""
    account = await _there(session, AdminServiceStub, "GetBalance", who.name)
    email = account.email if account is not None and who.client else who.user
    known = None
    if email:
        asked_of = people_pb2.GetPersonRequest(email=email)
        known = await _there(session, PeopleServiceStub, "GetPerson", asked_of)
    if account is None and known is None:
        raise HTTPException(404)
    facts: dict[str, Any] = {}
    if account is not None:
        facts = await _of_account(session, who, asked(request, "page"))
    blank = Entry()
    return session.page(
        "admin/one.html", entry.status if entry else 200, who=who, account=account, person=known,
        email=email, entries={act: entry or blank}, blank=blank, done=asked(request, "done"),
        title=(known.name if known else "") or (account.display_name if account else "") or who.user,
        plans=(await session.ask(PlanServiceStub, "ListPlans", plans_pb2.ListPlansRequest())).plans,
        later=asked(request, "page"), **{**EMPTY_FACTS, **facts},
    )  # fmt: skip


EMPTY_FACTS: Final = {
    "credit": None, "holds": (), "statement": None, "settings": None, "caps": None,
}  # fmt: skip


async def _of_account(session: Session, who: Who, token: str) -> dict[str, Any]:
    holder = plans_pb2.Holder(account=who.name)
    credit, holds, statement, settings, caps = await asyncio.gather(
        session.look(PlanServiceStub, "GetCredit", holder),
        session.look(AdminServiceStub, "ListHolds",
                     admin_pb2.ListHoldsRequest(name=who.name, page_size=HOLDS)),
        session.look(AdminServiceStub, "ListStatement",
                     admin_pb2.ListStatementRequest(name=who.name, page_size=PAGE, page_token=token)),
        session.look(SettingsServiceStub, "GetSettings", who.name),
        session.look(PlanServiceStub, "ListCaps", plans_pb2.ListCapsRequest()),
    )  # fmt: skip
    own = statement.account.name if statement is not None else who.name
    return {
        "credit": credit, "holds": holds.holds if holds else (), "statement": statement,
        "settings": settings,
        "caps": [each for each in caps.caps if each.account == own] if caps else [],
    }  # fmt: skip


async def _there(session: Session, stub: Any, method: str, message: Any) -> Any:
    """None where there is none, or it is not for this administrator, which is the same to them."""
    try:
        return await session.look(stub, method, message)
    except RefusedError as error:
        if error.code in {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT}:
            return None
        raise
