"""The amount beyond which four eyes look, as the environment says it."""

import pytest

from accounting.settings import read_four_eyes


@pytest.mark.parametrize(
    ("text", "nanos"), [("", 0), ("US$100", 100 * 10**9), ("10000cr", 100 * 10**9)]
)
def test_amount_is_read_with_its_unit(text: str, nanos: int) -> None:
    """As everywhere; nothing set means that any amount is given alone."""
    assert read_four_eyes(text) == nanos


@pytest.mark.parametrize("text", ["100", "US$0", "R$ 500", "US00", "a lot", "US$-1"])
def test_amount_that_says_nothing_stops_the_start(text: str) -> None:
    """A slip must not switch the guard off in silence: `US$100` unquoted is `US00` to a shell."""
    with pytest.raises(ValueError, match=r"PEDAGIO_FOUR|unit|reais|number"):
        read_four_eyes(text)
