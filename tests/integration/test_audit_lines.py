"""The audit log: one line for each accepted write, none for a refused one; and how it is asked."""

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

from protos.pedagio.v1 import admin_pb2, admins_pb2, people_pb2, plans_pb2, policies_pb2, prices_pb2
from protos.pedagio.v1.people_pb2_grpc import PeopleServiceStub
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.integration.admin_service import USD, Service
from tests.integration.admins import add, ask, new_token, refused
from tests.rpcs import RPCS, Rpc

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
ANA: dict[str, Any] = {"email": "ana@example.org"}
ANAS_NAME = admin_pb2.AccountName(client="chat", external_id="ana")
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
    "PolicyService/SetPolicy": {
        "subject": policies_pb2.PolicySubject(kind="client", id="chat"),
        "body_json": '{"max_output_tokens": 100}',
    },
    "PriceService/Import": {"file": FILE, "request_id": "r", "force": True},
    "PriceService/Override": {"model": "m", "price": PRICE, "request_id": "r", "force": True},
    "ReportService/Enforce": {"force": True},
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
LINES = {"AdminsService/ConfirmProposal": 2, "AdminService/SyncModels": 0}


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


@pytest.mark.parametrize("rpc", [each for each in RPCS if each.mutates], ids=lambda rpc: rpc.name)
async def test_write_of_the_protos_is_one_line_when_accepted_and_none_when_refused(
    admin: Service, rpc: Rpc
) -> None:
    """Refused without its reason, then to a viewer, then accepted: exactly one line, which says who and why."""
    await prepare(admin)
    viewer = await add(admin, "viewer@example.com", "viewer")
    given = WRITES[rpc.name]
    request = rpc.request(**(given if isinstance(given, dict) else await given(admin)))
    before = await admin.audit()
    status, sentence = await admin.refused(rpc.method, request, stub=rpc.stub)
    assert (status, sentence) == ("INVALID_ARGUMENT", "reason must not be empty")
    request.reason = "because"
    if rpc.name not in {"AdminsService/NewToken", "AdminsService/RevokeToken"}:
        found, _ = await admin.refused(rpc.method, request, token=viewer, stub=rpc.stub)
        assert found == "PERMISSION_DENIED"
    assert await admin.audit() == before
    await admin.ask(rpc.method, request, stub=rpc.stub, actor="ana")
    added = (await admin.audit())[len(before) :]
    assert len(added) == LINES.get(rpc.name, 1)
    if rpc.name not in LINES:
        assert (added[0][0], added[0][3]["reason"]) == ("ana", "because")


@pytest.mark.parametrize("rpc", [each for each in RPCS if not each.mutates],
                         ids=lambda rpc: rpc.name)  # fmt: skip
async def test_read_of_the_protos_writes_no_line(admin: Service, rpc: Rpc) -> None:
    """Looking leaves no trace; what has no reason changes nothing that needs one."""
    await prepare(admin)
    before = await admin.audit()
    request = rpc.request()
    if isinstance(request, admin_pb2.AccountName):
        request.CopyFrom(NAME)
    try:
        await admin.ask(rpc.method, request, stub=rpc.stub)
    except grpc.aio.AioRpcError as error:
        assert error.code().name in {"INVALID_ARGUMENT", "NOT_FOUND"}, error  # noqa: PT017 (asked empty)
    assert await admin.audit() == before


def lines_request(**fields: Any) -> admins_pb2.ListAuditRequest:
    """A question to the audit log."""
    return admins_pb2.ListAuditRequest(**fields)


async def three_modes(admin: Service) -> str:
    """Ana turns it off and to shadow, Bia closes it; returns a viewer's token."""
    for actor, mode in (("ana", "off"), ("ana", "shadow"), ("bia", "closed")):
        await admin.ask("SetMode", admin_pb2.SetModeRequest(mode=mode, reason="r"), actor=actor)
    return await add(admin, "viewer@example.com", "viewer")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"action": "set_mode"}, ["closed", "shadow", "off"]),
        ({"actor": "ana"}, ["shadow", "off"]),
        ({"actor": "bia", "action": "set_mode"}, ["closed"]),
        ({"subject": "off"}, ["off"]),
        ({"actor": "ana", "subject": "closed"}, []),
        ({"action": "set_mode", "until_ms": 1}, []),
        ({"actor": "an%"}, []),
        ({"actor": "' OR true --"}, []),
    ],
)
async def test_audit_log_is_asked_by_actor_action_subject(
    admin: Service, fields: dict[str, Any], expected: list[str]
) -> None:
    """Newest first; a text is the whole text, not a pattern."""
    viewer = await three_modes(admin)
    found = await ask(admin, "ListAudit", lines_request(**fields), viewer)
    assert [line.subject for line in found.lines] == expected


async def test_audit_log_is_asked_by_time(admin: Service) -> None:
    """From a moment on, before a moment."""
    await three_modes(admin)
    everything = await ask(admin, "ListAudit", lines_request(action="set_mode"))
    middle = everything.lines[1].at_ms
    # recorded_at has microseconds: the line of that moment lies at or after its millisecond
    since = await ask(admin, "ListAudit", lines_request(action="set_mode", since_ms=middle - 1))
    until = await ask(admin, "ListAudit", lines_request(action="set_mode", until_ms=middle - 1))
    assert {line.id for line in since.lines} | {line.id for line in until.lines} == {
        line.id for line in everything.lines
    }
    assert not {line.id for line in since.lines} & {line.id for line in until.lines}
    later = lines_request(since_ms=int(time.time() * 1000) + 3_600_000)
    assert list((await ask(admin, "ListAudit", later)).lines) == []


async def test_pages_of_the_audit_log_show_each_line_once(admin: Service) -> None:
    """Also while new lines come in; a token of another question is refused, not misread."""
    await three_modes(admin)
    request = lines_request(action="set_mode", page_size=1)
    seen = []
    for _ in range(3):
        page = await ask(admin, "ListAudit", request)
        seen += [line.subject for line in page.lines]
        await admin.ask("SetMode", admin_pb2.SetModeRequest(mode="off", reason="more"))
        request.page_token = page.next_page_token
    assert seen == ["closed", "shadow", "off"]
    assert request.page_token == ""
    first = await ask(admin, "ListAudit", lines_request(action="set_mode", page_size=1))
    other = lines_request(action="add_admin", page_token=first.next_page_token)
    assert (await refused(admin, "ListAudit", other))[0] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"since_ms": -1}, "since_ms"),
        ({"until_ms": 2**62}, "until_ms"),
        ({"page_size": 501}, "page_size"),
        ({"page_token": "x"}, "page_token"),
        ({"actor": "a\nb"}, "actor"),
        ({"subject": "x" * 255}, "subject"),
    ],
)
async def test_question_that_cannot_be_asked_names_its_field(
    admin: Service, fields: dict[str, Any], field: str
) -> None:
    """Bad input is said by field."""
    status, sentence = await refused(admin, "ListAudit", lines_request(**fields))
    assert (status, sentence.partition(" ")[0]) == ("INVALID_ARGUMENT", field)
