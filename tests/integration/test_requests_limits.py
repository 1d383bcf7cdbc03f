"""What may be asked for: limits of the policy, what is approved at once, by period and plan."""

from typing import Any

import pytest

from protos.pedagio.v1 import plans_pb2
from protos.pedagio.v1 import requests_pb2 as pb
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.integration.admin_service import USD, Service
from tests.integration.request_scene import (
    MARIA,
    a_plan,
    approval,
    ask,
    asking,
    grants,
    later,
    office,
    outcomes,
    refused,
    rules,
    submit,
)


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
    assert "2 of 2 open requests wait for an answer" in sentence
    await ask(admin, "WithdrawRequest", pb.WithdrawRequestRequest(id=1, reason="r"))
    await submit(admin, request_id="y")
    await ask(admin, "WithdrawRequest", pb.WithdrawRequestRequest(id=2, reason="r"))
    terms = await ask(admin, "GetRequestTerms", MARIA)
    _, sentence = await refused(admin, "SubmitRequest", asking(request_id="z"))
    assert "3 of 3 requests of this period are used" in sentence
    assert (terms.may_ask, terms.problem, terms.problem_kind) == (False, sentence, "too_many_asked")
    await later(admin, 32 * 24)  # the calendar's month is over
    assert (await submit(admin, request_id="z")).state == "requested"


async def test_first_request_of_a_period_is_approved_at_once(admin: Service) -> None:
    """Up to the policy's amount, so many a period, on the audit as by the policy; twenty at once: one."""
    await office(admin)
    at_once, limit = '{"amount": "US$2", "per_period": 1}', '{"open": 50, "per_period": 50}'
    await rules(admin, f'{{"requests": {{"auto_approve": {at_once}, "limit": {limit}}}}}')
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
