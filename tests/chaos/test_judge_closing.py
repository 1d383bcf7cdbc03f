"""The judge of a chaos run finds holds closed too early, for too little, or for what they must not excuse."""

from dataclasses import replace
from datetime import timedelta

import pytest

from local.provider.truth import TruthCall
from tests.chaos.allowance import Allowance, available_before, outages_of
from tests.chaos.judge import Case, Findings
from tests.chaos.ledger_view import Account, Event
from tests.chaos.recompute import excess_of
from tests.chaos.test_judge import (
    CLOSED,
    DEADLINE_S,
    HOLD,
    NOON,
    REFUSED,
    attempt,
    case,
    hold,
    transfer,
    version,
    with_view,
)

LATE = CLOSED + timedelta(seconds=9)


def cost_of(nanos: int, **changes: object) -> Case:
    """The account of 100 with one call that cost so much, served whole by the provider and heard whole."""
    truth = TruthCall("chat", response_id="chatcmpl-1", status=200, completion_tokens=nanos)
    truth.tag, truth.finished, truth.completed_at = "tag-1", True, CLOSED.timestamp() - 0.1
    truth.at = CLOSED.timestamp() + 0.4  # written when somebody has the answer already
    heard = attempt(200, HOLD)
    heard.response_id = "chatcmpl-1"
    for name, value in changes.items():
        setattr(truth, name, value)
    return with_view(decisions=[])(replace(case(), truths=[truth], attempts=[heard]))


def closed_at_once(outcome: str, reason: str, nanos: int = 40) -> Case:
    """Closed 20 s before the provider was done; the report came late, and was debited in full."""
    over_s = CLOSED.timestamp() + 20
    estimate = [transfer(2, "estimate", 1), transfer(3, "reversal", 1, reverses=2)]
    return with_view(
        account=Account(7, "ana", 100 - nanos, 0, 0, 6, "active"),
        holds=[hold(outcome=outcome, reason=reason, captured=1)],
        transfers=[transfer(1, "grant", 100), *estimate, transfer(4, "charge", nanos)],
        events=[Event("e", HOLD, "chatcmpl-1", nanos, "success", LATE)],
    )(cost_of(nanos, completed_at=over_s))


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        ("settled", "end_missing"),
        ("released", "refused_upstream"),
        ("released", "no_evidence"),
        ("captured", "reported"),
        ("settled", "aborted"),
    ],
)
@pytest.mark.parametrize(("nanos", "overspent"), [(40, 0), (1000, 900)])
def test_hold_closed_while_its_call_ran_is_an_error_and_excuses_nothing(
    outcome: str, reason: str, nanos: int, overspent: int
) -> None:
    """Whatever the reason says: within credit it was closed early, beyond it it overspent besides."""
    found = closed_at_once(outcome, reason, nanos).judge()
    assert (found.closed_early, found.overspent, found.overage) == (1, overspent, 0)
    assert not found.clean


def test_hold_may_close_early_by_support_or_deadline_or_when_the_client_left() -> None:
    """Those three are by design; what comes late is overage then."""
    by_support = closed_at_once("released", "released_by_support", 130).judge()
    assert (by_support.clean, by_support.overage) == (True, 129)
    late = closed_at_once("settled", "end_missing", 130)
    expired = replace(late, deadline_s=3.0).judge()
    assert (expired.clean, expired.overage) == (True, 129)
    left = closed_at_once("settled", "aborted", 130)
    gone = replace(left, attempts=[attempt(200, HOLD)]).judge()
    assert (gone.clean, gone.overage) == (True, 129)


def test_hold_closed_as_its_call_ended_is_not_early() -> None:
    """Nobody has the end before the last token is made; a call that broke off is noticed within a second."""
    assert cost_of(40, completed_at=CLOSED.timestamp() + 0.005).judge().clean
    assert cost_of(40, completed_at=CLOSED.timestamp() + 0.1).judge().closed_early == 1
    broken = {"completed_at": 0.0, "finished": False}
    assert cost_of(40, at=CLOSED.timestamp() + 0.9, **broken).judge().clean
    assert cost_of(40, at=CLOSED.timestamp() + 1.1, **broken).judge().closed_early == 1


@pytest.mark.parametrize(
    "reason", ["failed", "refused_upstream", "never_started", "no_upstream", "reported"]
)
def test_late_debit_of_a_hold_closed_for_good_is_overspend(reason: str) -> None:
    """An account of 100 debited 1000 after a close that promised that nothing would come."""
    found = with_view(
        account=Account(7, "ana", -900, 0, 0, 6, "active"),
        holds=[hold(outcome="released", reason=reason, captured=0)],
        transfers=[transfer(1, "grant", 100), transfer(2, "charge", 1000)],
        events=[Event("e", HOLD, "chatcmpl-1", 1000, "success", LATE)],
    )(cost_of(1000)).judge()
    assert (found.overspent, found.overage) == (900, 0)


def estimated(nanos: int, reason: str, **changes: object) -> Findings:
    """A call of 1000, never reported, which stayed an estimate of so much."""
    return with_view(
        account=Account(7, "ana", 2000 - nanos, 0, 0, 6, "active"),
        holds=[hold(outcome="settled", reason=reason, captured=nanos)],
        transfers=[transfer(1, "grant", 2000), transfer(2, "estimate", nanos)],
        events=[],
        history=[version(1, 100)],
    )(replace(cost_of(1000, **changes), granted_nanos=2000)).judge()


