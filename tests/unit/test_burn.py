"""Grants as values: the acceptance line of the rules of credit, on the reference."""

from datetime import UTC, datetime, timedelta

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
