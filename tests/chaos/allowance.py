"""What the outages of a run allowed an account beyond its credit: min(available, cap) on each replica (pure).

Source: docs/design/protocol.md 6, "Postgres away". Nothing commits while Postgres is away, so calls between
which the account has no new version were granted in one outage.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.chaos.ledger_view import Hold, Version

GAP_S: Final = 2.0
# A replica knows what it last saw or what the mirror says: of a moment before Postgres went (measured: 0.6 s).
KNOWN_BEFORE_S: Final = 2.0
# From the fault to the last grant without Postgres: 4.4 s at most, and until it serves again.
LONGEST_S: Final = 9.0


@dataclass(frozen=True)
class Allowance:
    """The rule of `bounded`: the cap of one account, nano-USD, how many replicas have it, when Postgres was lost."""

    cap_nanos: int
    replicas: int
    lost_s: Sequence[float] = ()

    def of(
        self, holds: Sequence[Hold], history: Sequence[Version], asked_s: Mapping[str, float]
    ) -> int:
        """Nano-USD that all outages together could put beyond credit; `asked_s`: when each call came."""
        allowed = 0
        for outage in outages_of(holds, history, asked_s):
            first_s = _asked_s(outage[0], asked_s)
            lost = (at_s for at_s in self.lost_s if first_s - LONGEST_S <= at_s <= first_s)
            free = available_before(history, min(lost, default=first_s), first_s)
            most = self.replicas * max(0, min(free, self.cap_nanos))
            allowed += min(sum(hold.granted for hold in outage), most)
        return allowed


def outages_of(
    holds: Sequence[Hold], history: Sequence[Version], asked_s: Mapping[str, float]
) -> list[list[Hold]]:
    """The holds that were granted without Postgres, outage by outage."""
    changes = [row.at.timestamp() for row in history]
    outages: list[list[Hold]] = []
    last_s = float("-inf")
    placed = (hold for hold in holds if hold.placed_by == "bounded")
    for hold in sorted(placed, key=lambda hold: _asked_s(hold, asked_s)):
        at_s = _asked_s(hold, asked_s)
        if not outages or (at_s - last_s > GAP_S and any(last_s < x < at_s for x in changes)):
            outages.append([])
        outages[-1].append(hold)
        last_s = at_s
    return outages


def available_before(history: Sequence[Version], lost_s: float, asked_s: float) -> int:
    """The most that was available from just before Postgres was lost, which a replica may know; nano-USD."""
    known: list[int] = []
    for row in history:
        if row.at.timestamp() <= lost_s - KNOWN_BEFORE_S:
            known = [row.available]
        elif row.at.timestamp() <= asked_s:
            known.append(row.available)
    return max(known, default=0)


def _asked_s(hold: Hold, asked_s: Mapping[str, float]) -> float:
    """A client whose answer was lost does not know its call's id: then when it was placed."""
    return asked_s.get(hold.id, hold.placed_at.timestamp())
