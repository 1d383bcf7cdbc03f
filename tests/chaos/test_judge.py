"""The judge of a chaos run finds what is wrong: zeros prove nothing unless it can."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from local.provider.truth import TruthCall
from tests.chaos.allowance import Allowance
from tests.chaos.clerk import ModeWindow
from tests.chaos.judge import Case, Findings
from tests.chaos.ledger_view import (
    Account,
    AccountView,
    Decision,
    Event,
    Hold,
    Transfer,
    Version,
)
from tests.chaos.recompute import objection, state_at
from tests.chaos.traffic import SHAPES, Attempt

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CLOSED = NOON + timedelta(seconds=3)
OVER_S = CLOSED.timestamp() - 0.1  # when the provider had done, long before any deadline
DEADLINE_S = 60.0
HOLD = "00000000-0000-4000-8000-000000000001"
REFUSED = "00000000-0000-4000-8000-000000000002"

Change = Callable[[Case], Case]


def hold(**changes: object) -> Hold:
    """A hold of 50, captured at 40."""
    one = Hold(
        HOLD, 7, 50, 50, 50, 50, 1, "authz", NOON, False, None, "captured", "reported", 50, 40, 0, CLOSED  # noqa: FBT003
    )  # fmt: skip
    return replace(one, **changes)  # type: ignore[arg-type]


def transfer(number: int, kind: str, amount: int, **changes: object) -> Transfer:
    """A movement of the account."""
    one = Transfer(number, kind, amount, None if kind == "grant" else HOLD, None, None, NOON, 7)
    return replace(one, **changes)  # type: ignore[arg-type]


def version(number: int, posted: int, held: int = 0, at: datetime = NOON) -> Version:
    """What the account was."""
    return Version(7, number, posted, held, 0, "active", at)


def attempt(status: int, hold_id: str, reason: str = "") -> Attempt:
    """A call that was heard."""
    one = Attempt(f"tag-{hold_id[-1]}", "ana", 0, "round", SHAPES[0], False, 0.0)  # noqa: FBT003
    one.hold, one.status, one.reason, one.decided_s = hold_id, status, reason, 0.1
    return one


def decision() -> Decision:
    """A refusal: 60 were wanted, and 100 - 50 were free, of which half would not do."""
    return Decision(REFUSED, 7, "refuse", "credit_in_flight", 60, 60, 60, 100, 50, 0, 0, 0, 2)


def case() -> Case:
    """An account of 100: one call answered for 40, one refused while it ran."""
    view = AccountView(
        Account(7, "ana", 60, 0, 0, 4, "active"),
        [hold()],
        [transfer(1, "grant", 100), transfer(2, "charge", 40)],
        [Event("e", HOLD, "chatcmpl-1", 40, "success", NOON)],
        [decision()],
        [version(1, 100), version(4, 60)],
    )
    truth = TruthCall("chat", response_id="chatcmpl-1", status=200, completion_tokens=40)
    truth.tag, truth.finished, truth.completed_at, truth.at = "tag-1", True, OVER_S, OVER_S
    attempts = [attempt(200, HOLD), attempt(402, REFUSED, "credit_in_flight")]
    return Case(
        view,
        [truth],
        attempts,
        100,
        [],
        Allowance(15, 2),
        DEADLINE_S,
        lambda call: call.completion_tokens,
    )


def with_view(**changes: object) -> Change:
    """The same case with some of the ledger's rows replaced."""
    return lambda one: replace(one, view=replace(one.view, **changes))  # type: ignore[arg-type]


def test_judge_of_honest_books_finds_nothing() -> None:
    """A call debited once, a refusal that recomputes, every hold closed."""
    found = case().judge()
    assert found.clean, found.details
    assert (found.debited, found.refusals, found.placements) == (40, 1, 1)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("lost", with_view(transfers=[transfer(1, "grant", 100)], events=[])),
        ("lost", with_view(transfers=[transfer(1, "grant", 100), transfer(2, "charge", 39)])),
        ("lost", lambda one: replace(one, granted_nanos=130)),
        ("lost", with_view(account=Account(7, "ana", 61, 0, 0, 4, "active"))),
        (
            "lost",
            lambda one: replace(
                one,
                truths=[*one.truths, TruthCall("chat", status=200, completion_tokens=5)],
            ),
        ),
        (
            "double",
            with_view(
                transfers=[
                    transfer(1, "grant", 100),
                    transfer(2, "charge", 40),
                    transfer(3, "estimate", 40),
                ]
            ),
        ),
        ("double", lambda one: replace(one, truths=[])),
        ("overspent", with_view(account=Account(7, "ana", 60, 61, 0, 4, "active"))),
        (
            "overspent",
            lambda one: replace(one, cost=lambda call: 3 * call.completion_tokens),
        ),
        ("wrong_blocks", with_view(decisions=[])),
        ("wrong_blocks", with_view(decisions=[replace(decision(), kind="would_refuse")])),
        ("wrong_blocks", with_view(decisions=[replace(decision(), minimum=50)])),
        ("wrong_blocks", with_view(decisions=[replace(decision(), posted=90)])),
        ("wrong_blocks", lambda one: replace(one, attempts=[attempt(403, REFUSED)])),
        ("holds_left", with_view(holds=[hold(is_open=True)])),
        ("unexplained", with_view(holds=[hold(reason="")])),
    ],
)
def test_judge_of_broken_books_names_what_is_wrong(name: str, change: Change) -> None:
    """Each kind of violation is found, under its own name."""
    found = change(case()).judge()
    assert getattr(found, name) > 0, found
    assert not found.clean
    assert found.details


