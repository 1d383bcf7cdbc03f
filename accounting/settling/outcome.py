"""The closing rules: what the evidence of a call says about its hold (pure).

Source: protocol.md 3 and 6 ("Close", "Match"). The estimate itself is in estimate.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accounting.settling.evidence import Access, Evidence
from accounting.settling.hearing import CLOCK_SKEW_S
from credit.refusal import Reason

__all__ = ["Evidence", "Verdict", "doubt", "verdict"]

# LiteLLM writes the cost event a moment after the stream ended; then it is not coming any more.
ABORT_WAIT_S = 2.0
# LiteLLM answered with an error: whatever was started had been written by then, by some clock.
REFUSAL_WAIT_S = CLOCK_SKEW_S
# A call has ended by one witness; the other's word is not coming any more (protocol.md 6, "Match").
END_WAIT_S = 120.0
# Errors after which the provider may bill all the same: nobody waited for its answer.
TIMED_OUT = frozenset({408, 504})
# The answer has no figures, nor needs any: what was held is due.
FLAT_AMOUNT = "flat_amount"
# Outcomes that a person should look at, by their reason.
DOUBTFUL = frozenset({"no_evidence", "end_missing", "cost_missing", "usage_missing", "report_missing"})  # fmt: skip
# All that this module gives, beside the callback's own refusals.
REASONS = (
    DOUBTFUL
    | {"reported", "billed_failure", "failed", "refused", "aborted", "client_left"}
    | {FLAT_AMOUNT, "never_started", "no_upstream", "refused_upstream"}
    | {reason.value for reason in Reason}
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the hold closes; `estimated` asks for an estimate to be debited."""

    outcome: str  # captured, released, settled
    reason: str
    estimated: bool = False


def verdict(evidence: Evidence, cost_wait_s: float) -> Verdict | None:
    """How the hold closes now, or None while the call may still be going on or reporting."""
    if evidence.end is not None:
        return _ended(evidence, evidence.end, cost_wait_s)
    if evidence.start is not None:
        decided = _started(evidence)
    elif evidence.answered or evidence.guessed:
        decided = _reported_only(evidence, cost_wait_s)
    else:
        decided = _unstarted(evidence)
    return _at_deadline(evidence) if decided is None and evidence.expired else decided


def doubt(evidence: Evidence, decided: Verdict) -> str | None:
    """The kind of exception with which a person is asked to look at this outcome, or None."""
    if decided.reason in DOUBTFUL:
        return decided.reason
    end = evidence.end
    if end is None:
        return "end_missing" if evidence.start is not None else None
    timed_out = {f"status_{code}" for code in TIMED_OUT}
    return "maybe_billed" if decided.reason == "failed" and end["reason"] in timed_out else None


def _ended(evidence: Evidence, end: Mapping[str, Any], cost_wait_s: float) -> Verdict | None:
    """The callback saw the end."""
    if end["outcome"] == "refused":
        return Verdict("released", end["reason"] or "refused")
    if evidence.answered:
        return Verdict("captured", "reported")
    if evidence.billed_failure:
        return Verdict("captured", "billed_failure")
    if end["outcome"] == "failed" and not _reached_the_person(end):
        return Verdict("released", "failed")
    aborted = end["outcome"] == "aborted" or not end["complete"]
    if evidence.guessed:
        return Verdict("settled", "aborted" if aborted else _unmeasured(evidence), estimated=True)
    wait_s = ABORT_WAIT_S if aborted else cost_wait_s
    if evidence.age_s("end") < wait_s and not evidence.expired:
        return None
    return Verdict("settled", "aborted" if aborted else "cost_missing", estimated=True)


def _started(evidence: Evidence) -> Verdict | None:
    """It went upstream, and no end record has come: LiteLLM died, or it is still going on."""
    if evidence.answered:
        late = evidence.silent_for(evidence.age_s("cost"), END_WAIT_S)
        return Verdict("captured", "end_missing") if late else None
    access = evidence.access
    if access is None or not evidence.silent_for(access.age_s, END_WAIT_S):
        return None
    if evidence.billed_failure:
        return Verdict("captured", "end_missing")
    if access.clean_error and access.body["code"] not in TIMED_OUT and not evidence.guessed:
        return Verdict("released", "refused_upstream")
    return Verdict("settled", "end_missing", estimated=True)


def _reported_only(evidence: Evidence, cost_wait_s: float) -> Verdict | None:
    """LiteLLM's webhook told of a success, and no callback of ours of anything: an end is not to come."""
    if evidence.access is None and evidence.age_s("cost") < cost_wait_s:
        return None
    if evidence.answered:
        return Verdict("captured", "reported")
    return Verdict(
        "settled", "aborted" if evidence.client_left else _unmeasured(evidence), estimated=True
    )


def _unstarted(evidence: Evidence) -> Verdict | None:
    """No callback has told of a start, nobody of a success."""
    access = evidence.access
    if access is not None:
        return _seen_by_envoy(evidence, access)
    silent = not evidence.bodies("cost")
    if silent and evidence.heard_since(evidence.open_s):
        return Verdict("released", "never_started")
    return None


def _seen_by_envoy(evidence: Evidence, access: Access) -> Verdict | None:
    """Envoy saw the end, nobody a start (1 1 0)."""
    if not access.forwarded:
        return Verdict("released", "no_upstream")
    if evidence.billed_failure:
        return Verdict("captured", "billed_failure")
    silent = evidence.silent_for(access.age_s, END_WAIT_S)
    timed_out = access.body["code"] in TIMED_OUT
    if access.clean_error and not timed_out and not evidence.quarantined:
        told = silent or evidence.heard_since(access.age_s, REFUSAL_WAIT_S)
        return Verdict("released", "refused_upstream") if told else None
    # A callback that is there and knows of no start: nothing was sent, unless an answer says otherwise.
    heard = evidence.heard_since(access.age_s)
    if heard and not access.delivered and not timed_out:
        return Verdict("released", "never_started")
    if heard or silent:
        return Verdict("settled", "report_missing", estimated=True)
    return None


def _at_deadline(evidence: Evidence) -> Verdict:
    """Whatever is known has to do."""
    if evidence.answered or evidence.billed_failure:
        return Verdict("captured", "end_missing")
    if evidence.start is not None or evidence.guessed:
        return Verdict("settled", "end_missing", estimated=True)
    if evidence.quarantined:  # something was sent, though nobody can say what
        return Verdict("settled", "report_missing", estimated=True)
    return Verdict("released", "no_evidence")


def _unmeasured(evidence: Evidence) -> str:
    """A success without figures: what a flat amount is for, and elsewhere a case for a person."""
    return FLAT_AMOUNT if evidence.flat else "usage_missing"


def _reached_the_person(end: Mapping[str, Any]) -> bool:
    return bool(end["chunks"] or end["output_chars"])
