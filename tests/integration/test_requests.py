"""Credit requests: asked for within limits, answered once, whoever clicks twice."""

from typing import Any

import pytest

from protos.pedagio.v1 import people_pb2
from protos.pedagio.v1 import requests_pb2 as pb
from protos.pedagio.v1.people_pb2_grpc import PeopleServiceStub
from tests.integration.admin_service import USD, Service
from tests.integration.request_scene import (
    BIA,
    MARIA,
    approval,
    ask,
    asking,
    denial,
    grants,
    later,
    office,
    outcomes,
    refused,
    rules,
    submit,
)

ONE = (5 * USD, "request", "credit-request/1")


async def test_request_is_asked_approved_and_granted_once(admin: Service) -> None:
    """The usual path: the team's approver says yes, the answer and the audit say who."""
    bia, _ = await office(admin)
    asked = await submit(admin)
    assert (asked.state, list(asked.approvers), asked.why) == (
        "requested",
        ["A"],
        "report for Friday",
    )
    found = await ask(admin, "ApproveRequest", approval(asked.id), bia)
    assert (found.state, found.approved_nanos, found.decider) == ("approved", 5 * USD, BIA)
    assert found.valid_until_ms > found.decided_at_ms
    assert await grants(admin) == [ONE]
    again = await ask(admin, "ApproveRequest", approval(asked.id), bia)
    assert (again.replayed, await grants(admin)) == (True, [ONE])
    lines = [(actor, action) for actor, action, *_ in await admin.audit()][-2:]
    assert lines == [("admin", "submit_request"), (BIA, "approve_request")]
    assert (await admin.audit())[-1][3] == {
        "reason": "needed", "account": found_account(await admin.audit()), "asked_nanos": 5 * USD,
        "amount_nanos": 5 * USD, "grant": found.grant_id,
    }  # fmt: skip


def found_account(lines: list[Any]) -> int:
    """As the line of the submission names it."""
    return int(lines[-2][3]["account"])


async def test_two_approvers_at_once_make_one_grant(admin: Service) -> None:
    """Twenty clicks of two people: one of the two gave it, once."""
    bia, rui = await office(admin)
    asked = await submit(admin)
    said = await outcomes(
        *(ask(admin, "ApproveRequest", approval(asked.id), (bia, rui)[n % 2]) for n in range(20))
    )
    assert sorted(set(said)) == ["FAILED_PRECONDITION", "OK"]
    assert said.count("OK") == 10
    assert await grants(admin) == [ONE]
    actions = [action for _, action, *_ in await admin.audit()]
    assert actions.count("approve_request") == 1


async def test_approval_and_denial_at_once_are_one_answer(admin: Service) -> None:
    """Whoever is first; the other one is told what it is."""
    bia, rui = await office(admin)
    for number in range(5):
        asked = await submit(admin, request_id=f"r{number}")
        said = await outcomes(
            ask(admin, "ApproveRequest", approval(asked.id), bia),
            ask(admin, "DenyRequest", denial(asked.id), rui),
        )
        assert sorted(said) == ["FAILED_PRECONDITION", "OK"]
        state = (await ask(admin, "GetRequest", pb.GetRequestRequest(id=asked.id))).state
        assert state == ("approved" if said[0] == "OK" else "denied")
    approved = await admin.pool.fetchval(
        "SELECT count(*) FROM credit_request WHERE state = 'approved'"
    )
    assert len(await grants(admin)) == approved


async def test_amount_may_be_lowered_never_raised(admin: Service) -> None:
    """More than was asked for is another request."""
    bia, _ = await office(admin)
    asked = await submit(admin)
    for nanos in (5 * USD + 1, -1):
        status, sentence = await refused(admin, "ApproveRequest", approval(asked.id, nanos), bia)
        assert (status, sentence.partition(" ")[0]) == ("INVALID_ARGUMENT", "approved_nanos")
    assert await grants(admin) == []
    found = await ask(admin, "ApproveRequest", approval(asked.id, 2 * USD), bia)
    assert (found.amount_nanos, found.approved_nanos) == (5 * USD, 2 * USD)
    status, _ = await refused(admin, "ApproveRequest", approval(asked.id, 3 * USD), bia)
    assert status == "FAILED_PRECONDITION"


async def test_same_request_id_asks_once(admin: Service) -> None:
    """The same answer again; with something else under it, none."""
    await office(admin)
    first = await submit(admin)
    again = await submit(admin)
    assert (again.id, again.replayed, first.replayed) == (first.id, True, False)
    status, sentence = await refused(admin, "SubmitRequest", asking(6 * USD))
    assert (status, "was used for another request" in sentence) == ("FAILED_PRECONDITION", True)
    said = await outcomes(*(submit(admin, 5 * USD) for _ in range(10)))
    assert said == ["OK"] * 10
    assert await admin.pool.fetchval("SELECT count(*) FROM credit_request") == 1


