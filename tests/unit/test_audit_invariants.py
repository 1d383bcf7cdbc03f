"""What the auditor promises: on its page, and in the recomputation of refusals."""

from pathlib import Path
from typing import Any

import pytest

from accounting.audit.invariants import INVARIANTS, REFUSAL
from accounting.audit.refusals import recompute
from accounting.audit.report import Finding, Report, Violation


def a_refusal(**changes: Any) -> dict[str, Any]:
    """500 wanted, 100 there, nothing in flight."""
    figures = {"posted": 100, "held": 0, "overdraft": 0, "own_held": 0, "own_granted": 0}
    then = {"then_posted": 100, "then_held": 0, "then_overdraft": 0, "then_status": "active"}
    limits = {"want": 500, "target": 500, "minimum": 500}
    rule = {"account_id": 7, "others": None, "small_percent": 2, "share_percent": 50}
    return {"reason": "insufficient_credit", **rule, **figures, **then, **limits, **changes}


def test_invariants_of_the_code_are_those_of_the_page(root: Path) -> None:
    """A promise nobody can read is none; one that nobody checks is worse."""
    page = (root / "docs/reference/invariants.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{each.name}` | {each.promise} | {'yes' if each.freezes else 'no'} |"
        for each in INVARIANTS.values()
    ]


@pytest.mark.parametrize(
    "row",
    [
        a_refusal(),
        a_refusal(reason="request_too_large_for_balance"),
        a_refusal(reason="account_suspended", then_status="frozen", want=1, target=1, minimum=1),
        a_refusal(held=90, then_held=90, want=50, target=50, minimum=50, reason="credit_in_flight"),
        # An extension: 60 of its own are reserved, 60 granted in all; what it wants is beyond all there is.
        a_refusal(own_held=60, own_granted=60, then_held=60, reason="request_too_large_for_balance"),
        a_refusal(
            posted=-5, then_posted=-5, own_held=60, own_granted=60, then_held=60,
        ),
    ],
)  # fmt: skip
def test_refusal_that_the_ledger_gave_recomputes(row: dict[str, Any]) -> None:
    """Each way to a refusal of place_batch and extend_hold."""
    assert recompute(row) is None


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (a_refusal(then_posted=600), "the ledger was at"),
        (a_refusal(then_held=1), "the ledger was at"),
        (a_refusal(then_overdraft=1), "the ledger was at"),
        (a_refusal(want=100, target=100, minimum=100), "the rule grants"),
        (a_refusal(minimum=50), "the rule grants"),
        (a_refusal(reason="account_suspended"), "was not suspended"),
        (a_refusal(reason="credit_in_flight"), "the figures say"),
        (a_refusal(held=90, then_held=90, want=50, target=50, minimum=50), "credit_in_flight"),
        (a_refusal(own_held=60, own_granted=60, then_held=60), "request_too_large_for_balance"),
    ],
)
def test_refusal_that_the_ledger_cannot_have_given_is_named(
    row: dict[str, Any], problem: str
) -> None:
    """Other figures, a rule that grants, a reason that the figures contradict."""
    assert problem in (recompute(row) or "")


def test_report_of_two_looks_lists_a_violation_once() -> None:
    """The new rows and the accounts looked at whole overlap."""
    one = Violation("held", 7, "account 7", "held is 1")
    report = Report()
    report.add("held", Finding(3, (one,)))
    report.add("held", Finding(2, (one,)))
    assert (report.findings["held"].checked, report.violations) == (5, [one])
    report.keep(set(), set())
    assert report.violations == []


def test_invariants_about_accounts_freeze_them() -> None:
    """Those that do not are about accounting or the database, and say why in the code."""
    assert {name for name, each in INVARIANTS.items() if not each.freezes} == {
        "overdue", "guards", "seal", "cap_posted",
    }  # fmt: skip
    assert INVARIANTS[REFUSAL].freezes
