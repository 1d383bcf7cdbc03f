"""Recomputes what the door decided, offline: the grant rule in Python, on the ledger's figures of then (pure).

Both answers: a stored refusal must be one by the rule, a placed hold must be what the rule grants.
"""

from bisect import bisect_right
from collections.abc import Sequence

from credit.grant import decide
from tests.chaos.ledger_view import Decision, Hold, Version

CREDIT_REASONS = frozenset(
    {"insufficient_credit", "credit_in_flight", "request_too_large_for_balance"}
)


def state_at(
    history: Sequence[Version], holds: Sequence[Hold], version: int
) -> tuple[int, int, int]:
    """(posted, held, overdraft) of an account at a version, nano-USD.

    The newest row not above it, plus what was held since then: each placed hold is a version of its
    own, and the rows of a batch are written once, with its last version.
    """
    place = bisect_right([row.version for row in history], version)
    posted, held, overdraft, since = 0, 0, 0, 0
    if place:
        row = history[place - 1]
        posted, held, overdraft, since = row.posted, row.held, row.overdraft, row.version
    later = (h.granted for h in holds if since <= h.account_version < version)
    return posted, held + sum(later), overdraft


def excess_of(hold: Hold, history: Sequence[Version], holds: Sequence[Hold]) -> tuple[int, str]:
    """(nano-USD, why) by which a hold that authz placed differs from what the rule grants; (0, "") when it does not."""
    posted, held, overdraft = state_at(history, holds, hold.account_version)
    available = posted + overdraft - held
    granted = decide(available, hold.want, hold.target, hold.minimum)
    if granted == hold.granted:
        return 0, ""
    why = f"{hold.granted} was placed, the rule says {granted} of {available} at {hold.account_version}"
    return max(1, hold.granted - (granted or 0)), why


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
    then = state_at(history, holds, decision.account_version)
    stored = (decision.posted, decision.held + decision.own_held, decision.overdraft)
    if then != stored:
        return f"stored {stored}, the ledger had {then} at {decision.account_version}"
    posted, held, overdraft = then
    available = posted + overdraft - held + decision.own_granted
    granted = decide(available, decision.want, decision.target, decision.minimum)
    return None if granted is None else f"the rule grants {granted} of {available}"
