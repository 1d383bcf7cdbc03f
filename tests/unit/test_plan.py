"""Plans: their terms, and the calendars of places that move their clocks."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.plan import PERIODS, Period, Plan, PlanError, next_period, period_of, prorated

BRAZIL, NEW_YORK, APIA = "America/Sao_Paulo", "America/New_York", "Pacific/Apia"
ZONES = (BRAZIL, NEW_YORK, APIA, "Atlantic/Azores", "America/St_Johns", "Australia/Lord_Howe")
# 2005 to 2030, to the millisecond.
INSTANTS = st.integers(1_104_537_600_000, 1_893_456_000_000).map(
    lambda at_ms: datetime.fromtimestamp(at_ms / 1000, UTC)
)


def utc(year: int, month: int, day: int, *clock: int) -> datetime:
    """A moment in UTC; the clock's hour, minute and second default to 0."""
    hour, minute, second = (*clock, 0, 0, 0)[:3]
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "at", "start", "end"),
    [
        # No midnight on 4 November 2018: clocks went from 24:00 to 01:00, so that day has 23 hours.
        (BRAZIL, utc(2018, 11, 4, 12), utc(2018, 11, 4, 3), utc(2018, 11, 5, 2)),
        (BRAZIL, utc(2018, 11, 4, 2, 59, 59), utc(2018, 11, 3, 3), utc(2018, 11, 4, 3)),
        # 23:00 to 24:00 twice on 17 February 2018: a day of 25 hours.
        (BRAZIL, utc(2018, 2, 18, 2, 30), utc(2018, 2, 17, 2), utc(2018, 2, 18, 3)),
        (BRAZIL, utc(2026, 11, 10, 12), utc(2026, 11, 10, 3), utc(2026, 11, 11, 3)),
        (NEW_YORK, utc(2026, 3, 8, 12), utc(2026, 3, 8, 5), utc(2026, 3, 9, 4)),
        # 30 December 2011 was left out in Samoa: the 29th ends where the 31st begins.
        (APIA, utc(2011, 12, 30, 9), utc(2011, 12, 29, 10), utc(2011, 12, 30, 10)),
        (APIA, utc(2011, 12, 30, 10), utc(2011, 12, 30, 10), utc(2011, 12, 31, 10)),
        # 00:00 to 01:00 twice in the Azores: the first begins the day.
        ("Atlantic/Azores", utc(2026, 10, 25, 0, 30), utc(2026, 10, 25), utc(2026, 10, 26, 1)),
        # Set back from 00:01 to 23:01 in Newfoundland: the new day had begun, and stays.
        ("America/St_Johns", utc(2010, 11, 7, 3, 0), utc(2010, 11, 7, 2, 30), utc(2010, 11, 8, 3, 30)),
        # Toronto left out half an hour around midnight: the day begins at 00:30.
        ("America/Toronto", utc(1919, 3, 31, 12), utc(1919, 3, 31, 4, 30), utc(1919, 4, 1, 4)),
    ],
)  # fmt: skip
def test_day_begins_at_the_first_instant_that_the_wall_clock_gives_it(
    zone: str, at: datetime, start: datetime, end: datetime
) -> None:
    """Midnight; without one, the first instant after the gap; of two, the first."""
    assert period_of(at, "day", zone) == Period(start, end)


def test_week_begins_on_monday_and_month_on_its_first() -> None:
    """10 November 2026 is a Tuesday."""
    at = utc(2026, 11, 10, 12)
    assert period_of(at, "week", BRAZIL) == Period(utc(2026, 11, 9, 3), utc(2026, 11, 16, 3))
    assert period_of(at, "month", BRAZIL) == Period(utc(2026, 11, 1, 3), utc(2026, 12, 1, 3))


@given(INSTANTS, st.sampled_from(PERIODS), st.sampled_from(ZONES))
def test_periods_tile_time_without_gap_or_overlap(at: datetime, period: str, zone: str) -> None:
    """Each instant is in exactly one period, which begins where the one before it ends."""
    found = period_of(at, period, zone)
    assert found.start <= at < found.end
    assert period_of(found.start, period, zone) == found
    assert period_of(found.end - timedelta(microseconds=1), period, zone) == found
    assert next_period(found, period, zone).start == found.end
    assert period_of(found.start - timedelta(microseconds=1), period, zone).end == found.start


@given(INSTANTS, st.integers(1, 2**62), st.sampled_from(PERIODS), st.sampled_from(ZONES))
def test_first_allowance_is_never_more_than_the_whole(
    at: datetime, amount: int, period: str, zone: str
) -> None:
    """By seconds, rounded down; all of it only to who joins as the period begins."""
    plan = Plan(period, amount, zone)
    whole = plan.period_of(at)
    assert 0 <= plan.first_allowance(at) <= amount
    assert prorated(amount, whole.start, whole) == amount
    assert Plan(period, amount, zone, prorate=False).first_allowance(at) == amount


def test_first_allowance_counts_the_seconds_that_are_left() -> None:
    """Half of November is half of the allowance, less the fraction of a nano."""
    noon_of_16th = datetime(2026, 11, 16, tzinfo=ZoneInfo(BRAZIL))
    assert Plan("month", 1_001).first_allowance(noon_of_16th) == 500


def test_rollover_carries_up_to_the_cap() -> None:
    """None carries nothing; of all nothing ends, so nothing is carried."""
    capped = Plan("month", 100, rollover="capped", rollover_cap_nanos=30)
    assert (capped.carry(20), capped.carry(70)) == (20, 30)
    assert Plan("month", 100).carry(70) == 0
    assert Plan("month", 100, rollover="all").carry(70) == 0


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("time_zone", {"time_zone": "America/Brasilia"}),
        ("time_zone", {"time_zone": "../etc/passwd"}),
        ("period", {"period": "year"}),
        ("allowance_nanos", {"allowance_nanos": 0}),
        ("allowance_nanos", {"allowance_nanos": -1}),
        ("allowance_nanos", {"allowance_nanos": 1.5}),
        ("allowance_nanos", {"allowance_nanos": True}),
        ("allowance_nanos", {"allowance_nanos": 2**63}),
        ("rollover", {"rollover": "some"}),
        ("rollover_cap_nanos", {"rollover_cap_nanos": 5}),
        ("rollover_cap_nanos", {"rollover": "capped"}),
        ("rollover_cap_nanos", {"rollover": "capped", "rollover_cap_nanos": 0}),
        ("prorate", {"prorate": "yes"}),
        ("priority", {"priority": 0}),
        ("mode", {"mode": "off"}),
        ("allowance", {"allowance": 5}),
    ],
)
def test_plan_with_impossible_terms_is_refused_with_the_field_named(
    field: str, changes: dict[str, Any]
) -> None:
    """Nothing of it is taken."""
    with pytest.raises(PlanError) as refused:
        Plan.from_json({"period": "month", "allowance_nanos": 1, **changes})
    assert refused.value.field == field


@pytest.mark.parametrize("field", ["period", "allowance_nanos"])
def test_plan_without_a_needed_field_is_refused_with_the_field_named(field: str) -> None:
    """Period and allowance have no default."""
    body = {"period": "month", "allowance_nanos": 1}
    del body[field]
    with pytest.raises(PlanError) as refused:
        Plan.from_json(body)
    assert refused.value.field == field


def test_plan_is_read_back_from_its_json() -> None:
    """Every field travels."""
    plan = Plan("week", 7, NEW_YORK, "capped", 3, prorate=False, priority=5, mode="shadow")
    assert Plan.from_json(plan.to_json()) == plan