@pytest.mark.parametrize(
    ("nanos", "reason", "lost"),
    [
        (1, "end_missing", 1),
        (1, "aborted", 1),
        (2, "report_missing", 0),  # only the input was known
        (99, "cost_missing", 1),  # the text was known too
        (100, "usage_missing", 0),
    ],
)
def test_estimate_of_next_to_nothing_is_a_lost_call(nanos: int, reason: str, lost: int) -> None:
    """Served whole for 1000; both sums are told beside."""
    found = estimated(nanos, reason)
    assert (found.lost, found.estimated, found.estimated_truth) == (lost, nanos, 1000)


def test_estimate_of_a_call_that_broke_off_may_be_far_off() -> None:
    """Hidden tokens until then are anybody's guess."""
    assert estimated(1, "end_missing", finished=False, disconnected=True).lost == 0


def test_report_that_came_must_be_debited_to_the_nano() -> None:
    """Reported with 1000, and the estimate left standing: lost."""
    late = closed_at_once("settled", "end_missing", 40)
    stale = [transfer(1, "grant", 100), transfer(2, "estimate", 39)]
    view = replace(late.view, transfers=stale, account=Account(7, "ana", 61, 0, 0, 6, "active"))
    assert replace(late, view=view, deadline_s=1.0).judge().lost == 1


@pytest.mark.parametrize(
    ("granted", "minimum", "beyond"), [(50, 50, 0), (51, 50, 1), (49, 50, 1), (120, 120, 120)]
)
def test_placement_that_the_rule_does_not_give_is_overspend(
    granted: int, minimum: int, beyond: int
) -> None:
    """100 were free: 50 wanted are 50, not one more; of 120 at least nothing can be granted."""
    want = max(50, minimum)
    one = hold(granted=granted, want=want, target=want, minimum=minimum)
    found = with_view(holds=[one], decisions=[])(replace(case(), attempts=[])).judge()
    assert found.overspent == beyond
    assert found.clean == (beyond == 0)


def test_placements_of_one_batch_see_each_other() -> None:
    """Of 100, a second 60 in the same batch had only 40 before it."""
    two = [hold(granted=60, want=60, target=60, minimum=60, account_version=n) for n in (1, 2)]
    history = [version(1, 100), version(3, 100, 120)]
    assert excess_of(two[0], history, two) == (0, "")
    assert excess_of(two[1], history, two)[0] == 60


@pytest.mark.parametrize(
    ("available", "granted", "allowed"),
    [(100, 30, 30), (100, 90, 60), (7, 90, 14), (0, 90, 0), (-5, 90, 0)],
)
def test_allowance_of_an_outage_is_what_was_available_or_the_cap_on_each_replica(
    available: int, granted: int, allowed: int
) -> None:
    """Cap 30, two replicas: who had 7 may get 7 twice, who had nothing gets nothing."""
    one = hold(placed_by="bounded", granted=granted)
    history = [version(1, 500, 0, NOON - timedelta(seconds=60)),
               version(2, available, 0, NOON - timedelta(seconds=30))]  # fmt: skip
    assert Allowance(30, 2).of([one], history, {}) == allowed


def test_allowance_counts_what_was_available_as_postgres_was_lost() -> None:
    """Lost 5 s before the call: what was there 2 s earlier may be all that a replica knows; an old loss is none."""
    changes = [(90, 500), (9, 100), (6, 40), (4, 5)]
    history = [version(n, free, 0, NOON - timedelta(seconds=ago_s))
               for n, (ago_s, free) in enumerate(changes, 1)]  # fmt: skip
    asked_s = NOON.timestamp()
    assert available_before(history, asked_s, asked_s) == 5
    assert available_before(history, asked_s - 5, asked_s) == 100
    assert available_before([], asked_s, asked_s) == 0
    one = hold(placed_by="bounded", granted=90)
    assert Allowance(300, 1, [asked_s - 5]).of([one], history, {}) == 90
    assert Allowance(300, 1, [asked_s - 50, asked_s + 1]).of([one], history, {}) == 5


def test_next_outage_has_what_the_first_one_left() -> None:
    """30 were there and were granted on both replicas: in the next outage there is nothing to grant again."""
    again = NOON + timedelta(seconds=60)
    holds = [
        hold(placed_by="bounded", granted=60),
        hold(id=REFUSED, placed_by="bounded", granted=60, placed_at=again),
    ]
    history = [
        version(1, 30, 0, NOON - timedelta(seconds=30)),
        version(2, 30, 60, NOON + timedelta(seconds=1)),
    ]
    assert len(outages_of(holds, history, {})) == 2
    assert Allowance(30, 2).of(holds, history, {}) == 60
    unchanged = history[:1]
    assert len(outages_of(holds, unchanged, {})) == 1
    assert Allowance(30, 2).of(holds, unchanged, {}) == 60


def test_deadline_of_the_cases_is_later_than_their_ends() -> None:
    """Else the deadline would excuse what these tests accuse."""
    assert (CLOSED - NOON).total_seconds() < DEADLINE_S
