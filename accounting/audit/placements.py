"""Recomputes placements: what a hold was granted must be what credit/grant.py grants at its version (I1)."""

from collections.abc import Mapping
from typing import Any

from accounting.audit import others, statements
from accounting.audit.invariants import PLACEMENT
from accounting.audit.report import VIOLATIONS_LIMIT, Finding, Violation
from accounting.audit.scope import Scope
from credit.grant import decide

# Versions looked at in one statement; a batch of holds on one account is one version.
PAGE_SIZE = 2000
# Before the first version: transaction, account, version.
_BEFORE_ALL = (0, 0, -1)


async def check_placements(
    connection: statements.Connection, scope: Scope, bound_s: float
) -> Finding:
    """Every hold that authz placed in the scope's versions, in the snapshot of the caller's transaction."""
    checked, after, violations = 0, _BEFORE_ALL, list[Violation]()
    while True:
        page = await statements.rows(
            connection, "list_placements", bound_s, since=scope.since, accounts=scope.accounts,
            after_tx=after[0], after_account=after[1], after_version=after[2], page_size=PAGE_SIZE,
        )  # fmt: skip
        if not page:
            return Finding(checked, tuple(violations))
        for row in page:
            if row["hold_id"] is None or row["placed_by"] != "authz":
                continue
            checked += 1
            problem = recompute(row)
            if problem is not None and len(violations) < VIOLATIONS_LIMIT:
                subject = f"hold {row['hold_id']}"
                violations.append(Violation(PLACEMENT, row["account_id"], subject, problem))
        after = (page[-1]["tx"], page[-1]["account_id"], page[-1]["version"])


def recompute(row: Mapping[str, Any]) -> str | None:
    """What is wrong with a placement of `list_placements`, or None; amounts are nano-USD."""
    if row["then_status"] != "active":
        return f"was placed while the account was {row['then_status']}"
    own = row["then_posted"] + row["then_overdraft"] - row["then_held"]
    free = min([own, *(cap.available_nanos for cap in others.counted(row))])
    asked = others.sizes(row)
    limits = (asked.want_nanos, asked.target_nanos, asked.minimum_nanos)
    granted = decide(free, *limits, asked.rule)
    if granted == row["granted"]:
        return None
    rule = "refuses" if granted is None else f"grants {granted}"
    return f"was granted {row['granted']}; of {free} the rule {rule} to (want, target, minimum) {limits}"
