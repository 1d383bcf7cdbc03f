"""What an import, its undoing, and a client's rules give counts as every gift does."""

from typing import Any

import asyncpg
import pytest

from accounting.admin.reach import OWN
from protos.pedagio.v1 import people_pb2 as pb
from protos.pedagio.v1 import plans_pb2
from protos.pedagio.v1.people_pb2_grpc import PeopleServiceStub
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.integration.admin_service import USD, Service
from tests.integration.admins import add
from tests.integration.gifts import ANA, BIA, gift, give, strict
from tests.integration.people_scene import a_file

HEADER = "email,plan"
CY = "cy@example.com"


def a_plan(usd: int, name: str = "team") -> plans_pb2.PutPlanRequest:
    """A plan of so much a month."""
    plan = plans_pb2.Plan(id=name, period="month", allowance_nanos=usd * USD)
    return plans_pb2.PutPlanRequest(plan=plan, reason="r")


async def load(admin: Service, *rows: str, request_id: str) -> int:
    """Import people by the installation's token; the batch."""
    request = pb.ImportPeopleRequest(
        file=a_file(rows, HEADER), partial=True, request_id=request_id, reason="r"
    )
    return int((await admin.ask("ImportPeople", request, stub=PeopleServiceStub)).batch)


async def test_raised_plan_counts_people_who_wait_for_their_account(pool: asyncpg.Pool) -> None:
    """Else a list on a plan of one cent becomes any amount for everybody, with one pair of eyes."""
    async with strict(pool) as admin:
        await admin.ask("PutPlan", a_plan(1), stub=PlanServiceStub)
        await load(admin, *(f"p{n}@example.com,team" for n in range(3)), request_id="f")
        ana = await add(admin, ANA, "treasurer")
        assert await give(admin, a_plan(30), ana, "PutPlan") == 0
        assert await give(admin, a_plan(60), ana, "PutPlan") != 0


async def test_nobody_raises_the_plan_that_waits_for_them(admin: Service) -> None:
    """It is their own before they chat, too."""
    await admin.create_client()
    await admin.ask("PutPlan", a_plan(1), stub=PlanServiceStub)
    await load(admin, f"{ANA},team", request_id="f")
    ana = await add(admin, ANA, "treasurer")
    refused = await admin.refused("PutPlan", a_plan(2), token=ana, stub=PlanServiceStub)
    assert refused == ("PERMISSION_DENIED", OWN)


@pytest.mark.parametrize("second", [f"{ANA},small", ""], ids=["moved", "left"])
async def test_nobody_undoes_what_was_taken_from_them(admin: Service, second: str) -> None:
    """The greater plan, or the account, would be theirs again by their own hand; another may."""
    await admin.create_client()
    for name, usd in (("team", 50), ("small", 1)):
        await admin.ask("PutPlan", a_plan(usd, name), stub=PlanServiceStub)
    await load(admin, f"{ANA},team", f"{BIA},team", request_id="f")
    request = pb.ImportPeopleRequest(
        file=a_file([second, f"{BIA},team"], HEADER), request_id="g", reason="r"
    )
    batch = (await admin.ask("ImportPeople", request, stub=PeopleServiceStub)).batch
    ana, cy = await add(admin, ANA, "treasurer"), await add(admin, CY, "treasurer")
    undo = pb.UndoImportRequest(batch=batch, reason="r")
    refused = await admin.refused("UndoImport", undo, token=ana, stub=PeopleServiceStub)
    assert refused == ("PERMISSION_DENIED", OWN)
    await admin.ask("UndoImport", undo, token=cy, stub=PeopleServiceStub)


async def test_undone_import_gives_the_plans_back_under_four_eyes(pool: asyncpg.Pool) -> None:
    """Two people back on US$45 after a gift of US$20 are more than US$100."""
    async with strict(pool) as admin:
        for name, usd in (("team", 45), ("small", 1)):
            await admin.ask("PutPlan", a_plan(usd, name), stub=PlanServiceStub)
        await load(admin, f"{BIA},team", f"{CY},team", request_id="f")
        batch = await load(admin, f"{BIA},small", f"{CY},small", request_id="g")
        ana = await add(admin, ANA, "treasurer")
        assert await give(admin, gift(20 * USD), ana) == 0
        undo = pb.UndoImportRequest(batch=batch, reason="r")
        assert await give(admin, undo, ana, "UndoImport", PeopleServiceStub) != 0
        tried = pb.UndoImportRequest(batch=batch, reason="r", dry_run=True)
        assert await give(admin, tried, ana, "UndoImport", PeopleServiceStub) == 0


async def test_guest_plan_counts_for_as_many_as_may_come_in_a_day(pool: asyncpg.Pool) -> None:
    """Whoever sets it may be the next guest. To take it away, or fewer of them, is no gift."""
    async with strict(pool) as admin:
        await admin.ask("PutPlan", a_plan(1, "guest"), stub=PlanServiceStub)
        ana = await add(admin, ANA, "operator")

        async def rule(**fields: Any) -> bool:
            wanted = pb.SetClientPeopleRequest(client="chat", reason="r", **fields)
            return await give(admin, wanted, ana, "SetClientPeople", PeopleServiceStub) != 0

        assert await rule(guest_plan="guest")  # 1,000 a day
        assert not await rule(new_accounts_a_day=60)
        assert not await rule(guest_plan="guest")
        assert await rule(new_accounts_a_day=200)
        assert not await rule(new_accounts_a_day=10)
        assert not await rule(guest_plan="")


async def test_raised_guest_plan_counts_the_guests_to_come(pool: asyncpg.Pool) -> None:
    """Else it is set at a cent, and raised before anybody is on it."""
    async with strict(pool) as admin:
        await admin.ask("PutPlan", a_plan(1, "guest"), stub=PlanServiceStub)
        rules = pb.SetClientPeopleRequest(
            client="chat", guest_plan="guest", new_accounts_a_day=60, reason="r"
        )
        await admin.ask("SetClientPeople", rules, stub=PeopleServiceStub)
        ana = await add(admin, ANA, "treasurer")
        assert await give(admin, a_plan(2, "guest"), ana, "PutPlan") == 0
        assert await give(admin, a_plan(4, "guest"), ana, "PutPlan") != 0
