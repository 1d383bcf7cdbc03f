"""A replica that grants while Postgres is away, on a real disk, over a ledger that answers as told."""

import errno
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg

from authz.bounded import Bounded
from authz.funds import Funds
from credit.ledger import Place
from credit.mirror import Figures
from credit.spool import Spool

CAP = 1_000
MARIA, JOSE, TEAM, CAPPED = 1001, 1002, 1003, 1004


def some_figures(available: int, **changes: Any) -> Figures:
    """An active account with so much to spend."""
    fields: dict[str, Any] = {
        "posted_nanos": available,
        "held_nanos": 0,
        "overdraft_nanos": 0,
        "version": 7,
        "status": "active",
        "status_s": 1_795_000_000,
        "shadow": False,
    }
    return Figures(**fields | changes)


class Ledger:
    """What place_bounded is given; `refuses` names holds whose account it does not know."""

    def __init__(self) -> None:
        self.held: dict[str, int] = {}
        self.filed: dict[str, tuple[int, int]] = {}  # whose call, who pays
        self.calls = 0
        self.refuses: set[str] = set()
        self.poison: set[str] = set()
        self.away = False

    async def place_bounded(self, places: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
        """As the SQL does, by id."""
        self.calls += 1
        if self.away:
            raise ConnectionError
        if self.poison & {place["id"] for place in places}:
            raise asyncpg.DataError
        results = {}
        for place in places:
            hold_id = place["id"]
            if hold_id in self.refuses:
                results[hold_id] = "unknown"
                continue
            results[hold_id] = "replay" if hold_id in self.held else "placed"
            self.held.setdefault(hold_id, place["granted"])
            self.filed.setdefault(hold_id, (place["person_id"], place["account_id"]))
        return results


class Scene:
    """One replica on a disk, with what it knows of two accounts."""

    def __init__(self, folder: Path, figures: Mapping[int, Figures], cap: int = CAP) -> None:
        self.folder = folder
        self.figures = dict(figures)
        self.cap = cap
        self.ledger = Ledger()
        self.alarms: list[tuple[str, str]] = []
        self.full = False
        self.learned: set[int] = set()
        # Who pays for whom, with the caps; who is not in it has their own credit only.
        self.payers: dict[int, Sequence[tuple[int, Sequence[int]]]] = {}
        self.start()

    def start(self) -> None:
        """A new process on the same disk."""
        self.spool = Spool(self.folder, sync=self._sync)
        self.spool.open()
        self.bounded = Bounded(self.spool, self._find, self.cap, self._alarm)
        self.bounded.load()

    def restart(self) -> None:
        """As after kill -9: nothing in memory survives."""
        self.spool.close()
        self.start()

    async def place(self, place: Place) -> tuple[str, int]:
        """Result and grant."""
        placed = await self.bounded.place(place)
        return placed.result, placed.granted_nanos

    async def drain(self) -> None:
        """Until nothing waits."""
        while await self.drain_once():
            pass

    async def drain_once(self) -> int:
        """One batch."""
        return await self.bounded.drain(self.ledger.place_bounded, self._learn)

    async def _learn(self, account_ids: Collection[int]) -> None:
        self.learned |= set(account_ids)

    async def _find(self, account_id: int) -> Funds | None:
        if account_id not in self.figures:
            return None
        return Funds(account_id, self.payers.get(account_id, [(account_id, ())]), self.figures)

    def _alarm(self, kind: str, detail: Mapping[str, Any]) -> None:
        self.alarms.append((kind, detail["result"]))

    def _sync(self, _: int) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "full")