async def test_withdrawn_request_is_neither_approved_nor_denied(admin: Service) -> None:
    """Who took it back got nothing; taken back twice is taken back."""
    bia, _ = await office(admin)
    asked = await submit(admin)
    request = pb.WithdrawRequestRequest(id=asked.id, account=MARIA, reason="no need")
    for replayed in (False, True):
        found = await ask(admin, "WithdrawRequest", request)
        assert (found.state, found.replayed, found.decider) == ("withdrawn", replayed, "")
    for method, body in (("ApproveRequest", approval(1)), ("DenyRequest", denial(1))):
        status, sentence = await refused(admin, method, body, bia)
        assert status == "FAILED_PRECONDITION"
        assert sentence == "credit request 1 waits no more: it is withdrawn"
    assert await grants(admin) == []


async def test_request_that_nobody_answers_expires(admin: Service) -> None:
    """For whoever looks at once, recorded once by the worker, after the days of the policy."""
    bia, _ = await office(admin)
    await rules(admin, '{"requests": {"answer_days": 2}}')
    asked = await submit(admin)
    await later(admin, 49)
    found = await ask(admin, "GetRequest", pb.GetRequestRequest(id=asked.id))
    assert (found.state, list(found.approvers)) == ("expired", [])
    assert (await refused(admin, "ApproveRequest", approval(asked.id), bia))[1].endswith("expired")
    assert (
        list((await ask(admin, "ListRequests", pb.ListRequestsRequest(open=True))).requests) == []
    )
    assert await grants(admin) == []


async def test_what_would_be_is_shown_and_not_done(admin: Service) -> None:
    """--dry-run: the limits and the state are checked, nothing is written."""
    bia, _ = await office(admin)
    await rules(admin, '{"requests": {"auto_approve": {"amount": "US$2"}}}')
    shown = await submit(admin, 2 * USD, validate_only=True)
    assert (shown.id, shown.state, shown.by_policy) == (0, "approved", True)
    assert await admin.pool.fetchval("SELECT count(*) FROM credit_request") == 0
    asked = await submit(admin)
    before = await admin.audit()
    for method, body in (("ApproveRequest", approval(asked.id)), ("DenyRequest", denial(asked.id))):
        body.validate_only = True
        assert (await ask(admin, method, body, bia)).state == "requested"
    assert (await grants(admin), await admin.audit()) == ([], before)


async def test_erased_person_leaves_no_words(admin: Service) -> None:
    """What they wrote is nowhere any more, what waited is taken back; the rest of the row stays."""
    await office(admin)
    request = people_pb2.ImportPeopleRequest(
        file=b"email,name\nmaria@example.com,Maria\n", request_id="p", reason="r"
    )
    await admin.ask("ImportPeople", request, stub=PeopleServiceStub)
    bind = people_pb2.BindPersonRequest(email="maria@example.com", name=MARIA, reason="r")
    await admin.ask("BindPerson", bind, stub=PeopleServiceStub)
    await submit(admin, why="my mother is ill")
    erase = people_pb2.ErasePersonRequest(email="maria@example.com", reason="LGPD")
    await admin.ask("ErasePerson", erase, stub=PeopleServiceStub)
    found = await ask(admin, "GetRequest", pb.GetRequestRequest(id=1))
    assert (found.why, found.state, found.amount_nanos) == ("", "withdrawn", 5 * USD)
    for table in ("credit_request", "audit", "notice", "credit_grant", "transfer"):
        held = await admin.pool.fetchval(
            f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE '%mother%'"
        )
        assert held == 0, table


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE credit_request SET amount = 1",
        "UPDATE credit_request SET state = 'denied', decided_at = now(), granted = NULL, grant_id = NULL",
        "UPDATE credit_request SET decider = 'x'",
        "UPDATE credit_request SET why = 'other words'",
        "DELETE FROM credit_request",
        "TRUNCATE credit_request CASCADE",
    ],
)
async def test_answered_request_cannot_be_rewritten(admin: Service, statement: str) -> None:
    """By no code path."""
    bia, _ = await office(admin)
    asked = await submit(admin)
    await ask(admin, "ApproveRequest", approval(asked.id), bia)
    with pytest.raises(Exception, match=r"answered once|never deleted|append-only"):
        await admin.pool.execute(statement)
