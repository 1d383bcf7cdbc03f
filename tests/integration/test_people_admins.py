"""An e-mail or a second name is no way round what an administrator may not do."""

import asyncpg
import pytest

from accounting.admin.reach import OUTSIDE, OWN
from protos.pedagio.v1 import admin_pb2, plans_pb2
from protos.pedagio.v1 import people_pb2 as pb
from protos.pedagio.v1.people_pb2_grpc import PeopleServiceStub
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.integration.admin_service import USD, Service
from tests.integration.admins import add, ask, refused
from tests.integration.gifts import ANA, BIA, decide, give, strict

MARIA = "maria@example.com"


def chat(name: str) -> admin_pb2.AccountName:
    """What the client calls somebody."""
    return admin_pb2.AccountName(client="chat", external_id=name)


def mail(address: str) -> admin_pb2.AccountName:
    """Somebody by e-mail."""
    return admin_pb2.AccountName(external_id=address)


def a_file(*rows: str, request_id: str = "f") -> pb.ImportPeopleRequest:
    """A list of people to import."""
    text = "\n".join(("email,team,plan,credit", *rows, ""))
    return pb.ImportPeopleRequest(
        file=text.encode(), partial=True, request_id=request_id, reason="test"
    )


def binding(email: str, name: str) -> pb.BindPersonRequest:
    """A name of somebody."""
    return pb.BindPersonRequest(email=email, name=chat(name), reason="test")


async def import_both(admin: Service) -> None:
    """Ana and Maria, both with two names at the chat."""
    await admin.create_client()
    await admin.ask("ImportPeople", a_file(f"{ANA},TI,,", f"{MARIA},RH,,"), stub=PeopleServiceStub)
    for email, names in ((ANA, ("ana", "ana-2")), (MARIA, ("maria", "maria-2"))):
        for name in names:
            await admin.ask("BindPerson", binding(email, name), stub=PeopleServiceStub)


@pytest.mark.parametrize(
    ("own", "other"),
    [
        (mail(ANA), mail(MARIA)),
        (mail(f" {ANA.upper()} "), mail(MARIA)),
        (chat("ana"), chat("maria")),
        (chat("ana-2"), chat("maria-2")),
    ],
    ids=["e-mail", "e-mail, otherwise written", "first name", "second name"],
)
async def test_own_account_is_refused_by_every_name(
    admin: Service, own: admin_pb2.AccountName, other: admin_pb2.AccountName
) -> None:
    """All of them mean the one account."""
    await import_both(admin)
    token = await add(admin, ANA, "treasurer")
    wanted = admin_pb2.GrantRequest(name=own, amount_nanos=USD, reason="r", request_id="a")
    assert await admin.refused("Grant", wanted, token=token) == ("PERMISSION_DENIED", OWN)
    wanted = admin_pb2.GrantRequest(name=other, amount_nanos=USD, reason="r", request_id="b")
    await admin.ask("Grant", wanted, token=token)
    assert (await admin.ask("GetBalance", mail(MARIA))).posted_nanos == USD


@pytest.mark.parametrize("name", [mail(MARIA), chat("maria"), chat("maria-2")])
async def test_team_lead_reaches_people_of_the_own_pool_by_every_name(
    admin: Service, name: admin_pb2.AccountName
) -> None:
    """And nobody else's by any."""
    await import_both(admin)
    inside = await add(admin, BIA, "team_lead", pools=("RH",))
    outside = await add(admin, "cy@example.com", "team_lead", pools=("TI",))
    assert (await admin.ask("GetBalance", name, token=inside)).name == chat("maria")
    assert await admin.refused("GetBalance", name, token=outside) == ("NOT_FOUND", OUTSIDE)


@pytest.mark.parametrize(
    "request_", [binding(ANA, "maria"), binding(MARIA, "ana"), binding(ANA, "nobody")]
)
async def test_nobody_binds_names_to_or_from_themselves(
    admin: Service, request_: pb.BindPersonRequest
) -> None:
    """It would make somebody's credit the own, or the own name somebody else's to pay for."""
    await import_both(admin)
    token = await add(admin, ANA, "operator")
    before = len(await admin.audit())
    assert await admin.refused("BindPerson", request_, token=token, stub=PeopleServiceStub) == (
        "PERMISSION_DENIED", OWN,
    )  # fmt: skip
    assert len(await admin.audit()) == before


async def test_file_gives_nothing_to_who_imports_it(admin: Service) -> None:
    """To stand in it is no gift; credit, a plan or a team is. For others all of it passes."""
    await import_both(admin)
    token = await add(admin, ANA, "treasurer")
    for number, row in enumerate((f"{ANA},TI,,US$1", f"{ANA},RH,,")):
        wanted = a_file(row, f"{MARIA},RH,,US$1", request_id=f"own-{number}")
        assert await admin.refused("ImportPeople", wanted, token=token, stub=PeopleServiceStub) == (
            "PERMISSION_DENIED", OWN,
        )  # fmt: skip
    wanted = a_file(f"{ANA},TI,,", f"{MARIA},RH,,US$1", request_id="others")
    done = await admin.ask("ImportPeople", wanted, token=token, stub=PeopleServiceStub)
    assert (done.unchanged, done.credit_nanos) == (1, USD)


async def test_file_is_one_gift_for_four_eyes(pool: asyncpg.Pool) -> None:
    """A plan of US$50, then another with US$20: more than US$100 of one day. Who is in it does not confirm it."""
    async with strict(pool) as admin:
        plan = plans_pb2.Plan(id="team", period="month", allowance_nanos=50 * USD)
        await admin.ask(
            "PutPlan", plans_pb2.PutPlanRequest(plan=plan, reason="r"), stub=PlanServiceStub
        )
        ana, bia = await add(admin, ANA, "treasurer"), await add(admin, BIA, "treasurer")
        cy = await add(admin, "cy@example.com", "treasurer")
        alone = a_file("x@example.com,,team,", request_id="x")
        assert (await admin.ask("ImportPeople", alone, token=ana, stub=PeopleServiceStub)).batch
        wanted = a_file("y@example.com,,team,US$10", f"{BIA},,,US$10", request_id="y")
        number = await give(admin, wanted, ana, "ImportPeople", PeopleServiceStub)
        assert (bool(number), await people(pool)) == (True, 1)
        assert await refused(admin, "ConfirmProposal", decide(number), bia) == (
            "PERMISSION_DENIED", OWN,
        )  # fmt: skip
        await ask(admin, "ConfirmProposal", decide(number), cy)
        assert await people(pool) == 3


async def people(pool: asyncpg.Pool) -> int:
    """How many."""
    return int(await pool.fetchval("SELECT count(*) FROM person"))
