"""What each write of the administrators' services needs beside its reason."""

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from protos.pedagio.v1 import (
    admin_pb2,
    admins_pb2,
    people_pb2,
    plans_pb2,
    policies_pb2,
    prices_pb2,
    purchases_pb2,
    requests_pb2,
)
from protos.pedagio.v1.people_pb2_grpc import PeopleServiceStub
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from protos.pedagio.v1.requests_pb2_grpc import RequestServiceStub
from tests.integration.admin_service import USD, Service
from tests.integration.admins import add, new_token

NAME = admin_pb2.AccountName(client="chat", external_id="maria")
HOLDER = plans_pb2.Holder(account=NAME)
CAP = plans_pb2.Cap(account=NAME, period="month", limit_nanos=USD)
BIA = "bia@example.com"
VIEWER = [admins_pb2.Role(role="viewer")]
PRICE = prices_pb2.OwnPrice(input_picos=1, output_picos=1)
FILE = json.dumps(
    {"gpt-x": {"mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6,
               "max_input_tokens": 1000, "max_output_tokens": 1000}}
).encode()  # fmt: skip
PEOPLE: dict[str, Any] = {"file": b"email,name\nana@example.org,Ana\n", "request_id": "p"}
BOUGHT = purchases_pb2.Purchase(
    bought_on="2026-01-02", supplier="OpenAI", reference="7", buyer="bia", amount_cents=1,
    currency="USD", worth_nanos=1,
)  # fmt: skip
ANA: dict[str, Any] = {"email": "ana@example.org"}
ANAS_NAME = admin_pb2.AccountName(client="chat", external_id="ana")
ASKED: dict[str, Any] = {"account": NAME, "asked_nanos": USD, "why": "x", "request_id": "q"}
Make = Callable[[Service], Awaitable[dict[str, Any]]]


async def _grant_id(admin: Service) -> dict[str, Any]:
    await admin.grant(USD)
    return {"grant_id": await admin.pool.fetchval("SELECT max(id) FROM credit_grant")}


async def _hold_id(admin: Service) -> dict[str, Any]:
    await admin.grant(USD)
    account = await admin.ask("GetBalance", NAME)
    return {"hold_id": await admin.place(account.id, 1000)}


async def _exception_id(admin: Service) -> dict[str, Any]:
    statement = "INSERT INTO exception (kind, subject) VALUES ('test', 'x') RETURNING id"
    return {"id": await admin.pool.fetchval(statement)}


async def _token_id(admin: Service) -> dict[str, Any]:
    await new_token(admin, BIA)
    return {"id": await admin.pool.fetchval("SELECT max(id) FROM admin_token")}


async def _cap(admin: Service) -> dict[str, Any]:
    request = plans_pb2.SetCapRequest(cap=CAP, reason="test")
    await admin.ask("SetCap", request, stub=PlanServiceStub)
    return {"cap": CAP}


async def _member(admin: Service) -> dict[str, Any]:
    request = plans_pb2.SetMemberRequest(pool="TI", account=NAME, reason="test")
    await admin.ask("SetMember", request, stub=PlanServiceStub)
    return {"pool": "TI", "account": NAME}


async def _notice_id(admin: Service) -> dict[str, Any]:
    made = await admin.pool.fetchval(
        "INSERT INTO notice (kind, audience, key) VALUES ('mode', 'admins', 'x') RETURNING id"
    )
    await admin.pool.execute(
        "INSERT INTO notice_delivery (notice_id, channel, state) VALUES ($1, 'mail', 'failed')",
        made,
    )
    return {"id": made}


async def _proposal_id(admin: Service) -> dict[str, Any]:
    request = plans_pb2.GiveCreditRequest(
        holder=HOLDER, amount_nanos=1, reason="test", request_id="p"
    )
    made = await admin.pool.fetchval(
        "INSERT INTO proposal (method, request, digest, amount, reason, proposed_by, proposer, expires_at)"
        " SELECT 'PlanService/GiveCredit', $1, $1, 1, 'test', a.id, a.email, now() + interval '1 day'"
        " FROM admin AS a RETURNING id",
        request.SerializeToString(),
    )
    return {"id": made}


async def _batch(admin: Service) -> dict[str, Any]:
    request = people_pb2.ImportPeopleRequest(**PEOPLE, reason="test")
    return {"batch": (await admin.ask("ImportPeople", request, stub=PeopleServiceStub)).batch}


async def _person(admin: Service) -> dict[str, Any]:
    await _batch(admin)
    return ANA


async def _nameless(admin: Service) -> dict[str, Any]:
    return {**await _person(admin), "name": ANAS_NAME}


async def _bound(admin: Service) -> dict[str, Any]:
    request = people_pb2.BindPersonRequest(**await _nameless(admin), reason="test")
    await admin.ask("BindPerson", request, stub=PeopleServiceStub)
    return {"name": ANAS_NAME}


