"""A price file that a person brings: refused whole, with model and field named."""

import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.price_file import LIMIT_BYTES, PriceFileError, read_price_file
from credit.pricebook import price_book_of

GOOD = {"mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}


def written(entries: object) -> bytes:
    """A file with these entries."""
    return json.dumps(entries).encode()


def test_price_file_in_order_is_the_book_that_litellm_would_carry() -> None:
    """The same entries are the same book, whoever brings them; what tokens do not price is left out."""
    entries = {"m": GOOD, "picture": {"mode": "image_generation", "output_cost_per_image": 0.04}}
    book = read_price_file(written(entries))
    assert book == price_book_of(entries)
    assert list(book.prices) == ["m"]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("input_cost_per_token", -1e-6, "must be a finite number, not below 0"),
        ("output_cost_per_token", math.nan, "must be a finite number, not below 0; it is nan"),
        ("output_cost_per_token", math.inf, "must be a finite number, not below 0; it is inf"),
        ("output_cost_per_token", "cheap", "must be a number in USD per token; it is 'cheap'"),
        ("output_cost_per_token", "1e-6", "must be a number in USD per token"),
        ("output_cost_per_token", True, "must be a number in USD per token; it is 'True'"),
        ("input_cost_per_token", 0.010001, "more than 10,000 USD per million tokens"),
        ("output_cost_per_token_above_200k_tokens", 15, "more than 10,000 USD per million"),
        ("cache_read_input_token_cost", [], "must be a number in USD per token"),
        ("output_cost_per_token", None, "is missing"),
        ("input_cost_per_token", None, "is missing"),
    ],
)
def test_price_file_with_a_price_that_cannot_be_meant_names_model_and_field(
    field: str, value: Any, sentence: str
) -> None:
    """One bad price refuses the file, and the sentence says where it is."""
    with pytest.raises(PriceFileError) as caught:
        read_price_file(written({"fine": GOOD, "odd": GOOD | {field: value}}))
    assert str(caught.value).startswith(f"odd: {field} ")
    assert sentence in str(caught.value)


def test_price_file_with_an_embedding_needs_no_output_price() -> None:
    """An embedding answers no tokens."""
    entries = {"e": {"mode": "embedding", "input_cost_per_token": 1e-8}}
    assert read_price_file(written(entries)).prices["e"].picos == {"input_cost_per_token": 10_000}


def test_price_file_at_the_limit_passes() -> None:
    """10,000 USD per million tokens is the most that anybody means."""
    assert "m" in read_price_file(written({"m": GOOD | {"output_cost_per_token": 0.01}})).prices


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe\xfa", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not an object of models"),
        (b"{}", "no model in it has a price"),
        (b'{"m": 5}', "m is no object"),
        (b'{"m": {}, "m": {}}', "m stands in it twice"),
        (b'{"m": {"mode": []}}', "m: mode must be text"),
        (b'{"m\\u0000": {}}', "is no name of a model"),
        (b'{"m": {"input_cost_per_token": 1e999}}', "m: input_cost_per_token"),
        (b" " * (LIMIT_BYTES + 1), "larger than 16 MB"),
    ],
)
def test_price_file_that_is_none_says_what_it_is(data: bytes, sentence: str) -> None:
    """Whatever is sent ends in a sentence."""
    with pytest.raises(PriceFileError) as caught:
        read_price_file(data)
    assert sentence in str(caught.value)


def test_price_file_with_many_problems_names_the_first_and_counts_the_rest() -> None:
    """A file of another kind does not fill the screen."""
    entries = {f"m{number}": GOOD | {"input_cost_per_token": -1} for number in range(9)}
    with pytest.raises(PriceFileError, match=r"m0: .*m4: .*; and 4 more$"):
        read_price_file(written(entries))


@given(st.binary(max_size=200))
def test_price_file_of_any_bytes_is_read_or_refused(data: bytes) -> None:
    """Never another error."""
    try:
        read_price_file(data)
    except PriceFileError:
        return


VALUES = st.one_of(
    st.none(), st.booleans(), st.text(max_size=8), st.integers(), st.floats(),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
FIELDS = st.sampled_from(
    ["mode", "input_cost_per_token", "output_cost_per_token", "tiered_pricing",
     "cache_read_input_token_cost", "litellm_provider", "max_input_tokens",
     "provider_specific_entry"]
)  # fmt: skip


@given(st.dictionaries(st.text(min_size=1, max_size=4), st.dictionaries(FIELDS, VALUES)))
def test_price_file_of_any_entries_holds_only_prices_within_bounds(entries: dict[str, Any]) -> None:
    """What is read is never negative and never above the limit."""
    try:
        book = read_price_file(written(entries))
    except PriceFileError:
        return
    most = int(Decimal("0.01") * 10**12)
    assert all(0 <= pico <= most for p in book.prices.values() for pico in p.picos.values())
