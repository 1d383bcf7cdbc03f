"""What a policy says about requests for credit: read whole, or refused by field; what holds where it says nothing."""

from typing import Any

import pytest

from accounting.admin.fields import AMOUNT_LIMIT_NANOS
from accounting.admin.request_rules import Rules
from credit.policy import Policy, PolicyError

USD = 10**9


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"requests": 1}, "requests"),
        ({"requests": {"auto": {}}}, "requests.auto"),
        ({"requests": {"auto_approve": {"amount": 2}}}, "requests.auto_approve.amount"),
        ({"requests": {"auto_approve": {"amount": "R$ 2"}}}, "requests.auto_approve.amount"),
        ({"requests": {"limit": {"open": -1}}}, "requests.limit.open"),
        ({"requests": {"advance": {"percent": 101}}}, "requests.advance.percent"),
        ({"requests": {"advance": {}}}, "requests.advance"),
        ({"requests": {"advance": {"percent": 1, "amount": "US$1"}}}, "requests.advance"),
        ({"requests": {"valid_days": 0}}, "requests.valid_days"),
        ({"requests": {"fallback_hours": 1.5}}, "requests.fallback_hours"),
    ],
)
def test_requests_that_cannot_be_name_the_field(body: dict[str, Any], field: str) -> None:
    """With its path."""
    with pytest.raises(PolicyError) as caught:
        Policy.from_json(body)
    assert caught.value.field == field


def test_rules_where_nobody_says_anything_ask_a_person() -> None:
    """Nothing at once, nothing in advance, five a period."""
    found = Rules.of(Policy.from_json({"requests": {"limit": {"open": 2}}}))
    assert (found.at_once_nanos, found.advance_nanos, found.advance_percent) == (0, 0, 0)
    assert (found.open, found.per_period, found.most_nanos) == (2, 5, AMOUNT_LIMIT_NANOS)
    assert (found.valid_days, found.fallback_hours, found.answer_days) == (None, 4, 7)


def test_entry_of_a_plan_replaces_the_clients() -> None:
    """Whole: what the plan's entry does not say is the default, not the client's."""
    client = {"auto_approve": {"amount": "US$9", "per_period": 3}, "answer_days": 3}
    plan = {"auto_approve": {"amount": "US$1"}}
    merged = Policy.from_json({"requests": client}).merge(Policy.from_json({"requests": plan}))
    found = Rules.of(merged)
    assert (found.at_once_nanos, found.at_once_per_period, found.answer_days) == (USD, 1, 3)
