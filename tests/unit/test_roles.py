"""The table of roles: complete, in bounds, and what its page says."""

from pathlib import Path

import pytest

from accounting.admin import reach, roles
from accounting.admin.caller import Caller
from accounting.admin.errors import ForbiddenError
from accounting.admin.giving import MEASURES
from tests.rpcs import RPCS, Rpc

COLUMNS = ("viewer", "support", "approver", "team_lead", "treasurer", "operator")


def test_table_names_each_method_of_the_protos_and_no_other() -> None:
    """A method that is forgotten here is refused to everybody; a line too many guards nothing."""
    assert set(roles.RULES) == {rpc.name for rpc in RPCS}


def test_roles_of_the_table_are_those_of_the_contract() -> None:
    """Each is known; the operator may do everything, for there must be somebody."""
    for name, rule in roles.RULES.items():
        assert rule.roles <= roles.EVERYBODY == set(COLUMNS), name
        assert rule.roles >= roles.OPERATOR, name


@pytest.mark.parametrize("rpc", RPCS, ids=lambda rpc: rpc.name)
def test_rule_with_a_scoped_role_says_whom_it_is_about(rpc: Rpc) -> None:
    """Without it, a team lead would reach everybody; and each field that it names exists."""
    rule = roles.RULES[rpc.name]
    assert rule.of is not None or not rule.roles & roles.SCOPED
    asked = reach.named(rpc.request(), rule.of or ())
    assert len(asked.accounts) + len(asked.pools) + len(asked.requests) == len(rule.of or ())
    assert set(rule.not_own) <= set(rule.of or ())
    assert not rule.gives or rule.gives in MEASURES


@pytest.mark.parametrize("rpc", [each for each in RPCS if "amount_nanos" in each.fields.fields_by_name],
                         ids=lambda rpc: rpc.name)  # fmt: skip
def test_request_that_carries_an_amount_is_measured(rpc: Rpc) -> None:
    """Whatever gives credit is counted by four eyes, is not for oneself, and has an id of its own."""
    rule = roles.RULES[rpc.name]
    assert rule.gives == "amount"
    assert rule.not_own
    assert "request_id" in rpc.fields.fields_by_name


def test_method_outside_the_table_is_refused_to_the_operator_too() -> None:
    """Default deny: forgetting a line opens nothing."""
    everything = Caller(0, "admin", dict.fromkeys(roles.EVERYBODY, frozenset[int]()))
    with pytest.raises(ForbiddenError, match="nobody may call it"):
        roles.admit(everything, "AdminService/PrintMoney")


def test_unscoped_role_beside_a_scoped_one_reaches_everybody() -> None:
    """Roles add up: none takes away what another one gives."""
    both = Caller(1, "a@x", {"team_lead": frozenset({7}), "viewer": frozenset()})
    lead = Caller(2, "b@x", {"team_lead": frozenset({7}), "approver": frozenset({8})})
    assert roles.admit(both, "AdminService/GetBalance")[1] is None
    assert roles.admit(lead, "AdminService/GetBalance")[1] == frozenset({7, 8})
    assert roles.admit(lead, "AdminService/Grant")[1] == frozenset({8})


def test_page_of_the_roles_says_what_the_table_says(root: Path) -> None:
    """Whoever gives a role reads there what it can do."""
    page = (root / "docs/reference/roles.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `") and "/" in line.split()[1]]
    assert rows == [row(name, rule) for name, rule in roles.RULES.items()]


def row(name: str, rule: roles.Rule) -> str:
    """A line of the page."""
    scoped = "yes" if rule.of == roles.NOBODY and not rule.shows else "own pools"
    marks = {
        role: ("yes" if role not in roles.SCOPED else scoped) if role in rule.roles else ""
        for role in COLUMNS
    }
    if rule.installation:
        marks["operator"] = "installation"
    return f"| `{name}` | {' | '.join(marks[role] for role in COLUMNS)} |"
