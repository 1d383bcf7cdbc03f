"""Nobody gives to themselves, whatever the role, by whatever way the account is theirs."""

from typing import Any

import pytest

from accounting.admin.reach import OWN
from protos.pedagio.v1 import admin_pb2, plans_pb2, settings_pb2
from protos.pedagio.v1.admin_pb2_grpc import AdminServiceStub
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from protos.pedagio.v1.settings_pb2_grpc import SettingsServiceStub
from tests.integration.admin_service import USD, Service
from tests.integration.admins import add

ANA = "ana@example.com"
OWN_NAME = admin_pb2.AccountName(client="chat", external_id="ana")
OTHER = admin_pb2.AccountName(client="chat", external_id="maria")
PLAN = plans_pb2.Plan(id="p", period="month", allowance_nanos=USD)


def writes(name: admin_pb2.AccountName) -> list[tuple[str, Any, Any]]:
    """Each write that could be for one's own good, about this account."""
    holder = plans_pb2.Holder(account=name)
    cap = plans_pb2.Cap(account=name, period="month", limit_nanos=USD)
    return [
        ("Grant", admin_pb2.GrantRequest(name=name, amount_nanos=1, reason="r",
                                         request_id=f"a-{name.external_id}"), AdminServiceStub),
        ("GiveCredit", plans_pb2.GiveCreditRequest(holder=holder, amount_nanos=1, reason="r",
                                                   request_id=f"b-{name.external_id}"), PlanServiceStub),
        ("AssignPlan", plans_pb2.AssignPlanRequest(holder=holder, plan="p", reason="r"), PlanServiceStub),
        ("SetMember", plans_pb2.SetMemberRequest(pool="RH", account=name, reason="r"), PlanServiceStub),
        ("SetCap", plans_pb2.SetCapRequest(cap=cap, reason="r"), PlanServiceStub),
        ("ClearCap", plans_pb2.ClearCapRequest(cap=cap, reason="r"), PlanServiceStub),
        ("SetEmail", settings_pb2.SetEmailRequest(account=name, email="x@example.com", reason="r"),
         SettingsServiceStub),
        ("SetAccountStatus", admin_pb2.SetAccountStatusRequest(name=name, status="active", reason="r"),
         AdminServiceStub),
    ]  # fmt: skip


async def prepare(admin: Service) -> str:
    """Ana administers and chats, on the pool TI; returns her token."""
    await admin.create_client()
    for name in (OWN_NAME, OTHER):
        email = "Ana@Example.com" if name is OWN_NAME else ""
        opened = admin_pb2.OpenAccountRequest(name=name, email=email, reason="test")
        await admin.ask("OpenAccount", opened)
    for method, request in (
        ("CreatePool", plans_pb2.CreatePoolRequest(name="TI", reason="test")),
        ("CreatePool", plans_pb2.CreatePoolRequest(name="RH", reason="test")),
        ("SetMember", plans_pb2.SetMemberRequest(pool="TI", account=OWN_NAME, reason="test")),
        ("PutPlan", plans_pb2.PutPlanRequest(plan=PLAN, reason="test")),
    ):
        await admin.ask(method, request, stub=PlanServiceStub)
    return await add(admin, ANA, "treasurer", "operator")


@pytest.mark.parametrize("number", range(len(writes(OWN_NAME))))
async def test_administrator_changes_nothing_about_the_own_credit(
    admin: Service, number: int
) -> None:
    """The same for another person is allowed: it is whose account it is that decides."""
    token = await prepare(admin)
    before = len(await admin.audit())
    method, request, stub = writes(OWN_NAME)[number]
    assert await admin.refused(method, request, token=token, stub=stub) == (
        "PERMISSION_DENIED", OWN,
    )  # fmt: skip
    assert len(await admin.audit()) == before
    method, request, stub = writes(OTHER)[number]
    if method == "ClearCap":
        _, put, _ = writes(OTHER)[number - 1]
        await admin.ask("SetCap", put, token=token, stub=stub)
    await admin.ask(method, request, token=token, stub=stub)


