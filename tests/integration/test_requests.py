"""Credit requests: asked for within limits, answered once, whoever clicks twice."""

from typing import Any

import pytest

from protos.pedagio.v1 import people_pb2, plans_pb2
from protos.pedagio.v1 import requests_pb2 as pb
from protos.pedagio.v1.people_pb2_grpc import PeopleServiceStub
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.integration.admin_service import USD, Service
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
    grants,
    later,
    office,
    outcomes,
    person,
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


@pytest.mark.parametrize(
    ("body", "wanted", "sentence"),
    [
        (
            '{"limit": {"amount": "US$4"}}',
            {},
            "must not be above US$4.00, the limit of one request",
        ),
        ('{"limit": {"per_period": 0}}', {}, "the policy lets nobody here ask for credit"),
        ("{}", {"nanos": 0}, "asked_nanos must be between 1"),
        ("{}", {"nanos": -5}, "asked_nanos must be between 1"),
        ("{}", {"nanos": 2**62}, "asked_nanos must be between 1"),
        ("{}", {"why": ""}, "why must not be empty"),
        ("{}", {"why": "x" * 2**20}, "why must not be longer than 500 characters"),
        ("{}", {"why": "a\x00b"}, "why must be one line of printable characters"),
        ("{}", {"request_id": ""}, "request_id must not be empty"),
        ("{}", {"request_id": "credit-request/1"}, "request_id must not begin with"),
        ("{}", {"advance": True}, "advance needs a plan"),
    ],
)
async def test_what_may_not_be_asked_for_is_refused_with_the_limit(
    admin: Service, body: str, wanted: dict[str, Any], sentence: str
) -> None:
    """And leaves nothing behind."""
    await office(admin)
    await rules(admin, f'{{"requests": {body}}}')
    before = await admin.audit()
    found = await refused(admin, "SubmitRequest", asking(**wanted))
    assert sentence in found[1]
    assert await admin.pool.fetchval("SELECT count(*) FROM credit_request") == 0
    assert await admin.audit() == before


async def test_limits_count_what_is_open_and_what_was_asked_in_the_period(admin: Service) -> None:
    """The sentence names the limit; twenty at once are as one after the other."""
    await office(admin)
    await rules(admin, '{"requests": {"limit": {"open": 2, "per_period": 3}}}')
    said = await outcomes(*(submit(admin, request_id=f"r{n}") for n in range(20)))
    assert (said.count("OK"), said.count("FAILED_PRECONDITION")) == (2, 18)
    _, sentence = await refused(admin, "SubmitRequest", asking(request_id="x"))
    assert "2 of 2 open requests wait for an answer already" in sentence
    await ask(admin, "WithdrawRequest", pb.WithdrawRequestRequest(id=1, reason="r"))
    await submit(admin, request_id="y")
    await ask(admin, "WithdrawRequest", pb.WithdrawRequestRequest(id=2, reason="r"))
    terms = await ask(admin, "GetRequestTerms", MARIA)
    _, sentence = await refused(admin, "SubmitRequest", asking(request_id="z"))
    assert "3 of 3 requests of this period are used" in sentence
    assert (terms.may_ask, terms.problem) == (False, sentence)
    await later(admin, 32 * 24)  # the calendar's month is over
    assert (await submit(admin, request_id="z")).state == "requested"


async def test_first_request_of_a_period_is_approved_at_once(admin: Service) -> None:
    """Up to the policy's amount, so many a period, on the audit as by the policy; twenty at once: one."""
    await office(admin)
    body = '{"requests": {"auto_approve": {"amount": "US$2", "per_period": 1}, "limit": {"open": 50, "per_period": 50}}}'
    await rules(admin, body)
    terms = await ask(admin, "GetRequestTerms", MARIA)
    assert (terms.may_ask, terms.at_once_nanos) == (True, 2 * USD)
    assert (await submit(admin, 2 * USD + 1, "big")).state == "requested"
    said = await outcomes(*(submit(admin, 2 * USD, f"r{n}") for n in range(20)))
    assert said == ["OK"] * 20
    made = await admin.pool.fetch(
        "SELECT state, by_policy, granted FROM credit_request WHERE by_policy"
    )
    assert [tuple(row) for row in made] == [("approved", True, 2 * USD)]
    assert [amount for amount, *_ in await grants(admin)] == [2 * USD]
    by_policy = [d for _, a, _, d in await admin.audit() if a == "submit_request" and "by" in d]
    assert [each["by"] for each in by_policy] == ["policy"]
    assert (await ask(admin, "GetRequestTerms", MARIA)).at_once_nanos == 0


async def test_plan_says_more_than_its_client(admin: Service) -> None:
    """Entry by entry; the period is the plan's, and a grant lasts to its end unless days are named."""
    bia, _ = await office(admin)
    await a_plan(admin)
    await rules(admin, '{"requests": {"auto_approve": {"amount": "US$9"}, "answer_days": 3}}')
    await rules(admin, '{"requests": {"auto_approve": {"amount": "US$1"}}}', "plan", "staff")
    asked = await submit(admin, 5 * USD)
    assert (asked.state, asked.expires_at_ms - asked.requested_at_ms) == (
        "requested",
        3 * 86_400_000,
    )
    found = await ask(admin, "ApproveRequest", approval(asked.id), bia)
    holder = plans_pb2.Holder(account=MARIA)
    credit = await admin.ask("GetCredit", holder, stub=PlanServiceStub)
    assert found.valid_until_ms == credit.next_at_ms
    body = '{"requests": {"auto_approve": {"amount": "US$1"}, "valid_days": 10}}'
    await rules(admin, body, "plan", "staff")
    asked = await submit(admin, request_id="other")
    found = await ask(admin, "ApproveRequest", approval(asked.id), bia)
    assert round((found.valid_until_ms - found.decided_at_ms) / 86_400_000) == 10


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
        )  # noqa: S608
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
