"""A replica whose Postgres, Redis, clock do what a test says."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

from authz.bounded import Bounded
from authz.knowledge import Knowledge
from authz.store import AWAY_AFTER_S, PULSE_EVERY_S, Store, Ways
from credit.ledger import Place, Placed
from credit.mirror import FIELDS, Figures, Payers
from credit.spool import Spool
from tests.books import a_place
from tests.unit.door import placed

MARIA = 1001
BOUNDED_FOR_S = 60.0
START_S = 1_795_000_000


class Ledger:
    """Postgres as a replica meets it, with Maria's account; `away` is what every call raises."""

    def __init__(self, posted: int = 5_000_000, elsewhere: int = 1_000_000) -> None:
        """`elsewhere`: what other holds of hers reserve."""
        self.posted = posted
        self.elsewhere = elsewhere
        self.version = 7
        self.decided: list[str] = []
        self.bounded = False
        self.silent_about_figures = False
        self.away: Exception | None = None
        self.held: dict[str, int] = {}
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.refuses: set[str] = set()
        self.payers: dict[int, list[dict[str, Any]]] = {}
        self.payers_version = 0
        self.asked_about: list[tuple[int, ...]] = []
        self.arrived = asyncio.Event()
        self.permits = asyncio.Semaphore(1_000)

    async def pulse(self) -> None:
        """A sign of life."""
        self._answer()

    async def place(self, place: Place) -> Placed:
        """What the batcher returns."""
        self._answer()
        answer = replace(
            placed(),
            posted_nanos=self.posted,
            held_nanos=self.elsewhere + sum(self.held.values()),
            account_version=self.version,
        )
        if answer.available_nanos < 100:
            return replace(answer, result="refused", reason="insufficient_credit", granted_nanos=0)
        self.decided.append(place.hold_id)
        self.put(place.hold_id, 100)
        return answer

    def put(self, hold_id: str, granted: int) -> None:
        """A hold of hers, once; each is a version."""
        if hold_id not in self.held:
            self.held[hold_id] = granted
            self.version += 1

    @property
    def figures(self) -> Figures:
        """Her account as it is."""
        held = self.elsewhere + sum(self.held.values())
        return Figures(self.posted, held, 0, self.version, "active", START_S, shadow=False)

    async def place_bounded(self, places: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
        """Waits for a permit, so that a test can act meanwhile."""
        self.arrived.set()
        await self.permits.acquire()
        self._answer()
        self.bounded = True
        results = {
            place["id"]: "replay" if place["id"] in self.held else "placed" for place in places
        }
        for place in places:
            self.put(place["id"], place["granted"])
        return results

    async def list_figures(self, account_ids: Sequence[int]) -> Sequence[Mapping[str, Any]]:
        """Hers, if she is asked for."""
        self._answer()
        if self.silent_about_figures:
            raise ConnectionResetError
        figures = astuple(self.figures)
        return [
            {"id": MARIA, **dict(zip(FIELDS, figures, strict=True))}
            for i in account_ids
            if i == MARIA
        ]

    async def list_recently_bounded(self) -> Sequence[Mapping[str, Any]]:
        """Hers, if an outage granted her anything."""
        return await self.list_figures([MARIA] if self.bounded else [])

    async def list_payers(self, account_ids: Sequence[int]) -> Sequence[Mapping[str, Any]]:
        """Who pays for them: each for themselves, where the test says nothing else."""
        self._answer()
        self.asked_about.append(tuple(account_ids))
        alone = {one: [{"id": one, "caps": []}] for one in account_ids}
        return [
            {"id": one, "payers": payers, "payers_version": self.payers_version}
            for one, payers in (alone | self.payers).items()
            if one in alone
        ]

    def ways(self) -> Ways:
        """How a replica reaches it."""
        return Ways(
            self.place,
            self.pulse,
            self.place_bounded,
            self.list_figures,
            self.list_recently_bounded,
            self.list_payers,
            self.tell,
        )

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

    def __init__(
        self, folder: Path | None, *, may_grant: bool = True, ledger: Ledger | None = None
    ) -> None:
        self.clock_s = 0.0
        self.ledger = ledger or Ledger()
        self.mirror = Mirror()
        self.knowledge = Knowledge(self.mirror, self.clock)
        self.store = Store(
            self.ledger.ways(),
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
            bounded = Bounded(self.spool, self.knowledge.funds, 1_000, self.store.alarm)
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
        self.payers: dict[int, Payers] = {}
        self.names: dict[tuple[str, str], int] = {}
        self.error: Exception | None = None
        self.asked = 0

    async def find(self, account_ids: Collection[int]) -> Mapping[int, Figures]:
        """The accounts' figures."""
        self._answer()
        return {one: self.figures[one] for one in account_ids if one in self.figures}

    async def find_payers(self, account_id: int) -> Payers | None:
        """Who pays."""
        self._answer()
        return self.payers.get(account_id)

    async def find_account(self, client_id: str, external_id: str) -> int | None:
        """The account behind a name."""
        self._answer()
        return self.names.get((client_id, external_id))

    def _answer(self) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error
