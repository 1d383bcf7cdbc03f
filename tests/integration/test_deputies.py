"""Deputies: who answers in somebody's place, told what they would be told, for the time that was named."""

from typing import Any

import pytest

from accounting.notify.requests import tend
from protos.pedagio.v1 import admins_pb2, plans_pb2
from protos.pedagio.v1 import requests_pb2 as pb
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.integration.admin_service import Service
from tests.integration.admins import add
from tests.integration.admins import ask as ask_admins
from tests.integration.post_office import PostOffice
from tests.integration.request_scene import (
    ANA,
    BIA,
    MARIA,
    RUI,
    a_team,
    a_worker,
    approval,
    ask,
    denial,
    later,
    office,
    person,
    refused,
    submit,
)

HOUR_MS = 3_600_000


async def now_ms(admin: Service) -> int:
    """The database's clock."""
    return int(await admin.pool.fetchval("SELECT (extract(epoch FROM now()) * 1000)::bigint"))


async def stand_in(
    admin: Service, token: str, deputy: str = ANA, *, after_h: int = 0, whose: str = ""
) -> Any:
    """Somebody stands in for an hour, some hours from now."""
    begins = await now_ms(admin) + after_h * HOUR_MS
    request = pb.SetDeputyRequest(
        deputy=deputy, from_ms=begins if after_h else 0, until_ms=begins + HOUR_MS,
        reason="holidays", admin=whose,
    )  # fmt: skip
    return await ask(admin, "SetDeputy", request, token)


async def test_deputy_is_told_and_may_answer_within_the_dates(
    admin: Service, post: PostOffice
) -> None:
    """Not before, not after, with the same people, and for nothing but credit requests."""
    bia, _ = await office(admin)
    ana = await add(admin, ANA, "viewer")
    made = await stand_in(admin, bia, after_h=2)
    assert (made.admin, made.deputy, made.active) == (BIA, ANA, False)
    await submit(admin)
    worker = a_worker(admin, post)
    for hours in (0, 4):
        await later(admin, hours)
        assert (await refused(admin, "ApproveRequest", approval(1), ana))[0] == "PERMISSION_DENIED"
    await worker.send_due()
    assert ANA not in post.by_address()
    await later(admin, 2)
    await tend(admin.pool)
    await worker.send_due()
    assert post.by_address()[ANA] == 1
    gift = plans_pb2.GiveCreditRequest(
        holder=plans_pb2.Holder(account=MARIA), amount_nanos=1, request_id="g", reason="r"
    )
    status, _ = await admin.refused("GiveCredit", gift, token=ana, stub=PlanServiceStub)
    assert status == "PERMISSION_DENIED"
    assert (await ask(admin, "ApproveRequest", approval(1), ana)).decider == ANA


async def test_deputy_reaches_no_more_than_whom_they_stand_in_for(admin: Service) -> None:
    """Another team's request is not found; a removed administrator lends nothing."""
    bia, _ = await office(admin)
    await person(admin, "joao", "joao@example.com")
    await a_team(admin, "joao", pool="RH")
    lead = await add(admin, ANA, "team_lead", pools=("RH",))
    await stand_in(admin, bia)
    joao = plans_pb2.Holder(account={"client": "chat", "external_id": "joao"}).account
    asked = await submit(admin, account=joao, request_id="j")
    mine = await submit(admin)
    for method, body in (("ApproveRequest", approval(asked.id)), ("DenyRequest", denial(asked.id))):
        assert (await refused(admin, method, body, lead))[0] == "NOT_FOUND"
    gone = admins_pb2.RemoveAdminRequest(email=BIA, reason="left")
    await ask_admins(admin, "RemoveAdmin", gone)
    status, _ = await refused(admin, "ApproveRequest", approval(mine.id), lead)
    assert status == "PERMISSION_DENIED"


