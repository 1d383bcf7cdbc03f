"""Money in integers: nano-USD for amounts, pico-USD for prices per token.

Floats enter only as text at the edge, through Decimal. Source of the rounding rules: DESIGN
section 6, protocol.md section 2.
"""

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation

NANOS_PER_USD = 10**9
PICOS_PER_NANO = 1000
PICOS_PER_USD = NANOS_PER_USD * PICOS_PER_NANO
# Nobody means more; a bigint of nano-USD holds nine times as much.
LIMIT_USD = 10**9
PERCENT = 100
CREDITS_PER_USD = 100  # 1 crédito = US$ 0,01, fixed

_AMOUNT = re.compile(
    r"^(?P<prefix>US\$|USD|R\$|BRL)?\s*(?P<number>\d[\d.,]*)\s*(?P<suffix>cr|créditos?|credits?)?$",
    re.IGNORECASE | re.ASCII,
)


class RateMissingError(ValueError):
    """An amount in reais, and nobody said how many make a dollar."""


def nanos_from_picos(picos: int) -> int:
    """Round a sum of pico-USD up to whole nano-USD, once per call."""
    return -(-picos // PICOS_PER_NANO)


def marked_up(nanos: int, percent: int) -> int:
    """An amount with a markup in per cent on it, rounded up; equal to marked_up in place_batch.sql.

    On the rounded amount, at the door as at the debit: so a bound stays a bound.
    """
    return nanos + -(-nanos * percent // PERCENT)


def picos_from_usd_text(text: str) -> int:
    """Read USD written as a decimal (LiteLLM's float as text), to the nearest pico-USD.

    Rounding the float up directly differs from the price book by 1 nano in half of all
    calls (measured). Raises ValueError for anything that is no finite number >= 0.
    """
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"not an amount in USD: {text[:40]!r}") from error
    if not amount.is_finite() or not 0 <= amount < LIMIT_USD:
        raise ValueError(f"not an amount in USD: {text[:40]!r}")
    return int((amount * PICOS_PER_USD).to_integral_value(ROUND_HALF_EVEN))


def price_picos(value: object) -> int:
    """A price in USD per token, as in LiteLLM's data, in pico-USD; no whole pico: rounded up."""
    try:
        price = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"not a price: {value!r}") from error
    if not price.is_finite() or price < 0:
        raise ValueError(f"not a price: {value!r}")
    # A float such as 1.8e-07 is exact as text; 15 digits hide what arithmetic added (7.500000000000001e-08).
    picos = round(price * PICOS_PER_USD, 6)
    # Next to nothing is not free.
    return max(int(picos.to_integral_value(ROUND_CEILING)), int(price > 0))


def parse_amount(text: str, brl_per_usd: Decimal | None = None) -> int:
    """Read an amount that carries its unit (`US$20`, `R$ 50`, `500cr`), in nano-USD.

    A bare number is refused: nobody can know what it means. Reais need `brl_per_usd`.
    Raises ValueError with a sentence for the person who typed it.
    """
    match = _AMOUNT.match(text.strip())
    if match is None or bool(match["prefix"]) == bool(match["suffix"]):
        raise ValueError(f"{text!r} is no amount with a unit: write US$20, 'R$ 50' or 500cr")
    number = _number(match["number"], text)
    if match["suffix"]:
        usd = number / CREDITS_PER_USD
    elif match["prefix"].upper() in {"R$", "BRL"}:
        if not brl_per_usd:
            raise RateMissingError(f"{text!r} is in reais: give the rate (BRL per USD)")
        usd = number / brl_per_usd
    else:
        usd = number
    if usd >= LIMIT_USD:
        raise ValueError(f"{text!r} is more than anybody means")
    if 0 < usd * NANOS_PER_USD < 1:
        raise ValueError(
            f"{text!r} is less than a nano-dollar, the least there is (US$0.000000001)"
        )
    return int((usd * NANOS_PER_USD).to_integral_value(ROUND_HALF_EVEN))


def write_amount(nanos: int) -> str:
    """An amount of at least 0 exactly, as `parse_amount` reads it: `US$0.20`, `US$1.2345`."""
    whole, fraction = divmod(nanos, NANOS_PER_USD)
    digits = f"{fraction:09d}".rstrip("0").ljust(2, "0")
    # Three digits behind one mark could be thousands.
    return f"US${whole}.{digits}{'0' if len(digits) == 3 else ''}"  # noqa: PLR2004


def _number(text: str, whole: str) -> Decimal:
    """`1.234,56` and `1,234.56`: the last separator is the decimal one, the other groups by three."""
    marks = [mark for mark in text if mark in ".,"]
    # One kind of separator before three digits: 20.000 is twenty or twenty thousand; 0.005 is clear.
    if len(set(marks)) == 1 and (len(marks) > 1 or re.search(r"[1-9]\d*[.,]\d{3}$", text)):
        raise ValueError(f"{whole!r} can be read in two ways: leave out the thousands separator")
    decimal_mark = marks[-1] if marks else "."
    other = "," if decimal_mark == "." else "."
    grouped = rf"\d{{1,3}}(\{other}\d{{3}})+" if other in text else r"\d+"
    if re.fullmatch(rf"{grouped}(\{decimal_mark}\d+)?", text) is None:
        raise ValueError(f"{whole!r} is no number: write it as 1234.56")
    return Decimal(text.replace(other, "").replace(decimal_mark, "."))


def format_usd(nanos: int, language: str = "en") -> str:
    """`US$0.05`, in Portuguese `US$ 0,05`; small amounts keep four significant digits.

    Rounded down, as credits are: never more than there is.
    """
    usd = Decimal(nanos) / NANOS_PER_USD
    digits = 2 if usd == 0 or abs(usd) >= Decimal("0.1") else min(9, 3 - usd.adjusted())
    usd = usd.quantize(Decimal(1).scaleb(-digits), ROUND_FLOOR)
    sign = "-" if usd < 0 else ""
    text = f"{abs(usd):,.{digits}f}"
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0").ljust(2, "0")
    if language == "pt-BR":
        return f"{sign}US$ {whole.replace(',', '.')},{fraction}"
    return f"{sign}US${whole}.{fraction}"


def exact_usd(nanos: int) -> str:
    """For the books: exact to the nano, `US$1,234.000000001`."""
    whole, fraction = divmod(abs(nanos), NANOS_PER_USD)
    digits = f"{fraction:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' if nanos < 0 else ''}US${whole:,}.{digits}"


def format_credits(nanos: int, language: str = "en") -> str:
    """`5 créditos`, one decimal at most when there is a fraction, rounded down: never more than there is."""
    tenths = nanos * CREDITS_PER_USD * 10 // NANOS_PER_USD
    whole, tenth = divmod(abs(tenths), 10)
    grouped = f"{whole:,}".replace(",", "." if language == "pt-BR" else ",")
    mark = "," if language == "pt-BR" else "."
    number = f"{'-' if tenths < 0 else ''}{grouped}" + (f"{mark}{tenth}" if tenth else "")
    one = number == "1"
    noun = (
        ("crédito" if one else "créditos")
        if language == "pt-BR"
        else ("credit" if one else "credits")
    )
    return f"{number} {noun}"


def format_amount(nanos: int, language: str, unit: str) -> str:
    """An amount for a person, in the installation's unit: `credits` or `usd`."""
    return format_usd(nanos, language) if unit == "usd" else format_credits(nanos, language)
