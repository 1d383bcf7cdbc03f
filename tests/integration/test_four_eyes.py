"""Four eyes: what one administrator gives beyond an amount in a day waits for somebody else."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from protos.pedagio.v1 import admin_pb2, plans_pb2
from protos.pedagio.v1 import admins_pb2 as pb
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.integration.admin_service import Service, serve
from tests.integration.admins import add, ask, new_token
from tests.integration.gifts import (
    ABOVE,
    ANA,
    BIA,
    MARIA,
    actions,
    decide,
    gift,
    give,
    posted,
    strict,
)


@pytest.fixture
async def admin(pool: asyncpg.Pool) -> AsyncIterator[Service]:
    """One gives US$100 a day alone."""
    async with strict(pool) as service:
        yield service


async def test_gift_beyond_the_amount_waits_and_is_made_by_somebody_else(admin: Service) -> None:
    """Nothing is given before; the audit names both, and so does the statement."""
    ana, bia = await add(admin, ANA, "treasurer"), await add(admin, BIA, "treasurer")
    assert await give(admin, gift(ABOVE), ana) == 0
    proposal = await give(admin, gift(1, "r2"), ana)
    assert proposal
    assert await posted(admin) == ABOVE
    (shown,) = (await ask(admin, "ListProposals", pb.ListProposalsRequest(), bia)).proposals
    assert (shown.id, shown.proposer, shown.status) == (proposal, ANA, "waiting")
    assert "maria" in shown.request_json
    done = await ask(admin, "ConfirmProposal", decide(proposal), bia)
    assert (done.status, done.decider) == ("executed", BIA)
    assert await posted(admin) == ABOVE + 1
    assert await actions(admin, "propose", "confirm_proposal", "grant") == [
        (ANA, "grant"), (ANA, "propose"), (BIA, "confirm_proposal"), (ANA, "grant"),
    ]  # fmt: skip
    lines = await admin.audit()
    assert lines[-1][3]["reason"] == f"project (confirmed by {BIA})"
    assert lines[-2][3]["proposer"] == ANA


async def test_many_small_gifts_at_once_are_one_large_one(admin: Service) -> None:
    """The total of what one gives counts, also where it is given in sixteen calls at the same moment."""
    ana = await add(admin, ANA, "treasurer")
    results = await asyncio.gather(
        *(
            admin.ask("GiveCredit", gift(ABOVE // 10, f"r{n}"), token=ana, stub=PlanServiceStub)
            for n in range(16)
        ),
        return_exceptions=True,
    )
    assert sum(not isinstance(each, BaseException) for each in results) == 10
    assert await posted(admin) == ABOVE
    assert await admin.pool.fetchval("SELECT count(*) FROM proposal") == 6


async def test_gifts_through_different_methods_and_tokens_are_counted_together(
    admin: Service,
) -> None:
    """Another door, or another laptop, is the same giver."""
    ana = await add(admin, ANA, "treasurer")
    other = await new_token(admin, ANA)
    grant = admin_pb2.GrantRequest(
        name=MARIA, amount_nanos=ABOVE, reason="project", request_id="g1"
    )
    await admin.ask("Grant", grant, token=ana)
    assert await give(admin, gift(1), other)


async def test_gift_of_yesterday_counts_no_more(admin: Service) -> None:
    """A day is the last 24 hours: midnight opens nothing."""
    ana = await add(admin, ANA, "treasurer")
    assert await give(admin, gift(ABOVE), ana) == 0
    await admin.pool.execute("UPDATE given SET given_at = now() - interval '23 hours 59 minutes'")
    assert await give(admin, gift(1, "r2"), ana)
    await admin.pool.execute("UPDATE given SET given_at = now() - interval '1 day 1 minute'")
    assert await give(admin, gift(ABOVE, "r3"), ana) == 0


async def test_gift_that_is_repeated_or_refused_counts_once_or_never(admin: Service) -> None:
    """A retry gives nothing more, a mistake gave nothing."""
    ana = await add(admin, ANA, "treasurer")
    for _ in range(3):
        assert await give(admin, gift(ABOVE // 2), ana) == 0
    clash = gift(ABOVE // 4)  # the id was used for another amount
    status, sentence = await admin.refused("GiveCredit", clash, token=ana, stub=PlanServiceStub)
    assert (status, "was used for another grant" in sentence) == ("FAILED_PRECONDITION", True)
    assert await give(admin, gift(ABOVE // 2, "r2"), ana) == 0
    assert await posted(admin) == ABOVE


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (gift(2 * ABOVE, reason=""), "INVALID_ARGUMENT"),
        (gift(2 * ABOVE, request_id=""), "INVALID_ARGUMENT"),
        (gift(2**62), "INVALID_ARGUMENT"),
        (gift(-1), "INVALID_ARGUMENT"),
        (gift(2 * ABOVE, holder=plans_pb2.Holder(pool="none")), "NOT_FOUND"),
        (gift(2 * ABOVE, holder=plans_pb2.Holder()), "INVALID_ARGUMENT"),
    ],
)
async def test_request_that_could_never_be_made_is_not_proposed(
    admin: Service, request_: Any, status: str
) -> None:
    """Whoever confirms decides about credit, not about a slip of the keyboard."""
    ana = await add(admin, ANA, "treasurer")
    found, _ = await admin.refused("GiveCredit", request_, token=ana, stub=PlanServiceStub)
    assert found == status
    assert await admin.pool.fetchval("SELECT count(*) FROM proposal") == 0
    assert await admin.pool.fetchval("SELECT count(*) FROM given") == 0


async def test_plan_is_no_way_around(admin: Service) -> None:
    """An allowance is credit: assigning it, and raising it for those who are on it."""
    ana, bia = await add(admin, ANA, "treasurer"), await add(admin, BIA, "treasurer")
    plan = plans_pb2.Plan(id="big", period="month", allowance_nanos=3 * ABOVE)
    put = plans_pb2.PutPlanRequest(plan=plan, reason="r")
    assert await give(admin, put, ana, "PutPlan") == 0
    holder = plans_pb2.Holder(account=MARIA)
    assign = plans_pb2.AssignPlanRequest(holder=holder, plan="big", now=True, reason="r")
    proposal = await give(admin, assign, ana, "AssignPlan")
    assert proposal
    assert await posted(admin) == 0
    await ask(admin, "ConfirmProposal", decide(proposal), bia)
    assert await posted(admin) > 0
    plan.allowance_nanos += ABOVE + 1
    assert await give(admin, plans_pb2.PutPlanRequest(plan=plan, reason="r"), ana, "PutPlan")
    plan.allowance_nanos, plan.period = 3 * ABOVE, "week"
    assert await give(admin, plans_pb2.PutPlanRequest(plan=plan, reason="r"), ana, "PutPlan")
    plan.allowance_nanos = 1
    assert await give(admin, plans_pb2.PutPlanRequest(plan=plan, reason="r"), ana, "PutPlan") == 0


async def test_without_an_amount_nothing_waits(pool: asyncpg.Pool) -> None:
    """An installation with one administrator goes on as before."""
    async with serve(pool) as admin:
        await admin.create_client()
        await admin.open_account("maria")
        ana = await add(admin, ANA, "treasurer")
        assert await give(admin, gift(1000 * ABOVE), ana) == 0
