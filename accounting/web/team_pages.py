"""Teams: credit that people share, who draws on it, what bounds their draws."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from accounting.web.entry import Entry, Name, Signed, asked, gone
from accounting.web.export import csv_file
from accounting.web.session import Session
from protos.pedagio.v1 import plans_pb2 as pb
from protos.pedagio.v1 import purchases_pb2 as purchases
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from protos.pedagio.v1.purchases_pb2_grpc import PurchaseServiceStub

MONEY: Final = ("treasurer", "operator")
PERIODS: Final = ("day", "week", "month")
SOURCES: Final = ("goodwill", "purchase", "request", "correction")
PURCHASES_SHOWN: Final = 50
STATEMENT_SHOWN: Final = 50
PAGE: Final = 500
PAGES_BOUND: Final = 100
COLUMNS: Final = (
    "transfer_id", "event_at_ms", "kind", "amount_nanos", "client", "user", "hold_id", "model",
    "actor", "reason",
)  # fmt: skip

router = APIRouter()


@router.get("/teams")
async def teams(session: Signed) -> Response:
    """All teams; those who lead one see theirs."""
    return await _teams(session, Entry())


@router.post("/teams")
async def create(request: Request, session: Signed) -> Response:
    """A team without credit or members."""
    entry = await Entry.of(request)
    message = pb.CreatePoolRequest(name=entry.text("name"), reason=entry.text("reason"))
    if await entry.send(session, PlanServiceStub, "CreatePool", message):
        return gone(f"/teams/{message.name}", "made")
    return await _teams(session, entry)


@router.get("/teams/{name}")
async def team(session: Signed, name: Name) -> Response:
    """What it has, who draws on it, what bounds their draws."""
    return await _team(session, name, {})


@router.post("/teams/{name}/members")
async def add_member(request: Request, session: Signed, name: Name) -> Response:
    """Let somebody draw on it."""
    entry = await Entry.of(request)
    message = pb.SetMemberRequest(
        pool=name, account=entry.person("person"), position=entry.whole("position", usual=1),
        pool_first=entry.values.get("order") == "team", reason=entry.text("reason"),
    )  # fmt: skip
    return await _write(session, name, "member", entry, "SetMember", message)


@router.post("/teams/{name}/members/remove")
async def remove_member(request: Request, session: Signed, name: Name) -> Response:
    """Their next call is not paid by the team."""
    entry = await Entry.of(request)
    message = pb.RemoveMemberRequest(
        pool=name, account=entry.person("person"), reason=entry.text("reason")
    )
    return await _write(session, name, "remove", entry, "RemoveMember", message)


@router.post("/teams/{name}/caps")
async def set_cap(request: Request, session: Signed, name: Name) -> Response:
    """Bound what a member draws in a period."""
    entry = await Entry.of(request)
    cap = pb.Cap(
        pool=name, account=entry.person("person"), period=entry.text("period"),
        limit_nanos=entry.amount("limit"),
    )  # fmt: skip
    message = pb.SetCapRequest(cap=cap, reason=entry.text("reason"))
    return await _write(session, name, "cap", entry, "SetCap", message)


@router.post("/teams/{name}/caps/clear")
async def clear_cap(request: Request, session: Signed, name: Name) -> Response:
    """Bound it no more."""
    entry = await Entry.of(request)
    cap = pb.Cap(pool=name, account=entry.person("person"), period=entry.text("period"))
    message = pb.ClearCapRequest(cap=cap, reason=entry.text("reason"))
    return await _write(session, name, "uncap", entry, "ClearCap", message)


@router.post("/teams/{name}/credit")
async def give(request: Request, session: Signed, name: Name) -> Response:
    """Credit for the team, once per page."""
    entry = await Entry.of(request)
    message = pb.GiveCreditRequest(
        holder=pb.Holder(pool=name), amount_nanos=entry.amount("amount"),
        source=entry.text("source"), purchase=entry.whole("purchase", most=2**62),
        valid_until_ms=entry.day("until", session.web.look.zone),
        request_id=entry.request_id, reason=entry.text("reason"),
    )  # fmt: skip
    return await _write(session, name, "credit", entry, "GiveCredit", message, valid_until="until")


@router.post("/teams/{name}/plan")
async def assign(request: Request, session: Signed, name: Name) -> Response:
    """Another plan for the team, or none."""
    entry = await Entry.of(request)
    message = pb.AssignPlanRequest(
        holder=pb.Holder(pool=name), plan=entry.text("plan", optional=True), now=entry.flag("now"),
        reason=entry.text("reason"),
    )  # fmt: skip
    return await _write(session, name, "plan", entry, "AssignPlan", message)


@router.get("/teams/{name}/statement")
async def statement(session: Signed, name: Name) -> Response:
    """What moved, by whose calls; newest first."""
    token = asked(session.request, "page")
    message = pb.ListPoolStatementRequest(pool=name, page_size=STATEMENT_SHOWN, page_token=token)
    found = await session.ask(PlanServiceStub, "ListPoolStatement", message)
    detail = await session.ask(PlanServiceStub, "GetPool", pb.GetPoolRequest(name=name))
    return session.page(
        "admin/team_statement.html", found=found, later=bool(token), names=_names(detail)
    )


@router.get("/teams/{name}/statement.csv")
async def export(session: Signed, name: Name) -> Response:
    """The same for a spreadsheet."""
    message = pb.ListPoolStatementRequest(pool=name, page_size=PAGE)
    found: list[pb.PoolEntry] = []
    for _ in range(PAGES_BOUND):
        page = await session.ask(PlanServiceStub, "ListPoolStatement", message)
        found += page.entries
        message.page_token = page.next_page_token
        if not message.page_token:
            break
    return csv_file("statement", COLUMNS, (_cells(each) for each in found))


def _names(found: pb.PoolDetail) -> dict[tuple[str, str], str]:
    """What the members are called, by their accounts."""
    return {(each.account.client, each.account.external_id): each.label for each in found.members}


def _cells(each: pb.PoolEntry) -> list[str | int]:
    own = {"client": each.person.client, "user": each.person.external_id}
    return [own[name] if name in own else getattr(each.entry, name) for name in COLUMNS]


async def _write(
    session: Session, name: str, form: str, entry: Entry, method: str, message: Any, **names: str
) -> Response:
    """A form of a team's page; a team that is not there, or not theirs, is not found."""
    await session.ask(PlanServiceStub, "GetPool", pb.GetPoolRequest(name=name))
    if await entry.send(session, PlanServiceStub, method, message, account="person", **names):
        return gone(f"/teams/{name}", form)
    return await _team(session, name, {form: entry})