async def test_administrator_gives_nothing_to_the_pool_that_pays_for_them(admin: Service) -> None:
    """Nor puts it on a plan; another team's pool is another matter."""
    token = await prepare(admin)
    for pool, expected in (("TI", "PERMISSION_DENIED"), ("RH", "")):
        request = plans_pb2.GiveCreditRequest(
            holder=plans_pb2.Holder(pool=pool), amount_nanos=1, reason="r", request_id=f"c-{pool}"
        )
        if expected:
            found, _ = await admin.refused("GiveCredit", request, token=token, stub=PlanServiceStub)
            assert found == expected
        else:
            await admin.ask("GiveCredit", request, token=token, stub=PlanServiceStub)


async def test_administrator_does_not_raise_the_plan_they_are_on(admin: Service) -> None:
    """Lower it they may, and raise another one."""
    token = await prepare(admin)
    assign = plans_pb2.AssignPlanRequest(
        holder=plans_pb2.Holder(account=OWN_NAME), plan="p", reason="r"
    )
    await admin.ask("AssignPlan", assign, stub=PlanServiceStub)
    for plan, nanos, refused in (("p", 2 * USD, True), ("p", USD, False), ("q", 2 * USD, False)):
        changed = plans_pb2.Plan(id=plan, period="month", allowance_nanos=nanos)
        request = plans_pb2.PutPlanRequest(plan=changed, reason="r")
        if refused:
            found = await admin.refused("PutPlan", request, token=token, stub=PlanServiceStub)
            assert found == ("PERMISSION_DENIED", OWN)
        else:
            await admin.ask("PutPlan", request, token=token, stub=PlanServiceStub)


@pytest.mark.parametrize(
    "holder", [plans_pb2.Holder(account=OWN_NAME), plans_pb2.Holder(pool="TI")], ids=["own", "pool"]
)
async def test_administrator_does_not_loosen_the_plan_that_pays_for_them(
    admin: Service, holder: plans_pb2.Holder
) -> None:
    """Neither by a larger allowance nor by shadow, where nothing is refused; another administrator may."""
    token = await prepare(admin)
    assign = plans_pb2.AssignPlanRequest(holder=holder, plan="p", reason="r")
    await admin.ask("AssignPlan", assign, stub=PlanServiceStub)
    other = await add(admin, "bia@example.com", "treasurer")
    for nanos, shadow in ((2 * USD, False), (USD, True)):
        plan = plans_pb2.Plan(id="p", period="month", allowance_nanos=nanos, shadow=shadow)
        request = plans_pb2.PutPlanRequest(plan=plan, reason="r")
        found = await admin.refused("PutPlan", request, token=token, stub=PlanServiceStub)
        assert found == ("PERMISSION_DENIED", OWN)
    await admin.ask("PutPlan", request, token=other, stub=PlanServiceStub)
    assert (await admin.ask("PutPlan", request, token=token, stub=PlanServiceStub)).shadow


async def test_account_that_is_named_after_the_administrator_is_their_own(admin: Service) -> None:
    """A client that calls people by their e-mail gives no label."""
    token = await prepare(admin)
    name = admin_pb2.AccountName(client="chat", external_id="ANA@example.com")
    await admin.ask("OpenAccount", admin_pb2.OpenAccountRequest(name=name, reason="test"))
    method, request, stub = writes(name)[0]
    assert (await admin.refused(method, request, token=token, stub=stub))[1] == OWN


@pytest.mark.parametrize("external_id", [" ana", "ana ", "\tana\n", "\u2003ana"])
async def test_space_around_the_own_name_is_no_disguise(admin: Service, external_id: str) -> None:
    """The ledger reads the name without it, so does the rule."""
    token = await prepare(admin)
    name = admin_pb2.AccountName(client="chat", external_id=external_id)
    for method, request, stub in writes(name):
        assert (await admin.refused(method, request, token=token, stub=stub))[1] == OWN
