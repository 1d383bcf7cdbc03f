"""Who vouches that there is nothing left to tell, and until when."""

import pytest

from accounting.settling.hearing import (
    BEAT_FRESH_S,
    CLOCK_SKEW_S,
    LOOKED_S,
    ROLL_CALL_S,
    SPOOL_GONE_S,
    STALL_S,
    Hearing,
)

ONE = "1" * 32
TWO = "2" * 32


class Ear:
    """A hearing under a clock of its own, past its roll call."""

    def __init__(self) -> None:
        self.now_s = 5_000.0
        self.hearing = Hearing(lambda: self.now_s)
        self.run(ROLL_CALL_S)

    def run(self, seconds: float) -> None:
        """Let time pass in this process."""
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s = min(until_s, self.now_s + 1)
            self.hearing.tick()


@pytest.fixture
def ear() -> Ear:
    """One that has just heard everybody out."""
    return Ear()


def test_beat_vouches_until_when_it_looked_by_its_signed_age(ear: Ear) -> None:
    """Two seconds on its way, looked three before: five ago; never back in time."""
    ear.hearing.beat(ONE, 2.0, 3.0)
    assert ear.hearing.vouched_at_s() == ear.now_s - 5.0
    ear.hearing.beat(ONE, 3.0, 3.0)
    assert ear.hearing.vouched_at_s() == ear.now_s - 5.0
    ear.hearing.beat(ONE, 0.0)
    assert ear.hearing.vouched_at_s() == ear.now_s - 5.0 < ear.now_s
    ear.run(LOOKED_S)
    ear.hearing.beat(ONE, 0.0)
    assert ear.hearing.vouched_at_s() == ear.now_s - LOOKED_S


@pytest.mark.parametrize("age_s", [BEAT_FRESH_S + 1, 60.0, -CLOCK_SKEW_S - 1])
def test_beat_though_old_or_from_the_future_is_ignored(ear: Ear, age_s: float) -> None:
    """It says nothing of now, and a clock that far off says nothing at all."""
    ear.hearing.beat(ONE, age_s, 0.0)
    assert ear.hearing.vouched_at_s() is None


def test_beat_from_a_little_ahead_counts_as_now(ear: Ear) -> None:
    """Clocks are apart by a little; nobody vouches for the future."""
    ear.hearing.beat(ONE, -CLOCK_SKEW_S, 0.0)
    assert ear.hearing.vouched_at_s() == ear.now_s


def test_stall_is_a_restart(ear: Ear) -> None:
    """A gap between two ticks: whoever vouched does so again, after the roll call."""
    ear.hearing.beat(ONE, 0.0, 0.0)
    ear.now_s += STALL_S
    assert ear.hearing.vouched_at_s() is not None
    ear.now_s += STALL_S + 1
    assert ear.hearing.vouched_at_s() is None
    assert ear.hearing.watched_s() == 0.0
    ear.hearing.beat(ONE, 1.0, 0.0)
    ear.run(ROLL_CALL_S)
    assert ear.hearing.vouched_at_s() is None
    ear.hearing.beat(ONE, 1.0, 0.0)
    assert ear.hearing.vouched_at_s() == ear.now_s - 1.0


def test_beat_is_the_first_to_notice_a_stall(ear: Ear) -> None:
    """After a thaw the sockets are read before the next round of the sweep."""
    ear.now_s += STALL_S + 60.0
    ear.hearing.beat(ONE, 1.0, 0.0)
    ear.run(ROLL_CALL_S)
    assert ear.hearing.vouched_at_s() is None


def test_roll_call_after_a_start_waits_for_everybody() -> None:
    """A spool that is behind is not known of before it has said something."""
    now_s = 5_000.0
    hearing = Hearing(lambda: now_s)
    hearing.beat(ONE, 0.0, 0.0)
    assert hearing.vouched_at_s() is None


def test_oldest_word_of_all_spools_counts(ear: Ear) -> None:
    """One that sends records and does not vouch holds everybody up, until it is gone."""
    ear.hearing.beat(ONE, 0.0, 0.0)
    first_s = ear.now_s
    ear.hearing.report(TWO)
    assert ear.hearing.vouched_at_s() is None
    ear.run(1)
    ear.hearing.beat(TWO, 0.0, 0.0)
    assert ear.hearing.vouched_at_s() == first_s
    ear.run(SPOOL_GONE_S)
    ear.hearing.beat(TWO, 0.0, 0.0)
    assert ear.hearing.vouched_at_s() == ear.now_s


def test_beat_without_a_name_vouches_for_nothing(ear: Ear) -> None:
    """Two callbacks of an older version could not be told apart."""
    ear.hearing.beat("", 0.0, 0.0)
    assert ear.hearing.vouched_at_s() is None
