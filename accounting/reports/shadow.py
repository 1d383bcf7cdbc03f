"""The shadow report: what enforcement would have done in the last days, to whom, for how much."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from accounting.admin.errors import InvalidFieldError
from accounting.reports import statements

DAYS = 7
DAYS_LIMIT = 92
PERSONS_SHOWN = 100

Row = Mapping[str, Any] | asyncpg.Record


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """Amounts are nano-USD; `persons` are rows of list_persons, the most concerned first."""

    days: int
    reasons: Sequence[Row]
    persons: Sequence[Row]

    @property
    def requests(self) -> int:
        """Whoever made them, also nobody known."""
        return sum(row["requests"] for row in self.persons)

    @property
    def would_refuse(self) -> int:
        """Requests that enforcement would have refused."""
        return sum(row["would_refuse"] for row in self.persons)

    @property
    def known(self) -> Sequence[Row]:
        """Without the row of requests whose person is unknown."""
        return [row for row in self.persons if row["account_id"]]

    @property
    def people_refused(self) -> int:
        """Of whom a request would have been refused."""
        return sum(1 for row in self.known if row["would_refuse"])

    @property
    def near_misses(self) -> int:
        """People whom nothing would have refused, but not by much."""
        return sum(
            1
            for row in self.known
            if not row["would_refuse"] and (row["nearly_out"] or row["shortened"])
        )

    @property
    def saved_nanos(self) -> int:
        """Debited by calls that enforcement would have refused."""
        return sum(row["saved"] for row in self.reasons)


async def read(pool: asyncpg.Pool, days: int) -> ShadowReport:
    """The report over so many days, 0 for a week."""
    days = days_asked(days)
    reasons = await statements.rows(pool, "count_reasons", days=days)
    return ShadowReport(days, reasons, await statements.rows(pool, "list_persons", days=days))


def days_asked(days: int) -> int:
    """Between a day and a quarter; InvalidFieldError."""
    if not 0 <= days <= DAYS_LIMIT:
        raise InvalidFieldError("days", f"must be between 1 and {DAYS_LIMIT}")
    return days or DAYS
