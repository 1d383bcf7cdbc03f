"""Reads a file of people: lines that can be used, or every problem with its line."""

import csv
import io
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from accounting.admin import fields
from accounting.admin.clients import LANGUAGES
from accounting.admin.errors import InvalidFieldError
from credit.identity import fold_email
from credit.money import parse_amount

COLUMNS: Final = (
    "email", "name", "plan", "team", "cost_center", "language", "credit", "valid_until",
)  # fmt: skip
# One transaction holds the accounts that it touches: so many are done in seconds.
ROWS_LIMIT: Final = 5_000
BYTES_LIMIT: Final = 4 * 1024 * 1024
PROBLEMS_SHOWN: Final = 20
# An error travels in trailers, twice, with other letters escaped: beyond 8 kB in all gRPC shows none of it.
PROBLEM_LIMIT, TOLD_LIMIT = 150, 2_500
# Reais for a dollar: beyond these no division of amounts is one.
LEAST_RATE, GREATEST_RATE = Decimal("0.0001"), Decimal(1_000_000)
ZONE: Final = ZoneInfo("America/Sao_Paulo")


@dataclass(frozen=True, slots=True)
class Line:
    """One person as the file says; `values` holds the columns that the file has, None: empty."""

    number: int
    email: str
    values: Mapping[str, str | None]
    credit_nanos: int
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class Rules:
    """What cells are checked against."""

    plans: Collection[str]
    brl_per_usd: str
    now: datetime


def read_people(file: bytes, rules: Rules) -> list[Line]:
    """The people of a CSV file; InvalidFieldError names every line that cannot be used."""
    rows = _rows(file)
    rate = _rate(rules.brl_per_usd)
    lines: list[Line] = []
    first: dict[str, int] = {}
    problems: list[str] = []
    for number, row in rows:
        line, wrong = _line(number, row, rules, rate)
        problems += [f"line {number}, {problem}" for problem in wrong]
        if line is None:
            continue
        if line.email in first:
            problems.append(f"line {number}, email: stands in line {first[line.email]} already")
        first.setdefault(line.email, number)
        lines.append(line)
    if problems:
        raise InvalidFieldError("file", "\n  ".join(["was not imported:", *_shown(problems)]))
    return lines


def _shown(problems: list[str]) -> list[str]:
    """As many as an answer holds, and how many more there are."""
    shown: list[str] = []
    room = TOLD_LIMIT
    for problem in problems[:PROBLEMS_SHOWN]:
        text = problem if len(problem) <= PROBLEM_LIMIT else f"{problem[:PROBLEM_LIMIT]}…"
        room -= len(quote(text))
        if shown and room < 0:
            break
        shown.append(text)
    more = len(problems) - len(shown)
    return shown + ([f"{more} more"] if more else [])


def _rows(file: bytes) -> list[tuple[int, dict[str, str]]]:
    text = _text(file)
    # A spreadsheet in Portuguese separates by semicolons.
    mark = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    found: list[tuple[int, dict[str, str]]] = []
    try:
        cells = ((reader.line_num, row) for row in reader if any(cell.strip() for cell in row))
        header = _header(next(cells, (1, []))[1])
        for number, row in cells:
            if len(row) != len(header):
                problem = f"line {number} has {len(row)} cells, the header {len(header)}"
                raise InvalidFieldError("file", problem)
            found.append((number, dict(zip(header, row, strict=True))))
            if len(found) > ROWS_LIMIT:
                raise InvalidFieldError("file", f"has more than {ROWS_LIMIT:,} people: split it")
    except csv.Error as error:
        raise InvalidFieldError("file", f"line {reader.line_num}: {error}") from error
    if not found:
        raise InvalidFieldError("file", "has no people: a header line, then one line each")
    return found


def _text(file: bytes) -> str:
    if len(file) > BYTES_LIMIT:
        raise InvalidFieldError("file", f"is larger than {BYTES_LIMIT // 1024 // 1024} MB")
    try:
        return file.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = file.count(b"\n", 0, error.start) + 1
        problem = f"is not UTF-8 (line {line}): save it as 'CSV UTF-8'"
        raise InvalidFieldError("file", problem) from error


def _header(cells: list[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or "email" not in names or len(set(names)) < len(names):
        told = f" (not {unknown[0][:40]!r})" if unknown else ""
        problem = f"line 1 must name each column once: {', '.join(COLUMNS)}{told}; email is needed"
        raise InvalidFieldError("file", problem)
    return names


def _line(
    number: int, row: Mapping[str, str], rules: Rules, rate: Decimal | None
) -> tuple[Line | None, list[str]]:
    problems: list[str] = []

    def cell(column: str, read: Callable[[str], Any]) -> Any:
        try:
            text = row.get(column, "").strip()
            return read(text) if text else None
        except InvalidFieldError as error:
            problems.append(str(error).replace(f"{column} ", f"{column}: ", 1))
        except ValueError as error:
            problems.append(f"{column}: {error}")
        return None

    email = cell("email", _email)
    values = {
        "name": cell("name", lambda text: fields.text("name", text)),
        "plan": cell("plan", lambda text: _plan(text, rules.plans)),
        "team": cell("team", lambda text: fields.pool_name("team", text)),
        "cost_center": cell("cost_center", lambda text: fields.text("cost_center", text, 100)),
        "language": cell("language", lambda text: fields.choice("language", text, LANGUAGES)),
    }
    credit = cell("credit", lambda text: _credit(text, rate)) or 0
    until = cell("valid_until", lambda text: _until(text, rules.now))
    if until is not None and not credit and not row.get("credit", "").strip():
        problems.append("valid_until: says until when, but there is no credit")
    if email is None:
        problems = problems or ["email: must not be empty"]
        return None, problems
    kept = {name: value for name, value in values.items() if name in row}
    return Line(number, email, kept, credit, until), problems


def _email(text: str) -> str:
    found = fold_email(text)
    if found is None:
        raise ValueError(f"{text[:60]!r} is no e-mail address")
    return found


def _plan(text: str, plans: Collection[str]) -> str:
    if text not in plans:
        raise ValueError(f"there is no plan {text[:40]!r}: `pedagio plan list` shows them")
    return text


def _credit(text: str, rate: Decimal | None) -> int:
    return fields.amount("credit", parse_amount(text, rate))


def _until(text: str, now: datetime) -> datetime:
    """The end of that day."""
    try:
        day = date.fromisoformat(text)
        until = datetime.combine(day + timedelta(days=1), time(), ZONE)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text[:40]!r} is no date: write 2027-06-30") from error
    if until <= now:
        raise ValueError(f"{text} is past")
    return until


def _rate(text: str) -> Decimal | None:
    try:
        rate = Decimal(text.replace(",", ".")) if text else None
    except InvalidOperation:
        rate = Decimal(0)
    if rate is not None and not (rate.is_finite() and LEAST_RATE <= rate <= GREATEST_RATE):
        raise InvalidFieldError("brl_per_usd", f"is no rate: {text[:40]!r}")
    return rate
