"""Plans, pools, caps, grants at the command line, against the real service on a real ledger."""

import uuid
from typing import Any

import pytest

from protos.pedagio.v1 import plans_pb2 as pb
from protos.pedagio.v1.admin_pb2 import AccountName
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.integration.admin_service import USD, Service
from tests.integration.test_admin_cli import in_json, pedagio, prepare

MARIA = pb.Holder(account=AccountName(client="chat", external_id="maria"))
WHO = ("chat", "maria")
WHY = ("--reason", "r")


def a_plan(**changes: Any) -> pb.PutPlanRequest:
    """A plan of a day, but for the changes."""
    wanted: dict[str, Any] = {"id": "p", "period": "day", "allowance_nanos": 1, **changes}
    return pb.PutPlanRequest(plan=pb.Plan(**wanted))


def a_gift(**changes: Any) -> pb.GiveCreditRequest:
    """A nano for Maria, but for the changes."""
    wanted: dict[str, Any] = {"holder": MARIA, "amount_nanos": 1, "request_id": "a", **changes}
    return pb.GiveCreditRequest(**wanted)


async def test_plan_is_put_assigned_and_shown_with_what_comes_next(admin: Service) -> None:
    """Finance's first minute: a plan, somebody on it, the list of what she has."""
    await prepare(admin)
    plan = await in_json(
        admin, "plan", "put", "team", "--allowance", "US$20", "--whole-first-period", *WHY
    )
    assert (plan["allowance_nanos"], plan["period"], plan["time_zone"], plan["rollover"]) == (
        20 * USD, "month", "America/Sao_Paulo", "none",
    )  # fmt: skip
    credit = await in_json(admin, "plan", "assign", "team", *WHO, *WHY)
    assert (credit["posted_nanos"], credit["plan"], credit["next_nanos"]) == (
        20 * USD,
        "team",
        20 * USD,
    )
    assert [(g["source"], g["remaining_nanos"]) for g in credit["grants"]] == [("plan", 20 * USD)]
    assert credit["grants"][0]["valid_until_ms"] == credit["next_at_ms"]
    shown = (await pedagio(admin, "plan", "list")).stdout
    assert "team" in shown
    assert "US$20.00" in shown
    lines = [line[1] for line in await admin.audit()]
    assert lines[-2:] == ["put_plan", "assign_plan"]


async def test_pool_pays_for_its_members_until_they_leave(admin: Service) -> None:
    """Created, filled, joined, left: each one command."""
    account = await prepare(admin)
    await in_json(admin, "pool", "create", "TI", *WHY)
    credit = await in_json(
        admin, "grants", "give", "US$50", "--pool", "TI", "--source", "purchase", *WHY
    )
    assert credit["grants"][0]["source"] == "purchase"
    joined = await in_json(admin, "pool", "add", "TI", *WHO, *WHY)
    assert (joined["members"], joined["posted_nanos"]) == (1, 50 * USD)
    await admin.place(int(account["id"]), 30 * USD)
    (listed,) = (await in_json(admin, "pool", "list"))["pools"]
    assert listed["held_nanos"] == 30 * USD
    (hold,) = (await in_json(admin, "holds", "list", *WHO))["holds"]
    assert hold["account"]["external_id"] == "maria"
    (explained,) = (await in_json(admin, "explain", hold["hold_id"]))["explanations"]
    assert explained["account"]["external_id"] == "maria"
    left = await in_json(admin, "pool", "remove", "TI", *WHO, *WHY)
    assert left["members"] == 0
    result = await pedagio(admin, "pool", "remove", "TI", *WHO, *WHY, code=1)
    assert "is no member of TI" in result.stderr


async def test_cap_is_set_shown_and_cleared(admin: Service) -> None:
    """A person's, and everybody's."""
    await prepare(admin)
    await in_json(admin, "cap", "set", "day", "US$5", *WHO, *WHY)
    await in_json(admin, "cap", "set", "month", "US$900", *WHY)
    caps = (await in_json(admin, "cap", "list"))["caps"]
    assert [(c["period"], c["limit_nanos"], c["left_nanos"]) for c in caps] == [
        ("month", 900 * USD, 900 * USD), ("day", 5 * USD, 5 * USD),
    ]  # fmt: skip
    assert "everybody" in (await pedagio(admin, "cap", "list")).stdout
    await pedagio(admin, "cap", "clear", "day", *WHO, *WHY)
    assert len((await in_json(admin, "cap", "list"))["caps"]) == 1
    result = await pedagio(admin, "cap", "clear", "day", *WHO, *WHY, code=1)
    assert "there is no such cap" in result.stderr


async def test_grant_is_given_with_an_end_and_revoked(admin: Service) -> None:
    """What is left goes back; the second time there is nothing to take."""
    await prepare(admin)
    credit = await in_json(
        admin, "grants", "give", "US$3", *WHO, "--until", "2099-01-01", "--priority", "5", *WHY
    )
    (grant,) = credit["grants"]
    await in_json(admin, "pool", "create", "TI", *WHY)
    await admin.open_account("joao")
    for other in (("chat", "joao"), ("--pool", "TI")):
        result = await pedagio(admin, "grants", "revoke", str(grant["id"]), *other, *WHY, code=1)
        assert "of theirs" in result.stderr
    answer = await in_json(admin, "grants", "revoke", str(grant["id"]), *WHO, *WHY)
    assert answer["revoked_nanos"] == 3 * USD
    assert answer["holder"]["account"]["external_id"] == "maria"
    result = await pedagio(admin, "grants", "revoke", str(grant["id"]), *WHY, code=1)
    assert "could be taken back" in result.stderr
    assert (await in_json(admin, "grants", "list", *WHO))["posted_nanos"] == 0


