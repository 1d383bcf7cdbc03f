"""What the callback's silence proves: which spools vouch that they have nothing left to tell, since when.

Each folder of spools (a host with LiteLLM) has a name. Its heartbeat says that everything it noted some
time ago is with us. Nobody vouches for another: the oldest word among those that report at all counts.
"""

import math
from collections.abc import Callable

# How far apart the clocks of the callback, of Postgres and of this process may be.
CLOCK_SKEW_S = 2.0
# A beat that took longer to get here waited somewhere: what it says is about then, not about now.
BEAT_FRESH_S = 5.0
# A beat of a callback that does not say when it looked: two of its rounds at most.
LOOKED_S = 10.0
# A spool that said nothing for so long is gone, with its host.
SPOOL_GONE_S = 600.0
# This process was not running: what waited in its sockets meanwhile has not been heard yet.
STALL_S = 5.0
# The shipper's longest pause (10 s), and its patience with one batch (10 s): after a start or a stall
# every spool that lives has said something by then.
ROLL_CALL_S = 22.0


class Hearing:
    """Keeps when each spool last reported, and until when it vouches. Seconds of `clock`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` only rises, also while this process is frozen."""
        self._clock = clock
        self._began_s = self._ticked_s = clock()
        self._reported: dict[str, float] = {}
        self._vouched: dict[str, float] = {}

    def tick(self) -> None:
        """Say each second that this process runs; a gap is a stall, and is treated as a restart."""
        now_s = self._clock()
        if now_s - self._ticked_s > STALL_S:
            self._began_s = now_s
            self._vouched.clear()
        self._ticked_s = now_s

    def report(self, spool: str) -> None:
        """A spool has sent something. Until it vouches for itself, nobody's silence proves anything."""
        self.tick()
        self._reported[spool] = self._clock()

    def beat(self, spool: str, age_s: float, looked_s: float = LOOKED_S) -> None:
        """A spool vouches: what was in it `looked_s` before it said so, `age_s` ago, is in the ledger.

        `age_s` comes from two clocks. Ignored: a beat that is old, from the future, or of before a stall.
        """
        self.report(spool)
        if not spool or not -CLOCK_SKEW_S <= age_s <= BEAT_FRESH_S:
            return
        sent_s = self._clock() - max(0.0, age_s)
        if sent_s >= self._began_s:
            self._vouched[spool] = max(self._vouched.get(spool, -math.inf), sent_s - looked_s)

    def watched_s(self) -> float:
        """How long this process has been there to hear, without a stall."""
        self.tick()
        return self._clock() - self._began_s

    def vouched_at_s(self) -> float | None:
        """Until when all spools that report have told everything; None: not known."""
        now_s = self._clock()
        if self.watched_s() < ROLL_CALL_S:
            return None
        gone = [spool for spool, at_s in self._reported.items() if now_s - at_s > SPOOL_GONE_S]
        for spool in gone:
            del self._reported[spool]
            self._vouched.pop(spool, None)
        if not self._reported or not self._reported.keys() <= self._vouched.keys():
            return None
        return min(self._vouched[spool] for spool in self._reported)