async def _asked(admin: Service) -> dict[str, Any]:
    request = requests_pb2.SubmitRequestRequest(**ASKED, reason="test")
    return {"id": (await admin.ask("SubmitRequest", request, stub=RequestServiceStub)).id}


async def _standing_in(admin: Service) -> dict[str, Any]:
    await add(admin, "rui@example.com", "treasurer")
    return {"admin": BIA, "deputy": "rui@example.com", "until_ms": int(time.time() + 3600) * 1000}


async def _deputy(admin: Service) -> dict[str, Any]:
    request = requests_pb2.SetDeputyRequest(**await _standing_in(admin), reason="test")
    return {"id": (await admin.ask("SetDeputy", request, stub=RequestServiceStub)).id}


# What each write needs beside its reason; a write that is missing here fails the test below.
WRITES: dict[str, dict[str, Any] | Make] = {
    "AdminService/CreateClient": {"client": admin_pb2.Client(id="other")},
    "AdminService/SetClientEnabled": {"id": "chat", "enabled": False},
    "AdminService/OpenAccount": {"name": admin_pb2.AccountName(client="chat", external_id="joao")},
    "AdminService/SetAccountStatus": {"name": NAME, "status": "suspended"},
    "AdminService/Grant": {"name": NAME, "amount_nanos": USD, "request_id": "r"},
    "AdminService/SetMode": {"mode": "off"},
    "AdminService/ReleaseHold": _hold_id,
    "AdminService/ResolveException": _exception_id,
    "PeopleService/ImportPeople": PEOPLE,
    "PeopleService/UndoImport": _batch,
    "PeopleService/BindPerson": _nameless,
    "PeopleService/UnbindPerson": _bound,
    "PeopleService/ErasePerson": _person,
    "PeopleService/SetClientPeople": {"client": "chat", "verified_emails": True},
    "PlanService/PutPlan": {"plan": plans_pb2.Plan(id="q", period="month", allowance_nanos=USD)},
    "PlanService/AssignPlan": {"holder": HOLDER, "plan": "p"},
    "PlanService/GiveCredit": {"holder": HOLDER, "amount_nanos": USD, "request_id": "r"},
    "PlanService/RevokeGrant": _grant_id,
    "PlanService/CreatePool": {"name": "RH"},
    "PlanService/SetMember": {"pool": "TI", "account": NAME},
    "PlanService/RemoveMember": _member,
    "PlanService/SetCap": {"cap": CAP},
    "PlanService/ClearCap": _cap,
    "PurchaseService/RecordPurchase": {"purchase": BOUGHT, "request_id": "p"},
    "PolicyService/SetPolicy": {
        "subject": policies_pb2.PolicySubject(kind="client", id="chat"),
        "body_json": '{"max_output_tokens": 100}',
    },
    "PriceService/Import": {"file": FILE, "request_id": "r", "force": True},
    "PriceService/Override": {"model": "m", "price": PRICE, "request_id": "r", "force": True},
    "ReportService/Enforce": {"force": True},
    "RequestService/SubmitRequest": ASKED,
    "RequestService/WithdrawRequest": _asked,
    "RequestService/ApproveRequest": _asked,
    "RequestService/DenyRequest": _asked,
    "RequestService/SetDeputy": _standing_in,
    "RequestService/ClearDeputy": _deputy,
    "SettingsService/SetSettings": {"account": NAME, "notices": False, "request_id": "r"},
    "SettingsService/SetEmail": {"account": NAME, "email": "maria@example.com"},
    "NoticeService/RetryNotice": _notice_id,
    "NoticeService/SetThresholds": {"plan": "p", "percents": [50, 100]},
    "AdminsService/AddAdmin": {"email": "ana@example.com", "name": "Ana", "roles": VIEWER},
    "AdminsService/SetRoles": {"email": BIA, "roles": VIEWER},
    "AdminsService/NewToken": {"email": BIA, "label": "laptop"},
    "AdminsService/RevokeToken": _token_id,
    "AdminsService/RemoveAdmin": {"email": BIA},
    "AdminsService/DenyProposal": _proposal_id,
    # Two writes: what somebody decided, and what is carried out with it.
    "AdminsService/ConfirmProposal": _proposal_id,
    # LiteLLM is stood for here: its own tests find the line that a changed map writes.
    "AdminService/SyncModels": {},
}


async def prepare(admin: Service) -> None:
    """Something of each kind to write about."""
    await admin.create_client()
    await admin.open_account("maria")
    plan = plans_pb2.Plan(id="p", period="month", allowance_nanos=USD)
    for method, request in (
        ("CreatePool", plans_pb2.CreatePoolRequest(name="TI", reason="test")),
        ("PutPlan", plans_pb2.PutPlanRequest(plan=plan, reason="test")),
    ):
        await admin.ask(method, request, stub=PlanServiceStub)
    await add(admin, BIA, "treasurer")
