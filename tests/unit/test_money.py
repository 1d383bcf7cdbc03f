"""Money: integers inside, text with a unit at the edge."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.money import (
    LIMIT_USD,
    NANOS_PER_USD,
    format_amount,
    format_credits,
    format_usd,
    marked_up,
    nanos_from_picos,
    parse_amount,
    picos_from_usd_text,
    price_picos,
    write_amount,
)

RATE = Decimal("5.40")


@given(st.integers(min_value=0, max_value=10**24))
def test_nanos_any_sum_rounds_up_by_less_than_one(picos: int) -> None:
    """A sum of pico-USD becomes nano-USD once, upwards."""
    assert 0 <= nanos_from_picos(picos) * 1000 - picos < 1000


@given(st.integers(0, 10**13), st.integers(0, 10**13), st.integers(0, 1000))
def test_markup_rounds_up_by_less_than_one_and_keeps_the_order(
    less: int, more: int, percent: int
) -> None:
    """Never below the exact figure; a cost within its bound is within it with the markup too."""
    assert 0 <= marked_up(less, percent) * 100 - less * (100 + percent) < 100
    if less <= more:
        assert marked_up(less, percent) <= marked_up(more, percent)


@given(st.integers(min_value=0, max_value=10**15))
def test_usd_text_float_of_litellm_reads_the_nearest_pico(picos: int) -> None:
    """LiteLLM's float, as text, gives back the pico-USD it was made of."""
    assert picos_from_usd_text(str(picos / 10**12)) == picos


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "", "1e999999", "1e10", "abc", "0x1"])
def test_usd_text_absurd_is_refused(text: str) -> None:
    """A cost that is no finite, payable amount is an error, never a debit."""
    with pytest.raises(ValueError, match="not an amount"):
        picos_from_usd_text(text)


@pytest.mark.parametrize(
    ("value", "picos"),
    [
        (1.25e-06, 1_250_000),
        (7.500000000000001e-08, 75_000),
        ("3e-7", 300_000),
        (0, 0),
        (1.25e-13, 1),
        (1.2345e-9, 1235),
    ],
)
def test_price_any_form_reads_whole_picos_rounded_up(value: object, picos: int) -> None:
    """Prices come as floats or text; float noise is no fraction, a real fraction rounds up."""
    assert price_picos(value) == picos


@pytest.mark.parametrize("value", [None, "x", -1e-6, float("nan"), True])
def test_price_absurd_is_refused(value: object) -> None:
    """What is no price is never read as zero."""
    with pytest.raises(ValueError, match="not a price"):
        price_picos(value)


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("US$20", 20 * 10**9),
        (" US$ 20.50 ", 20_500_000_000),
        ("US$0.005", 5_000_000),
        ("usd 3", 3 * 10**9),
        ("US$1.234,56", 1_234_560_000_000),
        ("US$1,234.56", 1_234_560_000_000),
        ("500cr", 5 * 10**9),
        ("1 crédito", 10_000_000),
        ("R$ 54", 10 * 10**9),
        ("BRL 5,40", 10**9),
    ],
)
def test_amount_with_unit_is_read(text: str, nanos: int) -> None:
    """Dollars, reais at the given rate, or créditos of one cent."""
    assert parse_amount(text, RATE) == nanos


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("20", "unit"),
        ("US$20cr", "unit"),
        ("-US$5", "unit"),
        ("US$", "unit"),
        ("US$20.000", "two ways"),
        ("US$1.000.000", "two ways"),
        ("US$1,2.3,4", "no number"),
        ("US$99999999999", "more than anybody"),
        ("US$0.0000000001", "less than a nano-dollar"),
        ("R$ 0,000000001", "less than a nano-dollar"),
    ],
)
def test_amount_unclear_is_refused_with_a_sentence(text: str, says: str) -> None:
    """A bare, ambiguous or absurd amount is refused, and the sentence says why."""
    with pytest.raises(ValueError, match=says):
        parse_amount(text, RATE)


def test_amount_in_reais_without_a_rate_is_refused() -> None:
    """There is no rate to guess."""
    with pytest.raises(ValueError, match="rate"):
        parse_amount("R$ 50")


@pytest.mark.parametrize(
    ("nanos", "portuguese", "english"),
    [
        (50_000_000, "US$ 0,05", "US$0.05"),
        (0, "US$ 0,00", "US$0.00"),
        (123_456, "US$ 0,0001234", "US$0.0001234"),
        (9_999_999_999, "US$ 9,99", "US$9.99"),
        (-5_000_000, "-US$ 0,005", "-US$0.005"),
        (1_234_567_890_000_000, "US$ 1.234.567,89", "US$1,234,567.89"),
    ],
)
def test_usd_shown_is_never_more_than_there_is(nanos: int, portuguese: str, english: str) -> None:
    """People see cut figures in the marks of their language."""
    assert (format_usd(nanos, "pt-BR"), format_usd(nanos, "en")) == (portuguese, english)


@pytest.mark.parametrize(
    ("nanos", "portuguese"),
    [
        (10_000_000, "1 crédito"),
        (5_000_000, "0,5 créditos"),
        (19_999_999, "1,9 créditos"),
        (123_450_000_000, "12.345 créditos"),
        (-5_000_000, "-0,5 créditos"),
    ],
)
def test_credits_shown_are_cut_to_a_tenth(nanos: int, portuguese: str) -> None:
    """One crédito is a cent of a dollar, in the installation's language."""
    assert format_credits(nanos, "pt-BR") == portuguese
    assert format_amount(nanos, "pt-BR", "credits") == portuguese
    assert format_amount(50_000_000, "en", "usd") == "US$0.05"


@given(st.integers(0, LIMIT_USD * NANOS_PER_USD - 1))
def test_amount_written_is_read_back_to_the_nano(nanos: int) -> None:
    """What is stored as text loses nothing, and no three digits of it look like thousands."""
    assert parse_amount(write_amount(nanos)) == nanos
