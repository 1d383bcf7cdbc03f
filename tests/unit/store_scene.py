"""A replica whose Postgres, Redis, clock do what a test says."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from authz.bounded import Bounded
from authz.knowledge import Knowledge
from authz.store import AWAY_AFTER_S, PULSE_EVERY_S, Store, Ways
from credit.ledger import Place, Placed
from credit.mirror import Figures
from credit.spool import Spool
from tests.books import a_place
from tests.unit.door import placed

MARIA = 1001
BOUNDED_FOR_S = 60.0
START_S = 1_795_000_000


class Ledger:
    """Postgres as a replica meets it; `away` is what every call raises."""

    def __init__(self) -> None:
        self.away: Exception | None = None
        self.held: dict[str, int] = {}
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.refuses: set[str] = set()
        self.arrived = asyncio.Event()
        self.permits = asyncio.Semaphore(1_000)

    async def pulse(self) -> None:
        """A sign of life."""
        self._answer()

    async def place(self, place: Place) -> Placed:
        """What the batcher returns."""
        self._answer()
        self.held[place.hold_id] = 100
        return replace(placed(), account_version=7)

    async def place_bounded(self, places: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
        """Waits for a permit, so that a test can act meanwhile."""
        self.arrived.set()
        await self.permits.acquire()
        self._answer()
        for place in places:
            self.held[place["id"]] = place["granted"]
        return {place["id"]: "placed" for place in places}

    async def tell(self, kind: str, subject: str, detail: Mapping[str, Any]) -> None:
        """The audit."""
        self._answer()
        assert subject == "authz here"
        if kind in self.refuses:
            raise ValueError(kind)
        self.told.append((kind, detail))

    def _answer(self) -> None:
        if self.away is not None:
            raise self.away


class Scene:
    """A replica with a clock that only the test moves."""

    def __init__(self, folder: Path | None, *, may_grant: bool = True) -> None:
        self.clock_s = 0.0
        self.ledger = Ledger()
        self.mirror = Mirror()
        self.knowledge = Knowledge(self.mirror, self.clock)
        ways = Ways(
            self.ledger.place, self.ledger.pulse, self.ledger.place_bounded, self.ledger.tell
        )
        self.store = Store(
            ways,
            self.knowledge,
            name="here",
            bounded_for_s=BOUNDED_FOR_S,
            clock=self.clock,
            now_s=lambda: START_S + self.clock_s,
        )
        bounded: Bounded | None = None
        if folder is not None:
            self.spool = Spool(folder)
            self.spool.open()
            bounded = Bounded(self.spool, self.knowledge.figures, 1_000, self.store.alarm)
        self.store.begin(bounded, may_grant=may_grant)

    def clock(self) -> float:
        """Seconds since the beginning."""
        return self.clock_s

    async def beats(self, seconds: float) -> None:
        """Let time pass, with the looks that belong to it."""
        for _ in range(round(seconds / PULSE_EVERY_S)):
            self.clock_s += PULSE_EVERY_S
            await self.store.beat()

    async def leave(self) -> None:
        """Postgres goes, and is missed."""
        self.ledger.away = ConnectionRefusedError()
        await self.beats(AWAY_AFTER_S + PULSE_EVERY_S)

    async def place(self, **more: Any) -> Placed:
        """One hold of 100 nano-USD for Maria."""
        return await self.store.place(a_place(MARIA, 100, **more))


class Mirror:
    """Redis as knowledge reads it."""

    def __init__(self) -> None:
        self.figures: dict[int, Figures] = {}
        self.names: dict[tuple[str, str], int] = {}
        self.error: Exception | None = None
        self.asked = 0

    async def find(self, account_id: int) -> Figures | None:
        """The account's figures."""
        self._answer()
        return self.figures.get(account_id)

    async def find_account(self, client_id: str, external_id: str) -> int | None:
        """The account behind a name."""
        self._answer()
        return self.names.get((client_id, external_id))

    def _answer(self) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error