async def test_revoking_says_whose_it_was(admin: Service) -> None:
    """A number alone does not show that it was the wrong one."""
    await in_json(admin, "pool", "create", "TI", *WHY)
    credit = await in_json(admin, "grants", "give", "US$3", "--pool", "TI", *WHY)
    (grant,) = credit["grants"]
    shown = (await pedagio(admin, "grants", "revoke", str(grant["id"]), *WHY)).stdout
    assert "US$3.00" in shown
    assert "pool TI" in shown


async def test_same_request_gives_once_and_another_content_is_refused(admin: Service) -> None:
    """A lost answer is asked again; a reused id is a mistake that must not give anything."""
    await prepare(admin)
    request = pb.GiveCreditRequest(
        holder=MARIA, amount_nanos=USD, request_id=str(uuid.uuid4()), reason="r"
    )
    first = await admin.ask("GiveCredit", request, stub=PlanServiceStub)
    again = await admin.ask("GiveCredit", request, stub=PlanServiceStub)
    assert (first.replayed, again.replayed, again.posted_nanos) == (False, True, USD)
    request.amount_nanos = 2 * USD
    status, sentence = await admin.refused("GiveCredit", request, stub=PlanServiceStub)
    assert (status, "another grant" in sentence) == ("FAILED_PRECONDITION", True)


async def test_same_request_with_another_beginning_is_refused(admin: Service) -> None:
    """Credit of January is not credit of February."""
    await prepare(admin)
    january, february = 1_798_761_600_123, 1_801_440_000_000
    request = pb.GiveCreditRequest(
        holder=MARIA, amount_nanos=USD, request_id="begins", valid_from_ms=january, reason="r"
    )
    await admin.ask("GiveCredit", request, stub=PlanServiceStub)
    assert (await admin.ask("GiveCredit", request, stub=PlanServiceStub)).replayed
    request.valid_from_ms = february
    status, sentence = await admin.refused("GiveCredit", request, stub=PlanServiceStub)
    assert (status, "another grant" in sentence) == ("FAILED_PRECONDITION", True)


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("PutPlan", a_plan(id="Ü"), "plan.id"),
        ("PutPlan", a_plan(period="year"), "plan.period"),
        ("PutPlan", a_plan(allowance_nanos=0), "plan.allowance_nanos"),
        ("PutPlan", a_plan(allowance_nanos=-5), "plan.allowance_nanos"),
        ("PutPlan", a_plan(time_zone="Mars/Olympus"), "plan.time_zone"),
        ("PutPlan", a_plan(rollover="some"), "plan.rollover"),
        ("PutPlan", a_plan(rollover="capped"), "plan.rollover_cap_nanos"),
        ("PutPlan", a_plan(priority=-1), "plan.priority"),
        ("AssignPlan", pb.AssignPlanRequest(holder=MARIA, plan="nope"), "there is no plan"),
        ("AssignPlan", pb.AssignPlanRequest(plan="nope"), "holder"),
        ("GiveCredit", pb.GiveCreditRequest(holder=MARIA, request_id="a"), "amount_nanos"),
        ("GiveCredit", pb.GiveCreditRequest(holder=MARIA, amount_nanos=-1, request_id="a"), "amount_nanos"),
        ("GiveCredit", a_gift(valid_until_ms=1), "valid_until_ms"),
        ("GiveCredit", a_gift(source="magic"), "source"),
        ("GiveCredit", pb.GiveCreditRequest(holder=MARIA, amount_nanos=1), "request_id"),
        ("GiveCredit", a_gift(valid_from_ms=2**62), "valid_from_ms"),
        ("CreatePool", pb.CreatePoolRequest(name="a b"), "name"),
        ("SetMember", pb.SetMemberRequest(pool="nope", account=MARIA.account), "there is no pool"),
        ("SetMember", pb.SetMemberRequest(pool="TI", account=AccountName(client="chat")), "account"),
        ("SetCap", pb.SetCapRequest(cap=pb.Cap(account=MARIA.account, period="day")), "cap.limit_nanos"),
        ("SetCap", pb.SetCapRequest(cap=pb.Cap(pool="TI", period="day", limit_nanos=1)), "cap.account"),
    ],
)  # fmt: skip
async def test_bad_input_names_the_field_and_changes_nothing(
    admin: Service, method: str, request_: object, field: str
) -> None:
    """Nothing is half applied: no audit line, no row."""
    await prepare(admin)
    await in_json(admin, "pool", "create", "TI", *WHY)
    before = len(await admin.audit())
    request_.reason = "r"  # type: ignore[attr-defined]
    _, sentence = await admin.refused(method, request_, stub=PlanServiceStub)
    assert field in sentence
    assert len(await admin.audit()) == before
    counts = "SELECT (SELECT count(*) FROM credit_grant) + (SELECT count(*) FROM plan) + (SELECT count(*) FROM cap)"
    assert await admin.pool.fetchval(counts) == 0


@pytest.mark.parametrize(
    "method", [m.name for m in pb.DESCRIPTOR.services_by_name["PlanService"].methods]
)
async def test_every_method_needs_a_token(admin: Service, method: str) -> None:
    """A service beside the first one is behind the same door."""
    kind = pb.DESCRIPTOR.services_by_name["PlanService"].methods_by_name[method].input_type.name
    request = getattr(pb, kind)()
    status, _ = await admin.refused(method, request, stub=PlanServiceStub, token="x" * 40)
    assert status == "UNAUTHENTICATED"
