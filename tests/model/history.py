"""A random history of one account: calls, retries, reports in any order, faults of every kind."""

import random
import uuid
from collections.abc import Sequence
from typing import TypeVar

from credit.ledger import Place
from tests.model.acts import OUTCOMES, Act, Acts

# What may happen next, and how often.
WEIGHTS = {
    "place": 30,
    "place_again": 8,
    "extend": 12,
    "report": 20,
    "repeat": 6,
    "contradict": 3,
    "tombstone": 2,
    "bounded": 3,
    "close": 20,
    "give": 3,
    "lend": 4,
    "suspend": 2,
}
SHARE = 100

T = TypeVar("T")


class History:
    """Draws one act after the other; the same seed gives the same history, whatever the store."""

    def __init__(self, seed: int, account_id: int) -> None:
        self._rng = random.Random(seed)
        self.acts = Acts(account_id, self._new_id)
        self._scale = 10 ** self._rng.randint(2, 12)

    def begin(self) -> Act:
        """The first credit."""
        return self.acts.give(self._rng.randint(1, self._scale))

    def next(self) -> Act:
        """Whatever happens now."""
        name = self._rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        act: Act | None = getattr(self, f"_{name}")()
        return act or self._place()

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def _size(self) -> tuple[int, int, int]:
        """want, target, minimum: from a little to more than there is."""
        most = self._scale // self._rng.choice([1, 2, 5, 20, 100])
        minimum, target, want = sorted(self._rng.randint(0, most) for _ in range(3))
        return want, target, minimum

    def _place(self) -> Act:
        tabs = self._rng.choice([1, 1, 1, 2, 3])
        return self.acts.place([self._size() for _ in range(tabs)], shadow=self._one_in(20))

    def _place_again(self) -> Act | None:
        return (
            self.acts.place_again(self._any(self.acts.ids), self._size()) if self.acts.ids else None
        )

    def _extend(self) -> Act | None:
        if not self.acts.ids:
            return None
        want, _, minimum = self._size()
        return self.acts.extend(self._any(self.acts.open or self.acts.ids), want, minimum)

    def _report(self) -> Act | None:
        if not self.acts.ids:
            return None
        hold_id = self._any(self.acts.ids if self._one_in(4) else self.acts.open or self.acts.ids)
        provider_id = self._any(["a", "a", "a", "b", None])
        if f"{hold_id}:success:{provider_id}" in self._known(hold_id):
            provider_id = None
        return self.acts.report(hold_id, provider_id, self._cost(hold_id))

    def _repeat(self) -> Act | None:
        return self.acts.repeat(self._any(self.acts.sent)) if self.acts.sent else None

    def _contradict(self) -> Act | None:
        events = [sent for sent in self.acts.sent if sent.event]
        if not events:
            return None
        sent = self._any(events)
        first = 0 if sent.event is None else sent.event["cost"]
        return self.acts.contradict(sent, first if self._one_in(3) else first + 1)

    def _tombstone(self) -> Act:
        return self.acts.report(None, "a", self._rng.randint(0, self._scale // SHARE))

    def _bounded(self) -> Act:
        again = self._any(self.acts.ids) if self.acts.ids and self._one_in(3) else None
        return self.acts.place_bounded(self._rng.randint(0, self._scale // 10), again)

    def _close(self) -> Act | None:
        if not self.acts.ids:
            return None
        hold_id = self._any(self.acts.ids if self._one_in(8) else self.acts.open or self.acts.ids)
        outcome = self._any(list(OUTCOMES))
        estimate = self._cost(hold_id) if outcome == "settled" else 0
        return self.acts.close(hold_id, outcome, estimate, stale=self._one_in(8))

    def _give(self) -> Act:
        return self.acts.give(self._rng.randint(1, self._scale))

    def _lend(self) -> Act:
        return self.acts.lend(self._any([0, self._rng.randint(0, self._scale // 2)]))

    def _suspend(self) -> Act:
        active = self.acts.reference.status == "active"
        return self.acts.suspend(self._any(["suspended", "frozen"]) if active else "active")

    def race(self) -> tuple[Place, Place]:
        """Two calls that come at the same moment, through two connections: mostly for one call's credit."""
        first, second = (self.acts.racer(self._size()) for _ in range(2))
        return first, second

    def _cost(self, hold_id: str) -> int:
        """Mostly what the hold covers, sometimes nothing, sometimes more."""
        hold = self.acts.reference.holds.get(hold_id)
        most = hold.total if hold and hold.total else self._scale // SHARE
        return self._any(
            [0, most, most + 1, self._rng.randint(0, most), self._rng.randint(0, most)]
        )

    def _known(self, hold_id: str) -> dict[str, int]:
        hold = self.acts.reference.holds.get(hold_id)
        return hold.costs if hold else {}

    def _one_in(self, n: int) -> bool:
        return self._rng.randrange(n) == 0

    def _any(self, choices: Sequence[T]) -> T:
        return self._rng.choice(choices)
