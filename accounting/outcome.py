"""The closing rules: what the evidence of a call says about its hold (pure).

Source: protocol.md 3 and 6 ("Close"). The estimate itself is in estimate.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# LiteLLM writes the cost event a moment after the stream ended; then it is not coming any more.
ABORT_WAIT_S = 2.0
# The callback starts no call on a token older than 45 s, and ships each start at once.
START_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one open hold. `records` are {kind, body, age_s} in order of arrival.

    `open_s`: seconds since it was placed, as far as this process was there to hear of a start.
    """

    expired: bool
    records: Sequence[Mapping[str, Any]]
    open_s: float = 0.0

    def bodies(self, kind: str) -> list[Mapping[str, Any]]:
        """The bodies of one kind of record."""
        return [record["body"] for record in self.records if record["kind"] == kind]

    @property
    def start(self) -> Mapping[str, Any] | None:
        """What was about to be sent."""
        return next(iter(self.bodies("start")), None)

    @property
    def end(self) -> Mapping[str, Any] | None:
        """How it ended; the first end record counts."""
        return next(iter(self.bodies("end")), None)

    @property
    def ended_age_s(self) -> float:
        """Seconds since the end was recorded here."""
        return max(
            (float(record["age_s"]) for record in self.records if record["kind"] == "end"),
            default=0.0,
        )

    @property
    def answered(self) -> bool:
        """A success whose figures are exact has been debited."""
        return any(cost["status"] == "success" and cost["exact"] for cost in self.bodies("cost"))

    @property
    def guessed(self) -> bool:
        """LiteLLM reported a success of which only an estimate can be made."""
        return any(
            cost["status"] == "success" and not cost["exact"] for cost in self.bodies("cost")
        )

    @property
    def billed_failure(self) -> bool:
        """A failed attempt that cost something has been debited."""
        return any(cost["status"] == "failure" and cost["exact"] for cost in self.bodies("cost"))


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the hold closes; `estimated` asks for an estimate to be debited."""

    outcome: str  # captured, released, settled
    reason: str
    estimated: bool = False


def verdict(evidence: Evidence, cost_wait_s: float) -> Verdict | None:
    """How the hold closes now, or None while the call may still be going on or reporting."""
    end = evidence.end
    if end is None:
        if not evidence.records and evidence.open_s >= START_WAIT_S:
            return Verdict("released", "never_started")
        return _at_deadline(evidence) if evidence.expired else None
    if end["outcome"] == "refused":
        return Verdict("released", end["reason"] or "refused")
    if evidence.answered:
        return Verdict("captured", "reported")
    if end["outcome"] == "failed" and not _reached_the_person(end):
        return (
            Verdict("captured", "billed_failure")
            if evidence.billed_failure
            else Verdict("released", "failed")
        )
    if evidence.billed_failure:
        return Verdict("captured", "billed_failure")
    return _unreported(evidence, end, cost_wait_s)


def _unreported(evidence: Evidence, end: Mapping[str, Any], cost_wait_s: float) -> Verdict | None:
    """Something was answered and no exact figure is here: an estimate, once waiting is pointless."""
    aborted = end["outcome"] == "aborted" or not end["complete"]
    if evidence.guessed:
        return Verdict("settled", "aborted" if aborted else "usage_missing", estimated=True)
    wait_s = ABORT_WAIT_S if aborted else cost_wait_s
    if evidence.ended_age_s < wait_s and not evidence.expired:
        return None
    return Verdict("settled", "aborted" if aborted else "cost_missing", estimated=True)


def _at_deadline(evidence: Evidence) -> Verdict:
    if evidence.answered or evidence.billed_failure:
        return Verdict("captured", "end_missing")
    if evidence.start is not None or evidence.guessed:
        return Verdict("settled", "end_missing", estimated=True)
    return Verdict("released", "no_evidence")


def _reached_the_person(end: Mapping[str, Any]) -> bool:
    return bool(end["chunks"] or end["output_chars"])
