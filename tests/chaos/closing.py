"""When a hold may be closed, and on what estimate: the closing rules as the judge reads them (pure).

Source: docs/design/protocol.md 3 and 6. Nothing here is taken from accounting/settling: what that closes
too early, or for too little, must be found.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from local.provider.truth import TruthCall
from tests.chaos.ledger_view import Event, Hold, Transfer

# One machine, one clock: nobody can know the end of an answer before its last token is made. Calls take a
# quarter of a second here: a judge with a second of slack called a system clean that closed each hold at its start.
SLACK_S: Final = 0.01
# A call that broke off has no such moment; the provider notices a while after it happened.
BROKEN_SLACK_S: Final = 1.0
SUPPORT: Final = "released_by_support"
# The callback saw the client leave; the provider may generate on for a while.
LEFT: Final = frozenset({"aborted", "client_left"})
# Closed without the call's figures, as the guarantees say: what comes later, or is above the hold, is overage.
WITHOUT_FIGURES: Final = LEFT | {
    SUPPORT, "no_evidence", "end_missing", "cost_missing", "usage_missing", "report_missing",
}  # fmt: skip
# The callback saw the whole answer: its text is known. Nine tenths of the truth were measured, or all of it.
SEEN_WHOLE: Final = frozenset({"cost_missing", "usage_missing"})
LEAST_SEEN_PART: Final = 10
# Else the input alone may be known: of a call with 400 hidden tokens that is 1/160, of the longest answer of a
# run (4,000 tokens to some 23) 1/700.
LEAST_PART: Final = 800


def closed_early(
    hold: Hold, calls: Sequence[TruthCall], deadline_s: float, *, heard_whole: bool
) -> float:
    """Seconds by which a hold was closed before its provider was done, without a right to; else 0.

    `heard_whole`: the client had the whole answer, so nobody can have seen it leave.
    """
    if hold.closed_at is None or not calls or hold.reason == SUPPORT:
        return 0.0
    if hold.reason in LEFT and not heard_whole:
        return 0.0
    if hold.closed_at >= hold.placed_at + timedelta(seconds=deadline_s):
        return 0.0
    early_s = max(map(_over_s, calls)) - hold.closed_at.timestamp()
    return max(0.0, early_s)


def overage_of(hold: Hold, events: Sequence[Event], transfers: Sequence[Transfer]) -> int:
    """What the guarantees except of a hold that was closed without figures, nano-USD.

    An estimate above its hold, and what a figure that came afterwards was above the estimate.
    """
    if hold.closed_at is None or hold.reason not in WITHOUT_FIGURES:
        return 0
    mine = (event for event in events if event.hold_id == hold.id)
    late = [event.cost for event in mine if event.recorded_at > hold.closed_at]
    estimates = sum(t.amount for t in transfers if t.kind == "estimate" and t.hold_id == hold.id)
    at_close = (hold.overage or 0) if hold.outcome == "settled" else 0
    return at_close + (max(0, sum(late) - estimates) if late else 0)


def too_low(hold: Hold, debited: int, calls: Sequence[TruthCall], cost: int) -> bool:
    """Whether an estimate is none: next to nothing for calls that the provider served whole."""
    if not calls or not all(call.finished for call in calls):
        return False
    part = LEAST_SEEN_PART if hold.reason in SEEN_WHOLE else LEAST_PART
    return debited * part < cost


def _over_s(call: TruthCall) -> float:
    """When a call was over at the earliest, epoch seconds."""
    return call.completed_at - SLACK_S if call.completed_at else call.at - BROKEN_SLACK_S
