"""Tables for spreadsheets, as files to download."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from fastapi.responses import Response

# What a spreadsheet would take for a formula.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
# Without it a spreadsheet takes UTF-8 for something else.
MARK: Final = "\ufeff"


def cell(value: str | int) -> str | int:
    """What a spreadsheet shows as it is: a text that it would calculate is marked as text."""
    return (
        f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA) else value
    )


def csv_file(name: str, head: Sequence[str], rows: Iterable[Iterable[str | int]]) -> Response:
    """RFC 4180, under that name."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\r\n")
    out.writerow(head)
    out.writerows([cell(value) for value in row] for row in rows)
    return Response(
        (MARK + text.getvalue()).encode(),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}.csv"'},
    )
