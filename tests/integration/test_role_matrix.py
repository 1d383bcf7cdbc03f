"""Each method of the protos with each role: allowed or refused as the table says, within whose pools."""

from typing import Any

import grpc
import pytest

from accounting.admin import reach, roles
from protos.pedagio.v1 import admin_pb2, plans_pb2, requests_pb2
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from protos.pedagio.v1.requests_pb2_grpc import RequestServiceStub
from tests.integration.admin_service import Service
from tests.integration.admins import add
from tests.rpcs import RPCS, Rpc

SCOPED_RPCS = [rpc for rpc in RPCS if roles.RULES[rpc.name].roles & roles.SCOPED]


async def status_of(admin: Service, rpc: Rpc, request: Any, token: str) -> tuple[str, str]:
    """What the service says."""
    try:
        await admin.ask(rpc.method, request, token=token, stub=rpc.stub)
    except grpc.aio.AioRpcError as error:
        return error.code().name, error.details() or ""
    return "OK", ""


async def teams(admin: Service) -> None:
    """Maria draws on TI, João on RH; each pool exists."""
    await admin.create_client()
    for person, team in (("maria", "TI"), ("joao", "RH")):
        await admin.open_account(person)
        account = admin_pb2.AccountName(client="chat", external_id=person)
        for method, request in (
            ("CreatePool", plans_pb2.CreatePoolRequest(name=team, reason="test")),
            ("SetMember", plans_pb2.SetMemberRequest(pool=team, account=account, reason="test")),
        ):
            await admin.ask(method, request, stub=PlanServiceStub)


@pytest.mark.parametrize("role", sorted(roles.EVERYBODY))
async def test_each_method_of_the_protos_is_allowed_to_the_roles_of_the_table(
    admin: Service, role: str
) -> None:
    """Asked empty: who may is told what is missing, who may not is told that, whatever is missing."""
    await teams(admin)
    token = await add(admin, "ana@example.com", role)
    before = len(await admin.audit())
    wrong = []
    for rpc in RPCS:
        status, sentence = await status_of(admin, rpc, rpc.request(), token)
        rule = roles.RULES[rpc.name]
        expected = role in rule.roles and not rule.installation
        if (status != "PERMISSION_DENIED") != expected or status in {"UNKNOWN", "INTERNAL"}:
            wrong.append((rpc.name, status, sentence))
        if expected and role in roles.SCOPED and rule.of and sentence != reach.OUTSIDE:
            wrong.append((rpc.name, status, sentence))
    assert wrong == []
    assert len(await admin.audit()) == before


async def test_administrator_whose_roles_are_none_reaches_nothing(admin: Service) -> None:
    """The table is the only source of rights."""
    token = await add(admin, "ana@example.com", "viewer")
    await admin.pool.execute("DELETE FROM admin_role")
    for rpc in RPCS:
        assert (await status_of(admin, rpc, rpc.request(), token))[0] == "PERMISSION_DENIED"


ASKED = {"maria": 1, "joao": 2, "nobody": 3, "": 0}


async def requests_of_both(admin: Service) -> None:
    """Maria's credit request is the first, João's the second."""
    for person in ("maria", "joao"):
        request = requests_pb2.SubmitRequestRequest(
            account=admin_pb2.AccountName(client="chat", external_id=person), asked_nanos=1, why="x",
            request_id=person, reason="test",
        )  # fmt: skip
        await admin.ask("SubmitRequest", request, stub=RequestServiceStub)


def about(rpc: Rpc, person: str, team: str) -> Any:
    """A request that names these in each field by which the table scopes it."""
    request = rpc.request()
    for path in roles.RULES[rpc.name].of or ():
        target = request
        *parents, last = path.split(".") if path else ("",)
        for part in parents:
            target = getattr(target, part)
        value = getattr(target, last) if last else target
        if isinstance(value, plans_pb2.Holder):
            value.account.client, value.account.external_id = "chat", person
        elif isinstance(value, admin_pb2.AccountName):
            value.client, value.external_id = "chat", person
        elif isinstance(value, int):
            setattr(target, last, ASKED[person])
        else:
            setattr(target, last, team)
    return request