async def test_deputy_does_not_approve_for_whom_they_stand_in_for(admin: Service) -> None:
    """Whoever names a deputy does not choose who judges their own request."""
    bia, rui = await office(admin)
    await person(admin, "bia", BIA)
    name = plans_pb2.Holder(account={"client": "chat", "external_id": "bia"}).account
    member = plans_pb2.SetMemberRequest(pool="TI", account=name, reason="t")
    await admin.ask("SetMember", member, stub=PlanServiceStub)
    ana = await add(admin, ANA, "viewer")
    await stand_in(admin, bia)
    asked = await submit(admin, account=name)
    status, sentence = await refused(admin, "ApproveRequest", approval(asked.id), ana)
    assert (status, "nobody does this for themselves" in sentence) == ("PERMISSION_DENIED", True)
    assert (await ask(admin, "ApproveRequest", approval(asked.id), rui)).decider == RUI


async def test_deputy_ends_when_cleared(admin: Service) -> None:
    """From the next call on; cleared twice is not there."""
    bia, _ = await office(admin)
    ana = await add(admin, ANA, "viewer")
    made = await stand_in(admin, bia)
    await submit(admin)
    listed = (await ask(admin, "ListDeputies", pb.ListDeputiesRequest(), bia)).deputies
    assert [(each.id, each.active) for each in listed] == [(made.id, True)]
    clear = pb.ClearDeputyRequest(id=made.id, reason="back")
    assert not (await ask(admin, "ClearDeputy", clear, bia)).active
    assert (await refused(admin, "ClearDeputy", clear, bia))[0] == "NOT_FOUND"
    assert (await refused(admin, "ApproveRequest", approval(1), ana))[0] == "PERMISSION_DENIED"
    assert list((await ask(admin, "ListDeputies", pb.ListDeputiesRequest(), bia)).deputies) == []
    past = await ask(admin, "ListDeputies", pb.ListDeputiesRequest(past=True), bia)
    assert len(past.deputies) == 1


async def test_deputy_of_somebody_else_takes_an_operator(admin: Service) -> None:
    """An approver names their own, sees their own."""
    bia, rui = await office(admin)
    ops = await add(admin, "ops@example.com", "operator")
    await add(admin, ANA, "viewer")
    with pytest.raises(Exception, match="takes operator"):
        await stand_in(admin, bia, whose=RUI)
    made = await stand_in(admin, ops, whose=RUI)
    assert (made.admin, made.actor) == (RUI, "ops@example.com")
    assert list((await ask(admin, "ListDeputies", pb.ListDeputiesRequest(), bia)).deputies) == []
    assert len((await ask(admin, "ListDeputies", pb.ListDeputiesRequest(), rui)).deputies) == 1
    clear = pb.ClearDeputyRequest(id=made.id, reason="r")
    assert (await refused(admin, "ClearDeputy", clear, bia))[0] == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("changes", "status", "sentence"),
    [
        ({"until_ms": 0}, "INVALID_ARGUMENT", "until_ms must lie ahead"),
        ({"until_ms": 1}, "INVALID_ARGUMENT", "until_ms must lie ahead"),
        ({"until_ms": 2**62}, "INVALID_ARGUMENT", "until_ms is no moment"),
        ({"from_ms": 4 * 10**12}, "INVALID_ARGUMENT", "until_ms must lie ahead"),
        ({"until_ms": 4 * 10**12}, "INVALID_ARGUMENT", "until_ms must not be more than 366 days"),
        ({"deputy": BIA}, "INVALID_ARGUMENT", "deputy must be somebody else"),
        ({"deputy": "nobody@example.com"}, "NOT_FOUND", "nobody@example.com"),
        ({"deputy": "no address"}, "INVALID_ARGUMENT", "email must be one e-mail address"),
    ],
)
async def test_deputy_that_cannot_be_is_refused(
    admin: Service, changes: dict[str, Any], status: str, sentence: str
) -> None:
    """Each by its field."""
    bia, _ = await office(admin)
    await add(admin, ANA, "viewer")
    fields = {"deputy": ANA, "until_ms": await now_ms(admin) + HOUR_MS, "reason": "r", **changes}
    found = await refused(admin, "SetDeputy", pb.SetDeputyRequest(**fields), bia)
    assert (found[0], sentence in found[1]) == (status, True), found
