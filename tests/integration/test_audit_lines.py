"""The audit log: one line for each accepted write, none for a refused one; and how it is asked."""

import time
from typing import Any

import grpc
import pytest

from protos.pedagio.v1 import (
    admin_pb2,
    admins_pb2,
)
from tests.integration.admin_service import Service
from tests.integration.admins import add, ask, refused
from tests.integration.writes import NAME, WRITES, prepare
from tests.rpcs import RPCS, Rpc

LINES = {"AdminsService/ConfirmProposal": 2, "AdminService/SyncModels": 0}


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