@pytest.mark.parametrize("rpc", [each for each in SCOPED_RPCS if roles.RULES[each.name].of],
                         ids=lambda rpc: rpc.name)  # fmt: skip
async def test_scoped_role_reaches_the_people_of_its_pools_and_nobody_else(
    admin: Service, rpc: Rpc
) -> None:
    """What lies outside is not found, in the words for what does not exist: 404, never 403."""
    await teams(admin)
    await requests_of_both(admin)
    for role in sorted(roles.RULES[rpc.name].roles & roles.SCOPED):
        token = await add(admin, f"{role}@example.com", role)
        inside = await status_of(admin, rpc, about(rpc, "maria", "TI"), token)
        assert inside[1] != reach.OUTSIDE
        assert inside[0] in {"OK", "INVALID_ARGUMENT"}
        for person, team in (("joao", "RH"), ("nobody", "none"), ("", "")):
            outside = await status_of(admin, rpc, about(rpc, person, team), token)
            assert outside == ("NOT_FOUND", reach.OUTSIDE)


@pytest.mark.parametrize("rpc", [each for each in SCOPED_RPCS if len(roles.RULES[each.name].of or ()) > 1],
                         ids=lambda rpc: rpc.name)  # fmt: skip
async def test_scoped_request_is_inside_only_when_all_that_it_names_is(
    admin: Service, rpc: Rpc
) -> None:
    """One's own pool with somebody else's person, and the other way round."""
    await teams(admin)
    token = await add(admin, "lead@example.com", "team_lead")
    for person, team in (("joao", "TI"), ("maria", "RH")):
        outside = await status_of(admin, rpc, about(rpc, person, team), token)
        assert outside == ("NOT_FOUND", reach.OUTSIDE)


async def test_holder_that_names_an_account_and_a_pool_is_inside_only_with_both(
    admin: Service,
) -> None:
    """A request that names two holders hides none of them."""
    await teams(admin)
    token = await add(admin, "lead@example.com", "team_lead")
    maria = admin_pb2.AccountName(client="chat", external_id="maria")
    both = plans_pb2.Holder(account=maria, pool="RH")
    status, sentence = await admin.refused("GetCredit", both, token=token, stub=PlanServiceStub)
    assert (status, sentence) == ("NOT_FOUND", reach.OUTSIDE)


async def test_list_of_pools_shows_a_scoped_role_its_own(admin: Service) -> None:
    """Also the name of another team's pool, and its credit, is that team's."""
    await teams(admin)
    token = await add(admin, "lead@example.com", "team_lead")
    request = plans_pb2.ListPoolsRequest()
    found = await admin.ask("ListPools", request, token=token, stub=PlanServiceStub)
    assert [each.name for each in found.pools] == ["TI"]
    everything = await admin.ask("ListPools", request, stub=PlanServiceStub)
    assert sorted(each.name for each in everything.pools) == ["RH", "TI"]


async def test_person_who_leaves_the_pool_is_out_of_reach_at_once(admin: Service) -> None:
    """The reach is that of the moment, not that of the day the role was given."""
    await teams(admin)
    token = await add(admin, "lead@example.com", "team_lead")
    maria = admin_pb2.AccountName(client="chat", external_id="maria")
    await admin.ask("GetBalance", maria, token=token)
    request = plans_pb2.RemoveMemberRequest(pool="TI", account=maria, reason="moved")
    await admin.ask("RemoveMember", request, token=token, stub=PlanServiceStub)
    assert (await admin.refused("GetBalance", maria, token=token))[0] == "NOT_FOUND"


async def test_method_that_nobody_serves_is_unimplemented(admin: Service) -> None:
    """A client of another release is told so."""
    async with grpc.aio.insecure_channel(admin.address) as channel:
        call = channel.unary_unary("/pedagio.v1.AdminService/PrintMoney", bytes, bytes)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"", metadata=(("authorization", f"Bearer {'t' * 40}"),), timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
