"""Recomputes stored refusals: by the ledger's own figures at that version, by the rule of credit/grant.py."""

from collections.abc import Mapping
from typing import Any

from accounting.audit import statements
from accounting.audit.invariants import REFUSAL
from accounting.audit.report import VIOLATIONS_LIMIT, Finding, Violation
from accounting.audit.scope import Scope
from credit.grant import decide

PAGE_SIZE = 2000
_LOWEST_ID = "00000000-0000-0000-0000-000000000000"
_DOOR_REASONS = {"insufficient_credit", "request_too_large_for_balance"}


async def check_refusals(
    connection: statements.Connection, scope: Scope, bound_s: float
) -> Finding:
    """Every refusal of the scope, page by page, in the snapshot of the caller's transaction."""
    checked, after, violations = 0, _LOWEST_ID, list[Violation]()
    while True:
        page = await statements.rows(
            connection, "list_refusals", bound_s, after=after, since=scope.since,
            accounts=scope.accounts, page_size=PAGE_SIZE,
        )  # fmt: skip
        for row in page:
            problem = recompute(row)
            if problem is not None and len(violations) < VIOLATIONS_LIMIT:
                subject = f"refusal {row['hold_id']}"
                violations.append(Violation(REFUSAL, row["account_id"], subject, problem))
        checked += len(page)
        if len(page) < PAGE_SIZE:
            return Finding(checked, tuple(violations))
        after = str(page[-1]["hold_id"])


def recompute(row: Mapping[str, Any]) -> str | None:
    """What is wrong with a row of `list_refusals`, or None: figures first, then the rule, then the reason."""
    decided = (row["posted"], row["held"] + row["own_held"], row["overdraft"])
    then = (row["then_posted"], row["then_held"], row["then_overdraft"])
    if decided != then:
        return f"decided on (posted, held, overdraft) {decided}; the ledger was at {then}"
    if row["reason"] == "account_suspended":
        return None if row["then_status"] != "active" else "the account was not suspended"
    limits = (row["want"], row["target"], row["minimum"])
    owned = row["posted"] + row["overdraft"]
    free = owned - row["held"] - row["own_held"] + row["own_granted"]
    granted = decide(free, *limits)
    if granted is not None:
        return f"the rule grants {granted} of {free} to (want, target, minimum) {limits}"
    expected = _reasons(row, owned, limits)
    if row["reason"] not in expected:
        return f"the reason is {row['reason']}; the figures say {' or '.join(sorted(expected))}"
    return None


def _reasons(row: Mapping[str, Any], owned: int, limits: tuple[int, int, int]) -> set[str]:
    """The reasons that these figures allow: those of place_batch, or of extend_hold."""
    if row["held"] > 0 and decide(owned, *limits) is not None:
        return {"credit_in_flight"}
    if row["own_granted"] > 0:
        short = owned <= 0
        return {"insufficient_credit" if short else "request_too_large_for_balance"}
    return _DOOR_REASONS
