"""Whose request an administrator reaches: their teams', never their own."""

import time

import asyncpg
import pytest

from accounting.admin import decisions, statements
from accounting.notify.requests import tend
from credit.pool import connect
from protos.pedagio.v1 import plans_pb2
from protos.pedagio.v1 import requests_pb2 as pb
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.integration.admin_service import USD, Service, serve
from tests.integration.admins import add
from tests.integration.request_scene import (
    ANA,
    BIA,
    MARIA,
    a_plan,
    a_team,
    approval,
    ask,
    asking,
    denial,
    office,
    person,
    refused,
    rules,
    submit,
)


async def test_nobody_approves_their_own_request(admin: Service) -> None:
    """Nor denies it; nor is an approver who asks among those who have it."""
    await office(admin)
    await person(admin, "bia", BIA)
    name = plans_pb2.Holder(account={"client": "chat", "external_id": "bia"}).account
    bia = await admin.ask(
        "SetMember",
        plans_pb2.SetMemberRequest(pool="TI", account=name, reason="t"),
        stub=PlanServiceStub,
    )
    assert bia.members == 2
    token = await add(admin, ANA, "approver")
    own = await add(admin, "bia2@example.com", "viewer")
    asked = await submit(admin, account=name)
    assert len(asked.approvers) == 1
    assert (await refused(admin, "ApproveRequest", approval(asked.id), own))[
        0
    ] == "PERMISSION_DENIED"
    mine = await admin.pool.fetchval("SELECT id FROM admin WHERE email = $1", BIA)
    assert mine not in [
        r[0] for r in await admin.pool.fetch("SELECT request_holders($1)", asked.id)
    ]
    found = await ask(admin, "ApproveRequest", approval(asked.id), token)
    assert found.decider == ANA


async def test_request_of_another_team_is_not_found(admin: Service) -> None:
    """404 on each method for an approver of other people, and for another person's page."""
    bia, _ = await office(admin)
    await person(admin, "joao", "joao@example.com")
    await a_team(admin, "joao", pool="RH")
    joao = plans_pb2.Holder(account={"client": "chat", "external_id": "joao"}).account
    asked = await submit(admin, account=joao)
    outside = [
        ("ApproveRequest", approval(asked.id)), ("DenyRequest", denial(asked.id)),
        ("GetRequest", pb.GetRequestRequest(id=asked.id)),
        ("WithdrawRequest", pb.WithdrawRequestRequest(id=asked.id, reason="r")),
        ("ListRequests", pb.ListRequestsRequest(account=joao)),
        ("ListRequests", pb.ListRequestsRequest(pool="RH")),
        ("SubmitRequest", asking(account=joao)),
    ]  # fmt: skip
    for method, request in outside:
        assert (await refused(admin, method, request, bia))[0] == "NOT_FOUND", method
    assert list((await ask(admin, "ListRequests", pb.ListRequestsRequest(), bia)).requests) == []
    for method, request in (
        ("GetRequest", pb.GetRequestRequest(id=asked.id, account=MARIA)),
        ("WithdrawRequest", pb.WithdrawRequestRequest(id=asked.id, account=MARIA, reason="r")),
        ("GetRequest", pb.GetRequestRequest(id=99)),
    ):
        assert (await refused(admin, method, request))[0] == "NOT_FOUND"


async def test_list_is_paged_and_filtered(admin: Service) -> None:
    """By what is open, by person, by team; each once, newest first."""
    bia, _ = await office(admin)
    await rules(admin, '{"requests": {"limit": {"open": 9, "per_period": 9}}}')
    for number in range(3):
        await submit(admin, request_id=f"r{number}")
    await ask(admin, "DenyRequest", denial(2), bia)
    request = pb.ListRequestsRequest(page_size=2)
    first = await ask(admin, "ListRequests", request, bia)
    request.page_token = first.next_page_token
    second = await ask(admin, "ListRequests", request, bia)
    assert [each.id for page in (first, second) for each in page.requests] == [3, 2, 1]
    assert second.next_page_token == ""
    for filtered, expected in (
        (pb.ListRequestsRequest(open=True), [3, 1]),
        (pb.ListRequestsRequest(account=MARIA), [3, 2, 1]),
        (pb.ListRequestsRequest(pool="TI", open=True), [3, 1]),
    ):
        found = await ask(admin, "ListRequests", filtered)
        assert [each.id for each in found.requests] == expected
    assert (await ask(admin, "GetRequest", pb.GetRequestRequest(id=2))).answer == "ask your team"


async def test_requests_need_no_more_than_the_rights_of_accounting(
    admin: Service, database_url: str
) -> None:
    """Ask, have in advance, approve, deny, withdraw, expire, mail, stand in: under its own role in the database."""
    bia, _ = await office(admin)
    await add(admin, ANA, "viewer")
    await a_plan(admin)
    body = '{"limit": {"open": 9, "per_period": 9}, "advance": {"percent": 50}, "auto_approve": {"amount": "US$1"}}'
    await rules(admin, f'{{"requests": {body}}}')
    async with (
        await connect(f"{database_url}?role=pedagio_accounting") as own,
        serve(own) as poor,
    ):
        await submit(poor, USD, "now")
        await submit(poor, USD, "part", advance=True)
        for number in range(4):
            await submit(poor, request_id=f"r{number}")
        await ask(poor, "ApproveRequest", approval(3), bia)
        await ask(poor, "DenyRequest", denial(4), bia)
        await ask(poor, "WithdrawRequest", pb.WithdrawRequestRequest(id=5, reason="r"))
        code = await decisions.make_code(own, 6, 1, "approve")
        assert (await ask(poor, "Decide", pb.DecideRequest(code=code))).status == "approved"
        until = int(time.time() + 3600) * 1000
        deputy = pb.SetDeputyRequest(deputy=ANA, until_ms=until, reason="r")
        made = await ask(poor, "SetDeputy", deputy, bia)
        await ask(poor, "ClearDeputy", pb.ClearDeputyRequest(id=made.id, reason="r"), bia)
        await tend(own)
        await statements.run(own, "forget_request_addresses")
    found = await ask(admin, "ListRequests", pb.ListRequestsRequest())
    states = [each.state for each in found.requests]
    assert states == ["approved", "withdrawn", "denied", "approved", "approved", "approved"]


async def test_door_reads_no_request(database_url: str) -> None:
    """What people write when they ask is no business of authz."""
    async with await connect(f"{database_url}?role=pedagio_authz") as door:
        for table in ("credit_request", "deputy", "request_address"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await door.execute(f"SELECT 1 FROM {table}")