async def _teams(session: Session, entry: Entry) -> Response:
    listed = await session.ask(PlanServiceStub, "ListPools", pb.ListPoolsRequest())
    return session.page(
        "admin/teams.html", entry.status, teams=listed.pools, entry=entry, may=session.may(*MONEY)
    )


async def _team(session: Session, name: str, entries: Mapping[str, Entry]) -> Response:
    found = await session.ask(PlanServiceStub, "GetPool", pb.GetPoolRequest(name=name))
    money = session.may(*MONEY)
    plans, bought = [], []
    if money:
        listed = await session.ask(PlanServiceStub, "ListPlans", pb.ListPlansRequest())
        plans = [each.id for each in listed.plans]
        request = purchases.ListPurchasesRequest(page_size=PURCHASES_SHOWN)
        answer = await session.ask(PurchaseServiceStub, "ListPurchases", request)
        bought = [each for each in answer.purchases if each.worth_nanos > each.backed_nanos]
    forms = {form: Entry() for form in ("member", "remove", "cap", "uncap", "credit", "plan")}
    return session.page(
        "admin/team.html", max((each.status for each in entries.values()), default=200),
        found=found, pool=found.pool, names=_names(found), entries=forms | dict(entries), plans=plans, bought=bought,
        periods=PERIODS, sources=SOURCES, money_may=money, gives=money or session.may("approver"),
        looks_after=money or session.may("team_lead"), done=asked(session.request, "done"),
    )  # fmt: skip
