"""Recomputes a stored refusal from the ledger, offline: the grant rule in Python, at the refusal's version (pure)."""

from bisect import bisect_right
from collections.abc import Sequence

from credit.grant import decide
from tests.chaos.ledger_view import Decision, Hold, Version

CREDIT_REASONS = frozenset(
    {"insufficient_credit", "credit_in_flight", "request_too_large_for_balance"}
)


def state_at(history: Sequence[Version], holds: Sequence[Hold], version: int) -> tuple[int, int]:
    """(posted, held) of an account at a version, nano-USD.

    The newest row not above it, plus what was held since then: each placed hold is a version of its
    own, and the rows of a batch are written once, with its last version.
    """
    place = bisect_right([row.version for row in history], version)
    posted, held, since = 0, 0, 0
    if place:
        row = history[place - 1]
        posted, held, since = row.posted, row.held, row.version
    later = (h.granted for h in holds if since <= h.account_version < version)
    return posted, held + sum(later)


def objection(decision: Decision, history: Sequence[Version], holds: Sequence[Hold]) -> str | None:
    """Why a stored refusal for lack of credit is not what the ledger says; None when it is."""
    figures = (decision.posted, decision.held, decision.overdraft, decision.account_version)
    if None in figures or None in (decision.want, decision.target, decision.minimum):
        return f"{decision.reason} without figures"
    assert decision.posted is not None
    assert decision.held is not None
    assert decision.overdraft is not None
    assert decision.account_version is not None
    assert decision.want is not None
    assert decision.target is not None
    assert decision.minimum is not None
    posted, held = state_at(history, holds, decision.account_version)
    if (posted, held) != (decision.posted, decision.held + decision.own_held):
        stored = (decision.posted, decision.held + decision.own_held)
        return f"stored {stored}, the ledger had {(posted, held)} at {decision.account_version}"
    available = posted + decision.overdraft - held + decision.own_granted
    granted = decide(available, decision.want, decision.target, decision.minimum)
    return None if granted is None else f"the rule grants {granted} of {available}"
