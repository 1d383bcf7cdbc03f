"""Plans: what renews an account's credit, in pure arithmetic of calendars.

The ledger does this in SQL (`sql/settle_due.sql`), under the account's lock; this is the same in Python, held
equal by `tests/integration/test_differential.py`. Amounts in nano-USD; moments are aware, and answers in UTC.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo, available_timezones

PERIODS = ("day", "week", "month")
ROLLOVERS = ("none", "capped", "all")
MODES = (None, "shadow")
DEFAULT_ZONE = "America/Sao_Paulo"
AMOUNT_LIMIT = 2**63 - 1
PRIORITY_LIMIT = 1_000_000
SECOND = timedelta(seconds=1)


class PlanError(ValueError):
    """A field of a plan that cannot be; `field` names it."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field, self.problem = field, problem


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` until before `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """An allowance each period; raises PlanError for terms that cannot be."""

    period: str
    allowance_nanos: int
    time_zone: str = DEFAULT_ZONE
    rollover: str = "none"
    rollover_cap_nanos: int | None = None
    prorate: bool = True
    priority: int = 100
    mode: str | None = None

    def __post_init__(self) -> None:
        _one_of("period", self.period, PERIODS)
        _one_of("rollover", self.rollover, ROLLOVERS)
        _one_of("mode", self.mode, MODES)
        if self.time_zone not in available_timezones():
            raise PlanError("time_zone", f"is no time zone: {self.time_zone!r}")
        _integer("allowance_nanos", self.allowance_nanos, 1, AMOUNT_LIMIT)
        if (self.rollover == "capped") != (self.rollover_cap_nanos is not None):
            raise PlanError("rollover_cap_nanos", "goes with rollover `capped`, and only with it")
        if self.rollover_cap_nanos is not None:
            _integer("rollover_cap_nanos", self.rollover_cap_nanos, 1, AMOUNT_LIMIT)
        if not isinstance(self.prorate, bool):
            raise PlanError("prorate", "must be true or false")
        _integer("priority", self.priority, 1, PRIORITY_LIMIT)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """A plan of these fields; raises PlanError naming the one that is unknown, missing or wrong."""
        for name in body:
            if name not in cls.__slots__:
                raise PlanError(str(name), "is no field of a plan")
        for name in ("period", "allowance_nanos"):
            if name not in body:
                raise PlanError(name, "is missing")
        return cls(**body)

    def to_json(self) -> dict[str, Any]:
        """All fields; `from_json` reads them back."""
        return asdict(self)

    def period_of(self, at: datetime) -> Period:
        """The period that an instant is in."""
        return period_of(at, self.period, self.time_zone)

    def first_allowance(self, at: datetime) -> int:
        """What somebody gets who joins now: the part of the period that is left, if the plan prorates."""
        if not self.prorate:
            return self.allowance_nanos
        return prorated(self.allowance_nanos, at, self.period_of(at))

    def carry(self, rest_nanos: int) -> int:
        """How much of what is left of a period's credit is granted anew in the next.

        None where all rolls over: those allowances have no end, so nothing has to be moved.
        """
        return min(rest_nanos, self.rollover_cap_nanos or 0)

    def is_aligned_with(self, other: Self) -> bool:
        """Whether both renew at the same moments: a change between them ends no grant."""
        return (self.period, self.time_zone) == (other.period, other.time_zone)


def first_instant(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins: its midnight, the first if there are two, else the first instant after the gap."""
    wall = datetime(day.year, day.month, day.day, tzinfo=zone)
    instant = wall.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return instant
    # Clocks jump over midnight somewhere between its readings by the offsets of before and after the jump.
    early = wall.replace(fold=1).astimezone(UTC)
    while instant - early > SECOND:
        middle = early + (instant - early) // SECOND // 2 * SECOND
        if middle.astimezone(zone).date() < day:
            early = middle
        else:
            instant = middle
    return instant


def period_of(at: datetime, period: str, time_zone: str) -> Period:
    """The day, week (from Monday) or month that an instant is in."""
    zone = ZoneInfo(time_zone)
    first = _first_day(at.astimezone(zone).date(), period)
    start, end = first_instant(first, zone), first_instant(_next_first_day(first, period), zone)
    if at < end:
        return Period(start, end)
    # Clocks were set back over midnight: the wall shows the old day again, but the new one has begun.
    following = _next_first_day(first, period)
    return Period(end, first_instant(_next_first_day(following, period), zone))


def next_period(current: Period, period: str, time_zone: str) -> Period:
    """The period that begins where this one ends."""
    return period_of(current.end, period, time_zone)


def prorated(amount_nanos: int, at: datetime, period: Period) -> int:
    """The part of an amount for what is left of a period, by whole seconds, rounded down."""
    return amount_nanos * ((period.end - at) // SECOND) // ((period.end - period.start) // SECOND)


def _first_day(day: date, period: str) -> date:
    if period == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if period == "week" else day


def _next_first_day(first: date, period: str) -> date:
    if period == "month":
        return (first + timedelta(days=31)).replace(day=1)
    return first + timedelta(days=7 if period == "week" else 1)


def _one_of(field: str, value: object, known: tuple[str | None, ...]) -> None:
    if value not in known:
        raise PlanError(field, f"must be one of {', '.join(map(str, known))}; it is {value!r}")


def _integer(field: str, value: object, least: int, most: int) -> None:
    # A bool is an int to Python, and no amount to anybody.
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise PlanError(field, f"must be an integer from {least} to {most}; it is {value!r}")
