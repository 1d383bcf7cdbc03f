"""Amounts on the command line: each carries its unit."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Final

import typer

from accounting.cli.connection import fail
from credit.money import RateMissingError, parse_amount

RATE_VARIABLE: Final = "PEDAGIO_BRL_PER_USD"
BrlPerUsd = Annotated[
    str, typer.Option(envvar=RATE_VARIABLE, help="Rate for amounts in reais, as 5,40.")
]


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
