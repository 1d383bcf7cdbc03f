"""The closing rules with Envoy's access log: the seven combinations of hold, access log, callback."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.settling.evidence import START_WAIT_S, Evidence
from accounting.settling.outcome import (
    ABORT_WAIT_S,
    DOUBTFUL,
    END_WAIT_S,
    REFUSAL_WAIT_S,
    Verdict,
    doubt,
    verdict,
)
from tests.unit.evidence import access, cost, end, evidence, start

COST_WAIT_S = 10.0
LONG_AGO = 3_600.0
HEARD = START_WAIT_S
SOON = END_WAIT_S - 1
GUESS = cost(exact=False, error_code="499")
FREE_FAILURE = cost("failure", exact=False)
BILLED = cost("failure")

Case = tuple[str, Evidence, Verdict | None]

NO_UPSTREAM = Verdict("released", "no_upstream")
REFUSED = Verdict("released", "refused_upstream")
NEVER_STARTED = Verdict("released", "never_started")
REPORT_MISSING = Verdict("settled", "report_missing", estimated=True)
END_MISSING = Verdict("settled", "end_missing", estimated=True)
REPORTED = Verdict("captured", "reported")


def aged(record: dict[str, Any], age_s: float) -> dict[str, Any]:
    """The record, recorded so long ago."""
    return record | {"age_s": age_s}


def left(age_s: float, **changes: Any) -> dict[str, Any]:
    """The client hung up before the first byte, after the request had gone to LiteLLM."""
    fields = {"flags": ["DC"], "details": "downstream_remote_disconnect", "first_byte_ms": None}
    return access(None, age_s, bytes_sent=0, **fields | changes)


def broken(code: int, flag: str, age_s: float) -> dict[str, Any]:
    """The connection to LiteLLM broke."""
    return access(code, age_s, flags=[flag], details="upstream_reset")


CASES: list[Case] = [
    # 1 1 1
    ("111 as without the log", evidence(start(), end(), cost(), access()), REPORTED),
    ("111 the log says an error, the callback an answer", evidence(start(), end(), cost(), access(500)), REPORTED),
    ("111 end still waits for its cost", evidence(start(), end(), access(200, LONG_AGO)), None),
    ("111 refused by the callback", evidence(end("refused", reason="bad_request"), access(400)),
     Verdict("released", "bad_request")),
    ("111 aborted", evidence(start(), end("aborted", age_s=ABORT_WAIT_S), access(200, flags=["DC"])),
     Verdict("settled", "aborted", estimated=True)),
    # 1 1 0, no start
    ("110 no upstream at all", evidence(access(503, upstream=False, flags=["UH"])), NO_UPSTREAM),
    ("110 the client left during the check", evidence(left(0, upstream=False)), NO_UPSTREAM),
    *((f"110 never forwarded: {flag}", evidence(access(503, flags=[flag], first_byte_ms=None)), NO_UPSTREAM)
      for flag in ("UH", "UF", "NR", "NC", "UO", "UAEX")),
    ("110 refused once, broken then", evidence(access(503, flags=["UC", "UF"], first_byte_ms=None)), None),
    ("110 error of LiteLLM, a start may be on its way",
     evidence(access(500, REFUSAL_WAIT_S + 4), callback_heard_s=5.0), None),
    ("110 error of LiteLLM, nobody vouches", evidence(access(500, END_WAIT_S - 1)), None),
    ("110 error of LiteLLM, the callback is silent", evidence(access(500, END_WAIT_S)), REFUSED),
    ("110 error of LiteLLM", evidence(access(500, REFUSAL_WAIT_S), callback_heard_s=0.0), REFUSED),
    ("110 refused by LiteLLM", evidence(access(401, REFUSAL_WAIT_S), callback_heard_s=0.0), REFUSED),
    ("110 error of LiteLLM, a free failure told",
     evidence(FREE_FAILURE, access(429, REFUSAL_WAIT_S), callback_heard_s=0.0), REFUSED),
    *((f"110 timed out: {code}, a start may be late", evidence(access(code, HEARD - 1), callback_heard_s=0.0), None)
      for code in (408, 504)),
    *((f"110 timed out: {code}", evidence(access(code, HEARD), callback_heard_s=0.0), REPORT_MISSING)
      for code in (408, 504)),
    *((f"110 timed out: {code}, the callback is silent", evidence(access(code, END_WAIT_S)), REPORT_MISSING)
      for code in (408, 504)),
    ("110 error of LiteLLM, a record was quarantined",
     evidence(access(500, HEARD), callback_heard_s=0.0, quarantined=True), None),
    ("110 nor then anybody's word", evidence(access(500, END_WAIT_S), quarantined=True), REPORT_MISSING),
    ("110 connection broke, too early to say", evidence(broken(503, "UC", SOON)), None),
    ("110 connection broke, the callback is silent", evidence(broken(503, "UC", END_WAIT_S)), REPORT_MISSING),
    ("110 connection broke, the callback knows of nothing",
     evidence(broken(503, "UC", HEARD + 5), callback_heard_s=5.0), NEVER_STARTED),
    ("110 client left, the callback knows of nothing", evidence(left(HEARD + 5), callback_heard_s=5.0), NEVER_STARTED),
    ("110 client left, the callback was heard too early", evidence(left(HEARD + 5), callback_heard_s=6.0), None),
    ("110 client left, the callback is silent", evidence(left(END_WAIT_S)), REPORT_MISSING),
    ("110 answer, the callback knows of nothing",
     evidence(access(200, HEARD + 5), callback_heard_s=5.0), REPORT_MISSING),
    ("110 answer, too early to say", evidence(access(200, SOON)), None),
    ("110 answer, the callback is silent", evidence(access(200, END_WAIT_S)), REPORT_MISSING),
    ("110 cut after the first byte", evidence(access(200, END_WAIT_S, flags=["UPE"])), REPORT_MISSING),
    ("110 this process was not there to hear", evidence(access(200, LONG_AGO), watched_s=SOON), None),
    ("110 nor then, but the deadline is over",
     evidence(access(200, LONG_AGO), watched_s=1, expired=True), REPORT_MISSING),
    # start without end: LiteLLM died
    ("started, the log says ended", evidence(start(), access(200, END_WAIT_S)), END_MISSING),
    ("started, the log says ended just now", evidence(start(), access(200, SOON)), None),
    ("started, the connection broke", evidence(start(), broken(503, "UC", END_WAIT_S)), END_MISSING),
    ("started, this process was not there to hear", evidence(start(), access(200, LONG_AGO), watched_s=SOON), None),
    ("started, LiteLLM answered with an error", evidence(start(), access(429, END_WAIT_S)), REFUSED),
    ("started, LiteLLM timed out", evidence(start(), access(408, END_WAIT_S)), END_MISSING),
    ("started, billed failure, no end", evidence(start(), BILLED, access(500, END_WAIT_S)),
     Verdict("captured", "end_missing")),
    ("started, answered, end may come", evidence(start(), cost(), access(200, LONG_AGO)), None),
    ("started, answered, end lost", evidence(start(), aged(cost(), END_WAIT_S)), Verdict("captured", "end_missing")),
    ("started, guessed, no end", evidence(start(), GUESS, access(200, END_WAIT_S)), END_MISSING),
    # LiteLLM's webhook alone
    ("webhook, the call is over", evidence(cost(), access()), REPORTED),
    ("webhook without the log, just now", evidence(aged(cost(), COST_WAIT_S - 1)), None),
    ("webhook without the log", evidence(aged(cost(), COST_WAIT_S)), REPORTED),
    ("webhook, the client left", evidence(GUESS, access(200, flags=["DC"])),
     Verdict("settled", "aborted", estimated=True)),
    ("webhook, no usage", evidence(cost(exact=False), access()), Verdict("settled", "usage_missing", estimated=True)),
    ("webhook, billed failure, another attempt may come", evidence(aged(BILLED, LONG_AGO)), None),
    ("webhook, billed failure, over", evidence(BILLED, access(500)), Verdict("captured", "billed_failure")),
    # 1 0 0
    ("100 just placed", evidence(open_s=HEARD - 1, callback_heard_s=0.0), None),
    ("100 the callback knows of nothing", evidence(open_s=HEARD, callback_heard_s=0.0), NEVER_STARTED),
    ("100 a record was quarantined", evidence(open_s=LONG_AGO, callback_heard_s=0.0, quarantined=True), None),
    ("100 quarantined, deadline", evidence(open_s=LONG_AGO, quarantined=True, expired=True), REPORT_MISSING),
    ("110 an answer began before it broke", evidence(access(503, END_WAIT_S, flags=["UF"])), REPORT_MISSING),
    ("100 the callback was heard too early", evidence(open_s=LONG_AGO, callback_heard_s=LONG_AGO - HEARD + 1), None),
    ("100 the callback was never heard", evidence(open_s=LONG_AGO), None),
    ("100 deadline", evidence(open_s=LONG_AGO, expired=True), Verdict("released", "no_evidence")),
    ("100 started: a stream goes on", evidence(start(), open_s=LONG_AGO, callback_heard_s=0.0), None),
    ("100 a failed attempt told: others may come", evidence(FREE_FAILURE, open_s=LONG_AGO, callback_heard_s=0.0), None),
    # entries of progress close nothing
    ("progress alone", evidence(access(200, LONG_AGO, stage="progress"), open_s=LONG_AGO), None),
    ("progress of a started stream", evidence(start(), access(200, LONG_AGO, stage="progress")), None),
    ("progress of a broken connection", evidence(access(503, LONG_AGO, stage="progress", upstream=False)), None),
]  # fmt: skip


@pytest.mark.parametrize(("known", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_verdict_in_each_combination_of_witnesses(
    known: Evidence, expected: Verdict | None
) -> None:
    """protocol.md 6, "Match": which witness says what, and who is waited for."""
    assert verdict(known, COST_WAIT_S) == expected


@pytest.mark.parametrize(
    ("known", "kind"),
    [
        (evidence(start(), end(), cost()), None),
        (evidence(start(), end("failed", reason="status_429")), None),
        (evidence(start(), end("failed", reason="status_408")), "maybe_billed"),
        (evidence(start(), end("failed", reason="status_504")), "maybe_billed"),
        (evidence(start(), BILLED, end("failed", reason="status_408")), None),
        (evidence(start(), access(429, END_WAIT_S)), "end_missing"),
        (evidence(start(), access(200, END_WAIT_S)), "end_missing"),
        (evidence(access(200, END_WAIT_S)), "report_missing"),
        (evidence(access(500, END_WAIT_S)), None),
        (evidence(open_s=LONG_AGO, callback_heard_s=0.0), None),
        (evidence(expired=True), "no_evidence"),
    ],
)
def test_doubt_names_what_a_person_should_look_at(known: Evidence, kind: str | None) -> None:
    """A lost report is found, never silent (I4); a timeout may have been billed though it cost 0."""
    decided = verdict(known, COST_WAIT_S)
    assert decided is not None
    assert doubt(known, decided) == kind


RECORDS = st.one_of(
    st.builds(start),
    st.builds(
        end,
        st.sampled_from(["ok", "failed", "aborted", "refused"]),
        st.floats(0, 300),
        chunks=st.integers(0, 2),
        output_chars=st.integers(0, 2),
        complete=st.booleans(),
    ),
    st.builds(cost, st.sampled_from(["success", "failure"]), exact=st.booleans()),
    st.builds(
        access,
        st.sampled_from([None, 200, 400, 408, 500, 503]),
        st.floats(0, 300),
        stage=st.sampled_from(["end", "progress"]),
        upstream=st.booleans(),
        flags=st.lists(st.sampled_from(["DC", "UC", "UF", "UH"]), max_size=2),
        first_byte_ms=st.sampled_from([None, 100]),
    ),
)
KNOWN = st.fixed_dictionaries(
    {
        "open_s": st.floats(0, 4_000),
        "callback_heard_s": st.none() | st.floats(0, 4_000),
        "watched_s": st.floats(0, 4_000) | st.just(math.inf),
        "quarantined": st.booleans(),
    }
)


@given(st.lists(RECORDS, max_size=5, unique_by=lambda record: record["kind"]), KNOWN, st.randoms())
def test_verdict_of_the_same_evidence_in_any_order_is_the_same(
    records: list[dict[str, Any]], known: dict[str, Any], draw: Any
) -> None:
    """Whatever the order in which it arrived, once all is there."""
    expected = verdict(evidence(*records, **known), COST_WAIT_S)
    draw.shuffle(records)
    assert verdict(evidence(*records, **known), COST_WAIT_S) == expected


@given(st.lists(RECORDS, max_size=5), KNOWN)
def test_verdict_at_the_deadline_always_closes_with_a_reason(
    records: list[dict[str, Any]], known: dict[str, Any]
) -> None:
    """I4, for any evidence whatever; what is released without a word of anybody is doubted."""
    found = evidence(*records, expired=True, **known)
    decided = verdict(found, COST_WAIT_S)
    assert decided is not None
    assert decided.reason
    assert decided.estimated == (decided.outcome == "settled")
    if decided.reason in DOUBTFUL:
        assert doubt(found, decided) == decided.reason


@given(st.lists(RECORDS, max_size=5), KNOWN)
def test_verdict_never_releases_what_was_answered(
    records: list[dict[str, Any]], known: dict[str, Any]
) -> None:
    """A debit that is in the books stays what the hold was for, unless the callback itself refused the call."""
    found = evidence(*records, **known)
    decided = verdict(found, COST_WAIT_S)
    refused = found.end is not None and found.end["outcome"] == "refused"
    if decided is not None and found.answered and not refused:
        assert decided.outcome == "captured"
