"""Recomputes stored refusals: by the ledger's own figures at that version, by the rule of credit/grant.py."""

from collections.abc import Collection, Mapping
from typing import Any

from accounting.audit import others, statements
from accounting.audit.invariants import REFUSAL
from accounting.audit.report import VIOLATIONS_LIMIT, Finding, Violation
from accounting.audit.scope import Scope
from credit.grant import decide, decide_over

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
    if (full := others.open_holds(row)) is not None:
        return None if full[0] >= full[1] else f"{full[0]} holds were open of {full[1]} allowed"
    if row["own_granted"] > 0:
        return _recompute_extension(row)
    verdict = decide_over(others.payers(row), others.sizes(row))
    if verdict.payer is not None:
        return f"the rule grants {verdict.granted_nanos} from account {verdict.payer}"
    expected = {verdict.reason}
    if verdict.reason == "insufficient_credit":
        expected |= _DOOR_REASONS
    return _compare(row["reason"], expected)


def _recompute_extension(row: Mapping[str, Any]) -> str | None:
    """A hold's own grant counts as available to it; the figures in `others` are without it."""
    asked, capped = others.sizes(row), others.caps(row)
    own = others.own(row)
    mine = row["own_granted"] - row["own_held"]
    free = min(each.available_nanos for each in (own, *capped)) + mine
    limits = (asked.want_nanos, asked.target_nanos, asked.minimum_nanos)
    granted = decide(free, *limits, asked.rule)
    if granted is not None:
        return f"the rule grants {granted} of {free} to (want, target, minimum) {limits}"
    owned = min(each.owned_nanos for each in (own, *capped))
    if free - mine < owned and asked.minimum_nanos <= owned:
        return _compare(row["reason"], {"credit_in_flight"})
    if asked.minimum_nanos <= own.owned_nanos:
        return _compare(row["reason"], {"cap_reached"})
    short = own.owned_nanos <= 0
    reason = "insufficient_credit" if short else "request_too_large_for_balance"
    return _compare(row["reason"], {reason})


def _compare(reason: str, expected: Collection[str | None]) -> str | None:
    if reason in expected:
        return None
    named = " or ".join(sorted(str(each) for each in expected))
    return f"the reason is {reason}; the figures say {named}"
