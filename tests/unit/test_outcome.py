"""The closing rules as a table: what the evidence of a call says about its hold."""

from typing import Any

import pytest

from accounting.settling.outcome import ABORT_WAIT_S, Verdict, verdict
from tests.unit.evidence import cost, end, evidence, start

COST_WAIT_S = 10.0
GUESS = cost(exact=False, error_code="499")
NOTHING = cost(exact=False)
BILLED = cost("failure")
FREE_FAILURE = cost("failure", exact=False)
LONG_AGO = 60.0


def captured(reason: str) -> Verdict:
    """Exact figures were debited."""
    return Verdict("captured", reason)


def settled(reason: str) -> Verdict:
    """An estimate is debited."""
    return Verdict("settled", reason, estimated=True)


SITUATIONS: list[tuple[str, list[dict[str, Any]], Verdict | None]] = [
    ("nothing yet", [], None),
    ("in flight", [start()], None),
    ("cost before the end", [start(), cost()], None),
    ("chat, stream, tools, responses, embeddings", [start(), end(), cost()], captured("reported")),
    ("in another order", [cost(), end(), start()], captured("reported")),
    ("the start was lost", [end(), cost()], captured("reported")),
    ("cache hit", [start(), end(), cost(cache_hit=True)], captured("reported")),
    ("retry or fallback, then ok", [start(), FREE_FAILURE, end(), cost()], captured("reported")),
    ("billed failure, then ok", [start(), BILLED, end(), cost()], captured("reported")),
    ("complete, cost not here yet", [start(), end()], None),
    ("complete, cost never came", [start(), end(age_s=COST_WAIT_S)], settled("cost_missing")),
    ("no usage from upstream", [start(), end(), NOTHING], settled("usage_missing")),
    ("client left mid-stream", [start(), end("aborted", chunks=3), GUESS], settled("aborted")),
    ("client left, LiteLLM not done yet", [start(), end("aborted")], None),
    (
        "client left before the first chunk, no event",
        [start(), end("aborted", age_s=ABORT_WAIT_S)],
        settled("aborted"),
    ),
    ("stream ended without its end", [start(), end(complete=False), GUESS], settled("aborted")),
    ("client left, not streaming", [start(), end("aborted"), cost()], captured("reported")),
    ("upstream error after retries", [start(), FREE_FAILURE, end("failed")], Verdict("released", "failed")),
    ("upstream error, no event", [start(), end("failed")], Verdict("released", "failed")),
    ("failure that costs", [start(), BILLED, end("failed")], captured("billed_failure")),
    (
        "upstream died mid-stream, billed",
        [start(), end("failed", chunks=2, output_chars=50), BILLED],
        captured("billed_failure"),
    ),
    ("upstream died mid-stream, no event yet", [start(), end("failed", chunks=2)], None),
    (
        "upstream died mid-stream, no event",
        [start(), end("failed", age_s=LONG_AGO, chunks=2)],
        settled("aborted"),
    ),
    ("refused by the callback", [end("refused", reason="insufficient_credit")],
     Verdict("released", "insufficient_credit")),
    ("refused without a reason", [start(), end("refused")], Verdict("released", "refused")),
    ("two ends, the first counts", [start(), end(), end("failed"), cost()], captured("reported")),
]  # fmt: skip

AT_DEADLINE: list[tuple[str, list[dict[str, Any]], Verdict]] = [
    ("no trace at all", [], Verdict("released", "no_evidence")),
    ("a failure that cost nothing", [FREE_FAILURE], Verdict("released", "no_evidence")),
    ("LiteLLM crashed", [start()], settled("end_missing")),
    ("a guess without an end", [GUESS], settled("end_missing")),
    ("a cost without an end", [start(), cost()], captured("end_missing")),
    ("a billed failure without an end", [start(), BILLED], captured("end_missing")),
    ("an end that still waits for its cost", [start(), end()], settled("cost_missing")),
    ("normal", [start(), end(), cost()], captured("reported")),
]


@pytest.mark.parametrize(
    ("records", "expected"), [s[1:] for s in SITUATIONS], ids=[s[0] for s in SITUATIONS]
)
def test_verdict_in_each_situation_of_litellm(
    records: list[dict[str, Any]], expected: Verdict | None
) -> None:
    """facts-litellm.md lists what each situation produces; protocol.md 6 how it closes."""
    assert verdict(evidence(*records), COST_WAIT_S) == expected


@pytest.mark.parametrize(
    ("records", "expected"), [s[1:] for s in AT_DEADLINE], ids=[s[0] for s in AT_DEADLINE]
)
def test_verdict_at_the_deadline_always_closes(
    records: list[dict[str, Any]], expected: Verdict
) -> None:
    """I4: every hold ends, with a stated reason."""
    assert verdict(evidence(*records, expired=True), COST_WAIT_S) == expected
