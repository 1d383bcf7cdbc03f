"""Plans: what renews credit each period, with the policy of the people on it."""

import json
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from accounting.web.desk import RefusedError
from accounting.web.entry import Entry, Name, Signed, asked, gone
from accounting.web.readable import plain
from accounting.web.session import Session
from protos.pedagio.v1 import plans_pb2 as pb
from protos.pedagio.v1 import policies_pb2 as policies
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from protos.pedagio.v1.policies_pb2_grpc import PolicyServiceStub

ZONE: Final = "America/Sao_Paulo"
PERIODS: Final = ("month", "week", "day")
ROLLOVERS: Final = ("none", "capped", "all")
MONEY: Final = ("treasurer", "operator")
SEES_ALL: Final = ("viewer", "support", "treasurer", "operator")
TAKEN: Final = "There is a plan of this name already: change it on its own page."
# What a field of docs/reference/policies.md is called on the page.
POLICY: Final = {
    "models": "Models that may be used",
    "max_output_tokens": "Longest answer, tokens",
    "max_open_holds": "Calls at the same time",
    "grant_rule": "How much a call may reserve",
    "markup_percent": "Markup, per cent",
    "cheaper": "Cheaper model that is named",
    "degrade": "When credit is short",
    "remaining_header": "Header with what is left",
    "rate_limit_headers": "RateLimit headers",
    "list_models": "Each sees only their models",
    "settings": "What people may set themselves",
    "flat_holds": "Paths with a fixed amount",
    "balance_model": "Model that answers with the balance",
    "balance_line": "Line about credit below answers",
    "requests": "Requests for credit",
    "texts": "Own texts of refusals",
}

router = APIRouter()


@router.get("/plans")
async def plans(session: Signed) -> Response:
    """All plans, and a form for a new one."""
    return await _plans(session, Entry())


@router.post("/plans")
async def create(request: Request, session: Signed) -> Response:
    """A new plan; one that is there stays as it is."""
    entry = await Entry.of(request)
    wanted = pb.Plan(id=entry.text("name"), priority=100)
    listed = await session.ask(PlanServiceStub, "ListPlans", pb.ListPlansRequest())
    if wanted.id in {each.id for each in listed.plans}:
        entry.wrong("name", TAKEN)
    _read_terms(entry, wanted)
    message = pb.PutPlanRequest(plan=wanted, reason=entry.text("reason"))
    if await entry.send(session, PlanServiceStub, "PutPlan", message, id="name", time_zone="zone"):
        return gone(f"/plans/{wanted.id}", "made")
    return await _plans(session, entry)


@router.get("/plans/{name}")
async def plan(session: Signed, name: Name) -> Response:
    """The terms of a plan, its policy, a form to change them."""
    return await _plan(session, name, Entry())


@router.post("/plans/{name}")
async def change(request: Request, session: Signed, name: Name) -> Response:
    """Other terms, from each account's next period on."""
    entry = await Entry.of(request)
    wanted = await session.ask(PlanServiceStub, "GetPlan", pb.GetPlanRequest(id=name))
    _read_terms(entry, wanted)
    message = pb.PutPlanRequest(plan=wanted, reason=entry.text("reason"))
    if await entry.send(session, PlanServiceStub, "PutPlan", message, time_zone="zone"):
        return gone(f"/plans/{name}", "saved")
    return await _plan(session, name, entry)


def _read_terms(entry: Entry, wanted: pb.Plan) -> None:
    wanted.allowance_nanos = entry.amount("allowance")
    wanted.period = entry.text("period")
    wanted.time_zone = entry.text("zone", optional=True) or ZONE
    wanted.rollover = entry.text("rollover")
    capped = wanted.rollover == "capped"
    wanted.rollover_cap_nanos = entry.amount("rollover_cap") if capped else 0
    wanted.whole_first_period = entry.flag("whole_first_period")
    wanted.priority = entry.whole("priority", usual=wanted.priority or 100)
    wanted.shadow = entry.flag("shadow")


async def _plans(session: Session, entry: Entry) -> Response:
    listed = await session.ask(PlanServiceStub, "ListPlans", pb.ListPlansRequest())
    return session.page(
        "admin/plans.html", entry.status, plans=listed.plans, entry=entry, may=session.may(*MONEY),
        new=pb.Plan(period="month", time_zone=ZONE, rollover="none", priority=100),
        periods=PERIODS, rollovers=ROLLOVERS,
    )  # fmt: skip


async def _plan(session: Session, name: str, entry: Entry) -> Response:
    found = await session.ask(PlanServiceStub, "GetPlan", pb.GetPlanRequest(id=name))
    return session.page(
        "admin/plan.html", entry.status, plan=found, entry=entry, may=session.may(*MONEY),
        policy=await _policy(session, found.id), policy_names=POLICY,
        periods=PERIODS, rollovers=ROLLOVERS, done=asked(session.request, "done"),
    )  # fmt: skip


async def _policy(session: Session, plan_id: str) -> dict[str, str] | None:
    """Field -> what it says, in a line; None for who may not read policies."""
    if not session.may(*SEES_ALL):
        return None
    subject = policies.PolicySubject(kind="plan", id=plan_id)
    try:
        found = await session.ask(PolicyServiceStub, "GetPolicy", subject)
    except RefusedError:
        return None
    body: dict[str, Any] = json.loads(found.body_json or "{}")
    return {name: plain(value) for name, value in body.items() if value is not None}
