"""Each rule of the model, switched off in the model and in the real code.

A mutant of the code is a replacement of text; a test of the product must fail under it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from tests.integration import test_capture, test_place
from tests.model import scenarios

Killer = Callable[[asyncpg.Pool], Awaitable[None]]


@dataclass(frozen=True)
class Change:
    """One piece of text in a file of the product, and what a careless hand makes of it."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """A rule switched off: the world of the model that shows it, and the test that sees it in the code.

    `besides` is SQL that removes the second guard behind the rule, so that the rule alone is tested.
    `in_histories`: whether random histories meet the rule; they have neither pools nor plans.
    """

    rule: str
    world: str
    changes: tuple[Change, ...]
    killer: Killer
    besides: str = ""
    in_histories: bool = True


def mutated(root: Path, changes: Sequence[Change]) -> dict[str, str]:
    """The changed files of the product, by path; each change must still find its text, once."""
    texts: dict[str, str] = {}
    for change in changes:
        text = texts.get(change.path) or (root / change.path).read_text(encoding="utf-8")
        assert text.count(change.old) == 1, f"{change.path} has no longer one {change.old!r}"
        texts[change.path] = text.replace(change.old, change.new)
    return texts


def place(old: str, new: str) -> Change:
    """A change of place_batch."""
    return Change("credit/sql/place_batch.sql", old, new)


def capture(old: str, new: str) -> Change:
    """A change of capture_batch."""
    return Change("credit/sql/capture_batch.sql", old, new)


def close(old: str, new: str) -> Change:
    """A change of close_batch."""
    return Change("credit/sql/close_batch.sql", old, new)


ONE = "two calls on one account"
DIFFER = "two answers and figures that differ"
AWAY = "a ledger that is away"
LATE = "reports that are late or never come"
CHARGE_TWICE = "DROP INDEX transfer_one_charge"
REWRITE = "DROP TRIGGER append_only ON usage_event"

MUTANTS = (
    Mutant(
        "retry_replays",
        ONE,
        (
            place("ELSIF r.known THEN", "ELSIF false THEN"),
            place("IF FOUND THEN", "IF true THEN"),
            place(
                "now() + make_interval(secs => p_deadline_s));",
                "now() + make_interval(secs => p_deadline_s))"
                " ON CONFLICT (hold_id) DO UPDATE SET amount = hold_open.amount + excluded.amount;",
            ),
        ),
        test_place.test_place_again_with_the_same_id_is_the_same_answer,
    ),
    Mutant(
        "refused_stays_refused",
        ONE,
        (place("ELSIF r.old_reason IS NOT NULL THEN", "ELSIF false THEN"),),
        test_place.test_refusal_again_with_the_same_id_stays_refused,
    ),
    Mutant(
        "closed_stays_closed",
        ONE,
        (place("IF r.ended OR ", "IF "),),
        test_place.test_place_again_after_the_hold_closed_is_closed,
    ),
    Mutant(
        "late_place_finds_tombstone",
        "calls that run without a hold",
        (place("OR r.old_placed_by = 'report' ", ""),),
        test_capture.test_report_of_an_unknown_hold_makes_a_late_place_find_it_closed,
    ),
    Mutant(
        "place_sees_other_holds",
        ONE,
        (place("o_posted + o_overdraft - o_held,", "o_posted + o_overdraft,"),),
        test_place.test_batch_on_one_account_never_exceeds_its_credit,
    ),
    Mutant(
        "minimum_suffices",
        ONE,
        (place("WHEN greatest(minimum, percent_of", "WHEN greatest(want, percent_of"),),
        scenarios.last_cent_can_be_spent,
    ),
    Mutant(
        "extend_sees_available",
        "two calls that extend",
        (
            Change(
                "credit/sql/extend.sql",
                "SELECT least(a.posted + a.overdraft - a.held,",
                "SELECT least(a.posted + a.overdraft,",
            ),
        ),
        test_place.test_extensions_at_once_never_exceed_the_credit,
    ),
    Mutant(
        "event_is_debited_once",
        ONE,
        (
            capture(
                "SELECT coalesce(array_agg(s.id), '{}') INTO new_events FROM stored AS s;",
                "SELECT array_agg(g.id) INTO new_events FROM jsonb_to_recordset(p_events) AS g (id text);",
            ),
        ),
        test_capture.test_capture_three_times_in_any_order_debits_once,
        CHARGE_TWICE,
    ),
    Mutant(
        "first_figures_stand",
        DIFFER,
        (
            capture(
                "ORDER BY g.id ON CONFLICT DO NOTHING RETURNING id)\n    SELECT coalesce",
                "ORDER BY g.id ON CONFLICT (id) DO UPDATE SET cost = excluded.cost RETURNING id)\n    SELECT coalesce",
            ),
        ),
        test_capture.test_same_event_with_other_figures_is_shown_and_the_first_stands,
        f"{CHARGE_TWICE}; {REWRITE}",
    ),
    Mutant(
        "conflict_is_shown",
        DIFFER,
        (
            capture(
                "WHERE (u.model, u.usage, u.cost)", "WHERE false AND (u.model, u.usage, u.cost)"
            ),
        ),
        test_capture.test_same_event_with_other_figures_is_shown_and_the_first_stands,
    ),
    Mutant(
        "second_answer_is_a_cost",
        DIFFER,
        (
            capture(
                "IF e.cost > 0 THEN",
                "IF e.cost > 0 AND NOT EXISTS"
                " (SELECT FROM transfer AS t WHERE t.hold_id = e.hold_id AND t.kind = 'charge') THEN",
            ),
        ),
        test_capture.test_second_success_under_one_hold_is_a_real_cost,
    ),
    Mutant(
        "late_report_is_debited",
        LATE,
        (
            capture(
                "IF e.cost > 0 THEN",
                "IF e.cost > 0 AND NOT EXISTS"
                " (SELECT FROM hold_close AS c WHERE c.hold_id = e.hold_id) THEN",
            ),
        ),
        test_capture.test_late_report_after_release_is_a_late_debit,
    ),
    Mutant(
        "capture_frees_the_hold",
        ONE,
        (capture("THEN least(open_hold.amount, e.cost)", "THEN 0"),),
        test_capture.test_capture_debits_the_cost_and_frees_as_much_of_the_hold,
    ),
    Mutant(
        "capture_frees_no_more_than_held",
        "a provider that charges beyond the hold",
        (capture("THEN least(open_hold.amount, e.cost)", "THEN e.cost"),),
        scenarios.overrun_leaves_other_holds_alone,
        "ALTER TABLE hold_open DROP CONSTRAINT hold_open_amount_check;"
        " ALTER TABLE account DROP CONSTRAINT account_held_check",
    ),
    Mutant(
        "hold_closes_once",
        ONE,
        (
            close("DELETE FROM hold_open AS o WHERE o.hold_id = c.hold_id;", ""),
            close("o_captured, o_overage);", "o_captured, o_overage) ON CONFLICT DO NOTHING;"),
        ),
        scenarios.hold_closes_once,
        "DROP INDEX transfer_one_estimate; ALTER TABLE account DROP CONSTRAINT account_held_check",
    ),
    Mutant(
        "close_needs_fresh_evidence",
        ONE,
        (close("WHERE g.records_seen = (", "WHERE g.records_seen <= ("),),
        test_capture.test_close_on_old_evidence_does_nothing,
    ),
    Mutant(
        "close_frees_the_rest",
        ONE,
        (close("held = a.held - c.amount", "held = a.held"),),
        test_capture.test_capture_debits_the_cost_and_frees_as_much_of_the_hold,
    ),
    Mutant(
        "estimate_is_reversed",
        ONE,
        (capture("IF FOUND THEN\n            INSERT", "IF false THEN\n            INSERT"),),
        test_capture.test_late_report_after_an_estimate_trues_it_up,
    ),
    Mutant(
        "overage_is_recorded",
        "a provider that charges beyond the hold",
        (close("greatest(o_captured - c.granted, 0)", "0"),),
        test_capture.test_cost_above_the_hold_is_debited_whole_and_recorded_as_overage,
    ),
    Mutant(
        "bounded_is_placed_once",
        AWAY,
        (
            Change(
                "credit/sql/place_bounded.sql",
                "CASE WHEN FOUND THEN 'placed' ELSE 'replay' END",
                "'placed'",
            ),
            Change(
                "credit/sql/place_bounded.sql",
                "now() + make_interval(secs => p_deadline_s));",
                "now() + make_interval(secs => p_deadline_s))"
                " ON CONFLICT (hold_id) DO UPDATE SET amount = hold_open.amount + excluded.amount;",
            ),
        ),
        scenarios.bounded_is_placed_once,
    ),
    Mutant(
        "all_accounts_or_none",
        "three calls on a user, a pool and a cap",
        (place("free := least(free, posted[x.k] - held[x.k]);", "free := free;"),),
        scenarios.cap_bounds_what_its_owner_can_pay,
        in_histories=False,
    ),
    Mutant(
        "due_is_settled_first",
        "a user whose cap comes back",
        (place("EXIT WHEN due IS NULL;", "EXIT;"),),
        scenarios.expired_credit_is_not_spent,
        in_histories=False,
    ),
    Mutant(
        "allowance_is_granted_once",
        "a user whose cap comes back",
        (
            Change(
                "credit/sql/settle_due.sql",
                "SET posted = a.posted, due_at = a.due_at, plan_ends_at = a.plan_ends_at,",
                "SET posted = a.posted,",
            ),
            Change(
                "credit/sql/settle_due.sql",
                "format('plan/%s/%s%s', p_account, extract(epoch FROM p_at), p_key)",
                "gen_random_uuid()::text",
            ),
        ),
        scenarios.allowance_is_granted_once,
        in_histories=False,
    ),
)
