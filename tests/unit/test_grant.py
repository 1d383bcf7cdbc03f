"""The grant rule, as a person would state it."""

from hypothesis import given
from hypothesis import strategies as st

from credit.grant import decide

AMOUNTS = st.integers(0, 10**13)


def test_grant_of_a_small_want_is_the_want() -> None:
    """What needs no more than 2 % of available is granted as asked."""
    assert decide(1_000, 20, 20, 20) == 20


def test_grant_of_a_large_want_is_the_usual_size() -> None:
    """A call that could cost everything is granted what such calls usually need, or 2 %."""
    assert decide(1_000, 900, 100, 10) == 100
    assert decide(100_000, 90_000, 100, 10) == 2_000


def test_grant_near_the_end_leaves_half_for_a_second_tab() -> None:
    """When the usual size does not fit, one call gets half of what is left."""
    assert decide(1_000, 5_000, 2_000, 10) == 500


def test_grant_at_the_end_spends_the_last_cent() -> None:
    """The minimum is granted as long as it fits, and refused as soon as it does not."""
    assert decide(10, 5_000, 2_000, 10) == 10
    assert decide(9, 5_000, 2_000, 10) is None


def test_grant_of_a_free_model_passes_in_debt() -> None:
    """A price of zero by an explicit entry always passes."""
    assert decide(-5, 0, 0, 0) == 0


@given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS)
def test_grant_is_never_above_available_nor_want(available: int, a: int, b: int, c: int) -> None:
    """What is granted fits, is no more than wanted, at least the minimum; a refusal means the minimum does not fit."""
    minimum, target, want = sorted((a, b, c))
    granted = decide(available, want, target, minimum)
    if granted is None:
        assert minimum > available
    else:
        assert minimum <= granted <= want
        assert granted <= available
