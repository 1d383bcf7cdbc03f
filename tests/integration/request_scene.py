"""Somebody who asks for credit, those who may answer, and the mails between them."""

import asyncio
import re
from collections.abc import Sequence
from typing import Any

import grpc

from accounting.notify.mail import Mail, Relay
from accounting.notify.texts import Texts
from accounting.notify.worker import Worker
from protos.pedagio.v1 import admin_pb2, plans_pb2, policies_pb2
from protos.pedagio.v1 import requests_pb2 as pb
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from protos.pedagio.v1.policies_pb2_grpc import PolicyServiceStub
from protos.pedagio.v1.requests_pb2_grpc import RequestServiceStub
from tests.integration.admin_service import TOKENS, USD, Service
from tests.integration.admins import add
from tests.integration.post_office import PostOffice

PUBLIC = "https://credit.example.com"
MARIA = admin_pb2.AccountName(client="chat", external_id="maria")
BIA, ANA, RUI = "bia@example.com", "ana@example.com", "rui@example.com"
LABEL = "INSERT INTO account_label (account_id, display_name, email) VALUES ($1, $2, $3)"
ADDRESS = re.compile(re.escape(PUBLIC) + r"/a/([0-9A-Z]{26})")


async def ask(admin: Service, method: str, request: Any, token: str = TOKENS[0]) -> Any:
    """One call of the RequestService."""
    return await admin.ask(method, request, token=token, stub=RequestServiceStub)


async def refused(
    admin: Service, method: str, request: Any, token: str = TOKENS[0]
) -> tuple[str, str]:
    """The status and sentence of a call of the RequestService that must not be answered."""
    return await admin.refused(method, request, token=token, stub=RequestServiceStub)


async def person(admin: Service, name: str = "maria", email: str = "maria@example.com") -> int:
    """Somebody who chats, with an address; returns the account."""
    account = await admin.open_account(name)
    await admin.pool.execute(LABEL, account.id, f"{name.title()} Silva", email)
    return int(account.id)


async def a_team(admin: Service, *people: str, pool: str = "TI") -> None:
    """A pool with these people."""
    await admin.ask(
        "CreatePool", plans_pb2.CreatePoolRequest(name=pool, reason="test"), stub=PlanServiceStub
    )
    for each in people:
        name = admin_pb2.AccountName(client="chat", external_id=each)
        request = plans_pb2.SetMemberRequest(pool=pool, account=name, reason="test")
        await admin.ask("SetMember", request, stub=PlanServiceStub)


async def office(admin: Service) -> tuple[str, str]:
    """Maria in TI, whose approver is Bia; Rui is treasurer. Returns the tokens of both."""
    await admin.create_client()
    await person(admin)
    await a_team(admin, "maria")
    return await add(admin, BIA, "approver"), await add(admin, RUI, "treasurer")


async def rules(admin: Service, body: str, kind: str = "client", name: str = "chat") -> None:
    """The policy that says so."""
    request = policies_pb2.SetPolicyRequest(
        subject=policies_pb2.PolicySubject(kind=kind, id=name), body_json=body, reason="test"
    )
    await admin.ask("SetPolicy", request, stub=PolicyServiceStub)


async def a_plan(admin: Service, allowance: int = 10 * USD, **terms: Any) -> None:
    """Maria on a plan."""
    plan = plans_pb2.Plan(id="staff", period="month", allowance_nanos=allowance, **terms)
    for method, request in (
        ("PutPlan", plans_pb2.PutPlanRequest(plan=plan, reason="test")),
        (
            "AssignPlan",
            plans_pb2.AssignPlanRequest(
                holder=plans_pb2.Holder(account=MARIA), plan="staff", reason="test"
            ),
        ),
    ):
        await admin.ask(method, request, stub=PlanServiceStub)


def asking(
    nanos: int = 5 * USD, request_id: str = "r", why: str = "report for Friday", **more: Any
) -> pb.SubmitRequestRequest:
    """What Maria asks for."""
    wanted = {"account": MARIA, "asked_nanos": nanos, "request_id": request_id, "why": why, **more}
    return pb.SubmitRequestRequest(**{"reason": "asked on the page", **wanted})


async def submit(admin: Service, nanos: int = 5 * USD, request_id: str = "r", **more: Any) -> Any:
    """She asks."""
    return await ask(admin, "SubmitRequest", asking(nanos, request_id, **more))


def approval(request_id: int, nanos: int = 0) -> pb.ApproveRequestRequest:
    """Yes."""
    return pb.ApproveRequestRequest(id=request_id, approved_nanos=nanos, reason="needed")


def denial(request_id: int, reason: str = "ask your team") -> pb.DenyRequestRequest:
    """No."""
    return pb.DenyRequestRequest(id=request_id, reason=reason)


async def outcomes(*calls: Any) -> list[str]:
    """What calls made at once came to: OK, or the status."""
    found = await asyncio.gather(*calls, return_exceptions=True)
    said = []
    for each in found:
        if isinstance(each, grpc.aio.AioRpcError):
            said.append(each.code().name)
        elif isinstance(each, BaseException):
            raise each
        else:
            said.append("OK")
    return said


def a_worker(admin: Service, post: PostOffice, folder: str = "") -> Worker:
    """What accounting runs, with addresses in its mails."""
    texts = Texts(folder, "usd", "", "")
    mail = Mail(Relay("127.0.0.1", post.port, "none"), "Pedagio <credit@example.com>", texts)
    return Worker(admin.pool, [mail], ["admin@example.com"], "pt-BR", PUBLIC)


def codes(text: str) -> Sequence[str]:
    """Approve, deny: what stands in a mail."""
    found: list[str] = ADDRESS.findall(text)
    return found


async def grants(admin: Service) -> list[tuple[int, str, str]]:
    """Amount, source and request id of all grants."""
    rows = await admin.pool.fetch("SELECT amount, source, request_id FROM credit_grant ORDER BY id")
    return [tuple(row) for row in rows]


async def later(admin: Service, hours: int) -> None:
    """The ledger's clock, so much ahead."""
    await admin.pool.execute(
        "CREATE OR REPLACE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql STABLE AS"
        f" 'SELECT now() + interval ''{hours} hours'''"
    )
