"""What a new book changes: models that come and go, prices old and new, what must be forced."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.price_diff import PriceChange, PriceDifference, compare_prices
from credit.prices import Price

FIELD = "input_cost_per_token"


def price(key: str, **picos: int) -> Price:
    """A model with these prices."""
    return Price(key, "openai", 0, 0, reasoning=False, image_tokens=0, picos=picos)


def test_comparison_names_what_comes_goes_and_changes() -> None:
    """A price that only one side names is a change too."""
    old = {"a": price("a", x=1, y=5), "b": price("b", x=1)}
    new = {"a": price("a", x=2, z=7), "c": price("c", x=1)}
    changes = (
        PriceChange("a", "x", 1, 2),
        PriceChange("a", "y", 5, None),
        PriceChange("a", "z", None, 7),
    )
    assert compare_prices(old, new) == PriceDifference(("c",), ("b",), changes)


@pytest.mark.parametrize(
    ("old", "new", "percent", "sharp"),
    [
        (100, 150, 50, False),
        (100, 50, -50, False),
        (100, 999, 899, False),
        (100, 1000, 900, True),
        (1000, 100, -90, True),
        (1000, 101, -90, False),
        (3, 4, 34, False),
        (0, 1, None, True),
        (1, 0, -100, True),
        (None, 5, None, False),
        (5, None, None, False),
    ],
)
def test_change_of_tenfold_or_to_nothing_is_sharp(
    old: int | None,
    new: int | None,
    percent: int | None,
    sharp: bool,  # noqa: FBT001 (a column of the table above)
) -> None:
    """Ten times is the line, both ways; free is further than any factor."""
    change = PriceChange("m", FIELD, old, new)
    assert (change.percent, change.sharp) == (percent, sharp)


BOOKS = st.dictionaries(
    st.sampled_from("abcd"),
    st.dictionaries(st.sampled_from("xyz"), st.integers(0, 10**10), max_size=3),
).map(lambda found: {key: price(key, **picos) for key, picos in found.items()})


@given(BOOKS, BOOKS)
def test_comparison_applied_to_the_old_book_gives_the_new_one(
    old: dict[str, Price], new: dict[str, Price]
) -> None:
    """Nothing that changes is left out."""
    found = compare_prices(old, new)
    made = {key: each for key, each in old.items() if key not in found.removed}
    for change in found.changed:
        picos = {k: v for k, v in made[change.model].picos.items() if k != change.field}
        if change.new is not None:
            picos[change.field] = change.new
        made[change.model] = replace(made[change.model], picos=picos)
    assert made | {key: new[key] for key in found.added} == new


@given(BOOKS, BOOKS)
def test_comparison_backwards_is_sharp_in_the_same_prices(
    old: dict[str, Price], new: dict[str, Price]
) -> None:
    """Going back needs the same care."""
    there, back = compare_prices(old, new), compare_prices(new, old)
    assert (there.added, there.removed) == (back.removed, back.added)
    assert [(c.model, c.field) for c in there.sharp] == [(c.model, c.field) for c in back.sharp]
