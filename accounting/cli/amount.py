"""Amounts on the command line: each carries its unit."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Final

import typer

from accounting.cli.connection import fail
from credit.money import NANOS_PER_USD, RateMissingError, parse_amount

RATE_VARIABLE: Final = "PEDAGIO_BRL_PER_USD"
BrlPerUsd = Annotated[
    str, typer.Option(envvar=RATE_VARIABLE, help="Rate for amounts in reais, as 5,40.")
]


def read_price(text: str) -> tuple[int, str]:
    """What was paid, in cents, and the currency; a sentence and exit code 1 where it is none of ours."""
    try:
        units = parse_amount(text, Decimal(1))
    except ValueError as error:
        fail(str(error))
    cents, rest = divmod(units, NANOS_PER_USD // 100)
    if rest or text.strip()[-1:].lower() not in "0123456789":
        fail(f"{text!r} is no price: write US$100 or 'R$ 550,00', with cents at most")
    reais = text.strip().upper().startswith(("R$", "BRL"))
    return cents, "BRL" if reais else "USD"


def read_amount(amount: str, brl_per_usd: str) -> int:
    """Nano-USD; a sentence and exit code 1 where it is no amount."""
    try:
        rate = Decimal(brl_per_usd.replace(",", ".")) if brl_per_usd else None
    except InvalidOperation:
        rate = Decimal(0)
    if rate is not None and not (rate.is_finite() and rate > 0):
        fail(f"--brl-per-usd is no rate: {brl_per_usd}")
    try:
        return parse_amount(amount, rate)
    except RateMissingError as error:
        fail(f"{error}, by --brl-per-usd or {RATE_VARIABLE}")
    except ValueError as error:
        # An unquoted US$20 arrives as US0, USbash.20 or the like.
        lost = amount.upper().startswith(("US", "R")) and "$" not in amount
        fail(f"{error}" + ("; quote it, as 'US$20': the shell took the $" if lost else ""))
