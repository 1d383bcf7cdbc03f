"""Grants as values: the acceptance line of the rules of credit, on the reference."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.plan import Plan
from tests.model.burn import Account
from tests.model.burning import ACTS, START, Burning, check_account

NOON = datetime(2026, 11, 10, 15, tzinfo=UTC)
# Two simulated years: each act comes up to forty days after the one before it.
SEQUENCES = st.lists(
    st.tuples(st.sampled_from(ACTS), st.integers(0, 40 * 86_400), st.integers(0, 2**32)),
    max_size=60,
)


@given(SEQUENCES)
def test_any_sequence_of_acts_keeps_posted_the_sum_of_what_remains(
    acts: list[tuple[str, int, int]],
) -> None:
    """Burn order holds, no credit is created or lost, whatever happens over two years."""
    account, burning = Account(), Burning()
    at = START
    for act, wait_s, seed in acts:
        at += timedelta(seconds=wait_s)
        if at > START + timedelta(days=730):
            break
        burning.perform(account, act, seed, at)
        check_account(account)


@given(SEQUENCES)
def test_account_that_was_looked_at_often_is_what_an_idle_one_is(
    acts: list[tuple[str, int, int]],
) -> None:
    """When somebody looks changes nothing: what is due is the same, seen then or later."""
    idle, watched = Account(), Account()
    one, other = Burning(), Burning()
    at = START
    for act, wait_s, seed in acts:
        watched.settle(at + timedelta(seconds=wait_s // 3))
        watched.settle(at + timedelta(seconds=wait_s // 2))
        at += timedelta(seconds=wait_s)
        one.perform(idle, act, seed, at)
        other.perform(watched, act, seed, at)
    idle.settle(at)
    watched.settle(at)
    assert idle == watched


def test_expiry_spares_what_an_open_hold_reserves() -> None:
    """The rest goes to breakage; what the hold does not use follows when it closes."""
    account = Account()
    account.add("goodwill", 100, NOON, until=NOON + timedelta(days=1))
    account.place("call", 40, NOON)
    later = NOON + timedelta(days=2)
    account.settle(later)
    assert (account.posted, account.breakage) == (40, 60)
    account.charge("call", 30, later)
    account.close("call", later)
    assert (account.posted, account.breakage, account.charged) == (0, 70, 30)


def test_upgrade_back_and_forth_is_worth_nothing() -> None:
    """The difference is added once in a period."""
    account, small, large = Account(), Plan("month", 300), Plan("month", 600)
    account.assign(small, NOON, now=True)
    for plan in (large, small, large):
        account.assign(plan, NOON, now=True)
    assert account.posted == large.first_allowance(NOON)


def test_idle_debtor_pays_with_each_allowance_that_passed_unseen() -> None:
    """Allowances of unseen periods would have paid the debt, so they do."""
    account = Account()
    account.assign(Plan("day", 100, prorate=False), NOON, now=True)
    account.place("call", 0, NOON)
    account.charge("call", 250, NOON)
    account.close("call", NOON)
    account.settle(NOON + timedelta(days=9))
    assert account.posted == 100


def spend_all(account: Account, at: datetime) -> int:
    """One call that costs whatever there is."""
    call, there = f"{len(account.holds)}", account.posted
    account.place(call, there, at)
    account.charge(call, there, at)
    account.close(call, at)
    return there


@pytest.mark.parametrize("prorate", [True, False])
def test_going_back_and_forth_between_periods_hands_out_no_allowance_twice(
    *, prorate: bool
) -> None:
    """Spent each time: of the day too, since the month's allowance was given in it."""
    monthly, daily = Plan("month", 900, prorate=prorate), Plan("day", 70, prorate=prorate)
    account, spent = Account(), 0
    for number in range(12):
        at = NOON + timedelta(minutes=number)
        account.assign((monthly, daily, None)[number % 3], at, now=True)
        spent += spend_all(account, at)
    assert spent == monthly.first_allowance(NOON)
    # The day after, the daily plan's own allowance; the month's is used up.
    account.assign(daily, at, now=True)
    account.settle(at + timedelta(days=1))
    assert account.posted == 70
    account.assign(monthly, at + timedelta(days=1), now=True)
    assert account.posted == 0


def test_plan_waiting_for_the_end_of_a_period_hands_out_nothing_twice_either() -> None:
    """Daily by day, monthly from each midnight on: November is worth its allowance once."""
    monthly, daily = Plan("month", 900, prorate=False), Plan("day", 70, prorate=False)
    account, spent = Account(), 0
    account.assign(daily, NOON, now=True)
    for number in range(10):
        at = NOON + timedelta(days=number)
        account.assign(daily, at, now=True)
        spent += spend_all(account, at)
        account.assign(monthly, at, now=False)
    assert spent <= 900 + 10 * 70
    assert spent < 2 * 900


def test_switch_that_was_a_mistake_is_taken_back() -> None:
    """What was not used expired with it, and is given again."""
    account, monthly = Account(), Plan("month", 900, prorate=False)
    account.assign(monthly, NOON, now=True)
    account.place("call", 300, NOON)
    account.charge("call", 300, NOON)
    account.close("call", NOON)
    account.assign(Plan("day", 70), NOON, now=True)
    account.assign(monthly, NOON, now=True)
    assert account.posted == 600


def test_plan_of_another_period_begins_with_the_part_of_its_own_that_is_left() -> None:
    """At the end of the period that runs, or at once; also where it was waiting already."""
    month, day = Plan("month", 3_000), Plan("day", 100)
    account = Account()
    account.assign(day, NOON, now=True)
    account.assign(month, NOON, now=False)
    midnight = NOON.replace(hour=3) + timedelta(days=1)
    account.settle(midnight)
    assert account.posted == 2_000
    account.assign(day, midnight, now=False)
    assert account.posted == 2_000
    account.assign(day, midnight, now=True)
    assert account.posted == 100
