"""CSV for spreadsheets."""

import csv
import sys
from collections.abc import Iterable, Sequence
from typing import Final

# What a spreadsheet would take for a formula.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def cell(value: str | int) -> str | int:
    """What a spreadsheet shows as it is: a text that it would calculate is marked as text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def write_csv(head: Sequence[str], rows: Iterable[Iterable[str | int]]) -> None:
    """To the standard output, with the line ends of RFC 4180."""
    out = csv.writer(sys.stdout, lineterminator="\r\n")
    out.writerow(head)
    out.writerows([cell(value) for value in row] for row in rows)