def test_judge_excepts_what_another_mode_let_pass() -> None:
    """Traffic in mode off has no hold: it is counted beside the overspend, and only in its window."""
    passed = with_view(
        account=Account(7, "ana", -40, 0, 0, 4, "active"),
        holds=[hold(placed_by="report", granted=0)],
        transfers=[transfer(1, "grant", 100), transfer(2, "charge", 140)],
    )(replace(case(), cost=lambda call: 140 * (call.completion_tokens > 0)))
    at_s = NOON.timestamp()
    inside = replace(passed, windows=[ModeWindow("off", at_s - 1, at_s + 1)]).judge()
    assert (inside.overspent, inside.unheld) == (0, 140)
    outside = replace(passed, windows=[ModeWindow("off", at_s - 99, at_s - 60)]).judge()
    assert (outside.overspent, outside.unheld) == (40, 0)


@pytest.mark.parametrize(("apart_s", "overspent"), [(60, 0), (1, 20)])
def test_judge_excepts_of_each_outage_what_all_replicas_may_grant(
    apart_s: int, overspent: int
) -> None:
    """Two outages may grant 15 on each of two replicas; one of 50 has granted 20 too much."""
    later = NOON + timedelta(seconds=apart_s)
    holds = [
        hold(placed_by="bounded", granted=25),
        hold(id=REFUSED, placed_by="bounded", granted=25, placed_at=later),
    ]
    found = with_view(
        account=Account(7, "ana", -50, 0, 0, 4, "active"),
        holds=holds,
        transfers=[transfer(1, "grant", 100), transfer(2, "charge", 150)],
        decisions=[],
        history=[version(1, 100), version(2, 100, 25, NOON + timedelta(milliseconds=1))],
    )(replace(case(), cost=lambda call: 150 * (call.completion_tokens > 0), attempts=[])).judge()
    assert (found.overspent, found.bounded) == (overspent, 50 - overspent)


@pytest.mark.parametrize(
    ("outcome", "reason", "overspent"),
    [("settled", "cost_missing", 0), ("captured", "reported", 20)],
)
def test_judge_excepts_overage_of_estimates_only(outcome: str, reason: str, overspent: int) -> None:
    """A reported cost above its hold is no exception: then the hold was no bound."""
    found = with_view(
        account=Account(7, "ana", -20, 0, 0, 4, "active"),
        holds=[
            hold(
                outcome=outcome,
                reason=reason,
                captured=120,
                granted=100,
                want=100,
                target=100,
                closed_granted=100,
                overage=20,
            )
        ],
        transfers=[transfer(1, "grant", 100), transfer(2, "charge", 120)],
        decisions=[],
    )(replace(case(), cost=lambda call: 3 * call.completion_tokens)).judge()
    assert (found.overspent, found.overage) == (overspent, 20 - overspent)


def test_judge_excepts_a_figure_that_came_late() -> None:
    """Settled at 40, reversed and charged 55 when the report came: 15 were unforeseen."""
    late = NOON + timedelta(seconds=9)
    found = with_view(
        account=Account(7, "ana", 45, 0, 0, 6, "active"),
        holds=[hold(outcome="settled", reason="end_missing")],
        transfers=[
            transfer(1, "grant", 100),
            transfer(2, "estimate", 40),
            transfer(3, "reversal", 40, reverses=2),
            transfer(4, "charge", 55),
        ],
        events=[Event("e", HOLD, "chatcmpl-1", 55, "success", late)],
    )(replace(case(), cost=lambda call: 55 * (call.completion_tokens > 0))).judge()
    assert found.clean, found.details
    assert found.overage == 15


def test_findings_of_accounts_add_up() -> None:
    """Sums and details alike."""
    total = Findings(lost=1, details=["a"])
    total.add(Findings(lost=2, double=1, details=["b"]))
    assert (total.lost, total.double, total.details) == (3, 1, ["a", "b"])


def test_state_between_the_rows_of_a_batch_counts_its_holds() -> None:
    """Three holds of one batch: versions 5, 6 and 7 are told by the holds, the row has only the last."""
    history = [version(5, 100), version(8, 100, 60)]
    holds = [hold(account_version=5 + n, granted=20) for n in range(3)]
    states = [state_at(history, holds, number)[:2] for number in (0, 5, 6, 7, 8)]
    assert states == [(0, 0), (100, 0), (100, 20), (100, 40), (100, 60)]


def test_refused_extension_counts_its_own_hold_as_available() -> None:
    """It asks for 60 in all, holds 30 itself, 90 others: of 100, 10 + 30 are its own to have."""
    extension = replace(decision(), held=60, own_held=30, own_granted=30, account_version=3)
    history = [version(3, 100, 90)]
    assert objection(extension, history, []) is None
    assert objection(replace(extension, minimum=40), history, []) is not None
    assert objection(replace(extension, own_granted=50), history, []) is not None
