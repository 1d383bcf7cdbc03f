"""The first page: what is spent, by whom, on what; what waits for somebody."""

import asyncio
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import Response

from accounting.web.entry import Signed, asked
from accounting.web.session import Session
from protos.pedagio.v1 import (
    admin_pb2,
    admins_pb2,
    people_pb2,
    plans_pb2,
    reports_pb2,
    requests_pb2,
    usage_pb2,
)
from protos.pedagio.v1.admin_pb2_grpc import AdminServiceStub
from protos.pedagio.v1.admins_pb2_grpc import AdminsServiceStub
from protos.pedagio.v1.people_pb2_grpc import PeopleServiceStub
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from protos.pedagio.v1.reports_pb2_grpc import ReportServiceStub
from protos.pedagio.v1.requests_pb2_grpc import RequestServiceStub
from protos.pedagio.v1.usage_pb2_grpc import UsageServiceStub

router = APIRouter()
TOP: Final = 6
COUNTED: Final = 500


@router.get("/")
async def overview(request: Request, session: Signed) -> Response:
    """Each piece is left out where this administrator may not ask for it."""
    now = datetime.now(ZoneInfo(session.web.look.zone))
    days, people, models, mode, holds, match, waiting, pools = await asyncio.gather(
        _usage(session, now, "day"),
        _usage(session, now, "person"),
        _usage(session, now, "model"),
        session.look(AdminServiceStub, "GetMode", admin_pb2.GetModeRequest()),
        _holds(session),
        session.look(ReportServiceStub, "MatchRate", reports_pb2.MatchRateRequest()),
        _waiting(session),
        session.look(PlanServiceStub, "ListPools", plans_pb2.ListPoolsRequest()),
    )
    spent = {row.key: row for row in days.rows} if days else {}
    return session.page(
        "admin/overview.html", month=days.total if days else None, people=people, models=models,
        days=[(day, spent.get(day)) for day in _days(now)], today=spent.get(f"{now:%Y-%m-%d}"),
        mode=mode, holds=holds, match=match, done=asked(request, "done"),
        waiting=waiting,
        pools=None if days else pools, counted=COUNTED,
    )  # fmt: skip


async def _waiting(session: Session) -> dict[str, int]:
    """How many of each kind wait for somebody; 0 where this administrator may not ask."""
    requests, proposals, strangers, exceptions = await asyncio.gather(
        session.look(RequestServiceStub, "ListRequests",
                     requests_pb2.ListRequestsRequest(open=True, page_size=COUNTED)),
        session.look(AdminsServiceStub, "ListProposals", admins_pb2.ListProposalsRequest()),
        session.look(PeopleServiceStub, "ListStrangers",
                     people_pb2.ListStrangersRequest(page_size=COUNTED)),
        session.look(AdminServiceStub, "ListExceptions",
                     admin_pb2.ListExceptionsRequest(page_size=COUNTED)),
    )  # fmt: skip
    return {
        "requests": len(requests.requests) if requests else 0,
        "proposals": len(proposals.proposals) if proposals else 0,
        "strangers": len(strangers.strangers) if strangers else 0,
        "exceptions": len(exceptions.exceptions) if exceptions else 0,
    }


async def _usage(session: Session, now: datetime, by: str) -> Any:
    """Of this month; the largest first, days in order."""
    begin = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    message = usage_pb2.QueryUsageRequest(
        by=by, from_ms=int(begin.timestamp() * 1000), time_zone=session.web.look.zone,
        page_size=TOP if by != "day" else 0,
    )  # fmt: skip
    return await session.look(UsageServiceStub, "QueryUsage", message)


async def _holds(session: Session) -> tuple[int, int] | None:
    """How many are open, and what they reserve; of the first five hundred."""
    message = admin_pb2.ListHoldsRequest(page_size=COUNTED)
    if session.may("viewer", "support", "treasurer", "operator"):
        found = await session.ask(AdminServiceStub, "ListHolds", message)
        return len(found.holds), sum(each.amount_nanos for each in found.holds)
    return None


def _days(now: datetime) -> list[str]:
    """Of the present month, up to its end: the chart keeps its width."""
    first = now.date().replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    return [f"{first + timedelta(days=n):%Y-%m-%d}" for n in range((after - first).days)]
