"""One look at the books: every invariant that a scope covers, inside the caller's snapshot."""

from typing import Any

from accounting.audit import seal, statements
from accounting.audit.guards import check_guards
from accounting.audit.invariants import GUARDS, PLACEMENT, REFUSAL, SEAL, STATED, Invariant
from accounting.audit.placements import check_placements
from accounting.audit.refusals import check_refusals
from accounting.audit.report import VIOLATIONS_LIMIT, Finding, Report, Violation
from accounting.audit.scope import Scope

# Of the minute's run: the newest links, and links from one drawn at random on.
NEWEST_LINKS = 2
DRAWN_LINKS = 2
# A transaction that stays open this long keeps everything after it from being sealed, and must be found.
UNSEALED_LIMIT_S = 900


async def examine_books(
    connection: statements.Connection, scope: Scope, report: Report, bound_s: float
) -> None:
    """Everything that belongs to accounts."""
    counted = await statements.row(
        connection, "count_rows", bound_s, since=scope.since, accounts=scope.accounts,
        changed=scope.accounts if scope.changed is None else scope.changed, from_at=scope.from_at,
    )  # fmt: skip
    for invariant in STATED:
        if scope.covers(invariant):
            violations = await _ask(connection, invariant, scope, bound_s)
            report.add(invariant.name, Finding(counted[invariant.counts], violations))
        else:
            report.add(invariant.name, Finding())
    report.add(PLACEMENT, await check_placements(connection, scope, bound_s))
    report.add(REFUSAL, await check_refusals(connection, scope, bound_s))


async def examine_guards(connection: statements.Connection, report: Report, bound_s: float) -> None:
    """What the database itself refuses."""
    report.add(GUARDS, await check_guards(connection, bound_s))


async def examine_seal(
    connection: statements.Connection, report: Report, bound_s: float, drawn: int | None
) -> None:
    """The whole chain (`drawn` None), or its newest links and some from the one drawn on."""
    head = await statements.rows(connection, "read_horizon", bound_s)
    if not head:
        report.add(SEAL, Finding(0, (Violation(SEAL, None, "link 0", "the chain is gone"),)))
        return
    report.head_number, report.head_digest = head[0]["number"], head[0]["digest"]
    violations: list[Violation] = []
    if drawn is None:
        report.links, violations = await seal.verify_all(connection, bound_s)
    else:
        newest = max(report.head_number - NEWEST_LINKS + 1, 0)
        verified = set[int]()  # what was drawn may be among the newest: counted once
        for first, size in ((drawn, DRAWN_LINKS), (newest, NEWEST_LINKS)):
            count, found = await seal.verify_some(connection, bound_s, first, size)
            verified |= set(range(first, first + count))
            violations += found
        report.links = len(verified)
    violations += await _horizon_problems(connection, bound_s, head[0])
    report.add(SEAL, Finding(report.links, tuple(dict.fromkeys(violations))))


async def _horizon_problems(
    connection: statements.Connection, bound_s: float, head: Any
) -> list[Violation]:
    """Why nothing can be sealed, where that is so."""
    horizon, to_tx = head["horizon"], head["to_tx"]
    if horizon < to_tx:
        text = (
            f"the server counts transactions from {horizon}, the chain has seen {to_tx}:"
            " a dump was restored without setting its counter"
        )
        return [Violation(SEAL, None, "server", text)]
    waited = await statements.row(connection, "oldest_unsealed", bound_s, horizon=horizon)
    if (waited["age_s"] or 0) < UNSEALED_LIMIT_S:
        return []
    text = f"rows wait since {waited['age_s']} s to be sealed: transaction {horizon} does not end"
    return [Violation(SEAL, None, "horizon", text)]


async def _ask(
    connection: statements.Connection, invariant: Invariant, scope: Scope, bound_s: float
) -> tuple[Violation, ...]:
    found = await statements.first_rows(
        connection, invariant.name, bound_s, VIOLATIONS_LIMIT, **scope.arguments(invariant)
    )
    return tuple(
        Violation(invariant.name, row["account_id"], row["subject"], row["detail"]) for row in found
    )
