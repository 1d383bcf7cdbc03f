"""Gifts to Maria under four eyes, with what becomes of them."""

import contextlib
import re
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import grpc

from protos.pedagio.v1 import admin_pb2, plans_pb2
from protos.pedagio.v1 import admins_pb2 as pb
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.integration.admin_service import USD, Service, serve

ABOVE = 100 * USD
ANA, BIA = "ana@example.com", "bia@example.com"
MARIA = admin_pb2.AccountName(client="chat", external_id="maria")


@contextlib.asynccontextmanager
async def strict(pool: asyncpg.Pool) -> AsyncIterator[Service]:
    """A service under which one gives US$100 a day alone; Maria has an account."""
    async with serve(pool, four_eyes_above=ABOVE) as service:
        await service.create_client()
        await service.open_account("maria")
        yield service


def gift(nanos: int, request_id: str = "r1", **fields: Any) -> plans_pb2.GiveCreditRequest:
    """Credit for Maria."""
    whole: dict[str, Any] = {
        "reason": "project",
        "holder": plans_pb2.Holder(account=MARIA),
    } | fields
    return plans_pb2.GiveCreditRequest(amount_nanos=nanos, request_id=request_id, **whole)


async def give(
    admin: Service,
    request: Any,
    token: str,
    method: str = "GiveCredit",
    stub: Any = PlanServiceStub,
) -> int:
    """0 where it was given; else the proposal that it became, as the sentence for the person names it."""
    try:
        await admin.ask(method, request, token=token, stub=stub)
    except grpc.aio.AioRpcError as error:
        found = re.search(r"proposal (\d+) waits 7 days for somebody else", error.details() or "")
        if found is None:
            raise
        return int(found[1])
    return 0


async def posted(admin: Service) -> int:
    """What Maria has."""
    return int((await admin.ask("GetBalance", MARIA)).posted_nanos)


def decide(proposal: int) -> pb.DecideProposalRequest:
    """Yes or no."""
    return pb.DecideProposalRequest(id=proposal, reason="checked")


async def actions(admin: Service, *names: str) -> list[tuple[str, str]]:
    """Who did what, of these actions."""
    return [line[:2] for line in await admin.audit() if line[1] in names]
