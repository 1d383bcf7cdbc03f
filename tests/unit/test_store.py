"""Who decides a hold while Postgres comes and goes; time is told, not waited for."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from authz.bounded import Bounded
from authz.knowledge import Knowledge
from authz.store import AWAY_AFTER_S, PULSE_EVERY_S, Store, StoreAwayError, Ways
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


async def test_postgres_that_is_silent_for_long_is_away(tmp_path: Path) -> None:
    """Unknown until the bound, bounded from then on; what happened is told when it is back."""
    scene = Scene(tmp_path)
    await scene.place()
    scene.ledger.away = ConnectionRefusedError()
    await scene.beats(AWAY_AFTER_S - PULSE_EVERY_S)
    assert scene.store.state == "connected"
    with pytest.raises(ConnectionRefusedError):
        await scene.place()
    await scene.beats(2 * PULSE_EVERY_S)
    assert scene.store.state == "bounded"
    hold_id = a_place(MARIA, 1).hold_id
    assert (await scene.place(hold_id=hold_id)).granted_nanos == 100
    scene.ledger.away = None
    await scene.beats(2 * PULSE_EVERY_S)
    assert scene.store.state == "connected"
    assert scene.ledger.held[hold_id] == 100
    (away, first), (back, last) = scene.ledger.told
    assert (away, first["state"], back) == ("store_away", "bounded", "store_back")
    assert (last["since_s"], last["holds"], last["granted_nanos"]) == (first["since_s"], 1, 100)
    assert last["until_s"] > first["since_s"] >= START_S


async def test_one_slow_answer_is_no_absence(tmp_path: Path) -> None:
    """A look that fails after a long pause of ours, or two of them, changes nothing."""
    scene = Scene(tmp_path)
    scene.ledger.away = TimeoutError()
    for _ in range(2):
        scene.clock_s += 10.0
        await scene.store.beat()
    assert scene.store.connected
    scene.ledger.away = None
    await scene.store.beat()
    scene.ledger.away = TimeoutError()
    await scene.beats(2 * PULSE_EVERY_S)
    assert scene.store.connected


async def test_placement_that_is_answered_is_a_sign_of_life(tmp_path: Path) -> None:
    """While the ledger decides, this replica does not, however slow the looks are."""
    scene = Scene(tmp_path)
    for _ in range(20):
        scene.ledger.away = TimeoutError()
        await scene.beats(2 * PULSE_EVERY_S)
        scene.ledger.away = None
        await scene.place()
    assert scene.store.connected


async def test_second_outage_has_an_allowance_of_its_own(tmp_path: Path) -> None:
    """What the first one granted is in the ledger, hence in the figures."""
    scene = Scene(tmp_path)
    for _ in range(2):
        await scene.place()
        await scene.leave()
        grants = [(await scene.place()).result for _ in range(12)]
        assert grants.count("placed") == 10
        scene.ledger.away = None
        await scene.beats(PULSE_EVERY_S)


async def test_change_that_the_ledger_cannot_write_holds_nothing_up(tmp_path: Path) -> None:
    """A statement that is wrong would be wrong for ever: it is logged, the next one is told."""
    scene = Scene(tmp_path)
    scene.store.alarm("odd", {})
    scene.store.alarm("sound", {})
    scene.ledger.refuses = {"odd"}
    await scene.beats(PULSE_EVERY_S)
    assert scene.ledger.told == [("sound", {})]
    scene.ledger.away = ConnectionResetError()
    scene.store.alarm("kept", {})
    await scene.beats(PULSE_EVERY_S)
    scene.ledger.away = None
    await scene.beats(PULSE_EVERY_S)
    assert scene.ledger.told[1:] == [("kept", {})]


async def test_bounded_ends_when_its_time_is_up(tmp_path: Path) -> None:
    """Then closed, for everybody, until Postgres is back; what was granted is placed all the same."""
    scene = Scene(tmp_path)
    await scene.place()
    await scene.leave()
    hold_id = a_place(MARIA, 1).hold_id
    await scene.place(hold_id=hold_id)
    scene.clock_s += BOUNDED_FOR_S
    with pytest.raises(StoreAwayError):
        await scene.place()
    assert scene.store.state == "closed"
    scene.ledger.away = None
    await scene.beats(2 * PULSE_EVERY_S)
    assert scene.store.connected
    assert scene.ledger.held[hold_id] == 100
    kinds = [(kind, detail.get("state")) for kind, detail in scene.ledger.told]
    assert kinds == [("store_away", "bounded"), ("store_away", "closed"), ("store_back", None)]


@pytest.mark.parametrize("setting", ["closed", "no folder"])
async def test_replica_that_may_not_grant_is_closed_at_once(tmp_path: Path, setting: str) -> None:
    """By the setting, or for want of a disk to grant from."""
    scene = Scene(None if setting == "no folder" else tmp_path, may_grant=setting != "closed")
    await scene.place()
    await scene.leave()
    assert scene.store.state == "closed"
    with pytest.raises(StoreAwayError):
        await scene.place()
    scene.ledger.away = None
    await scene.beats(PULSE_EVERY_S)
    assert (await scene.place()).result == "placed"


async def test_shadow_in_an_outage_reserves_nothing(tmp_path: Path) -> None:
    """The door lets it pass; the disk is for those who would be refused."""
    scene = Scene(tmp_path)
    await scene.place()
    await scene.leave()
    with pytest.raises(StoreAwayError):
        await scene.place(shadow=True)
    assert scene.spool.empty


async def test_holds_that_come_while_the_last_grants_are_placed_wait_for_the_ledger(
    tmp_path: Path,
) -> None:
    """Nobody is granted from an allowance that is over, and nobody is refused for it."""
    scene = Scene(tmp_path)
    await scene.place()
    await scene.leave()
    await scene.place()
    scene.ledger.away = None
    scene.ledger.permits = asyncio.Semaphore(0)
    returning = asyncio.create_task(scene.store.beat())
    await scene.ledger.arrived.wait()
    # Placing a long queue, it still grants; a decision begun now belongs to the outage.
    meanwhile = a_place(MARIA, 1).hold_id
    assert (await scene.place(hold_id=meanwhile)).granted_nanos == 100
    scene.ledger.arrived.clear()
    scene.ledger.permits.release()
    await scene.ledger.arrived.wait()
    late = asyncio.create_task(scene.place())
    done, _ = await asyncio.wait({late}, timeout=0.05)
    assert not done
    scene.ledger.permits.release()
    await returning
    assert scene.store.connected
    assert (await late).account_version == 7
    assert meanwhile in scene.ledger.held
    assert scene.spool.empty


async def test_postgres_that_leaves_again_during_the_return_stays_away(tmp_path: Path) -> None:
    """The allowance and its time go on as if nothing had been."""
    scene = Scene(tmp_path)
    await scene.place()
    await scene.leave()
    await scene.place()
    scene.ledger.away = None
    scene.ledger.permits = asyncio.Semaphore(0)
    returning = asyncio.create_task(scene.store.beat())
    await scene.ledger.arrived.wait()
    scene.ledger.away = ConnectionResetError()
    scene.ledger.permits.release()
    await returning
    assert scene.store.state == "bounded"
    grants = [(await scene.place()).result for _ in range(12)]
    assert grants.count("placed") == 9
    scene.clock_s += BOUNDED_FOR_S
    with pytest.raises(StoreAwayError):
        await scene.place()


async def test_holds_left_by_an_earlier_process_are_placed_before_anything_else(
    tmp_path: Path,
) -> None:
    """A restart does not renew the allowance: until they are placed the outage lasts."""
    scene = Scene(tmp_path)
    await scene.place()
    await scene.leave()
    for _ in range(10):
        await scene.place()
    scene.spool.close()
    again = Scene(tmp_path)
    again.mirror.figures[MARIA] = Figures(5_000_000, 0, 0, 1, "active", START_S, shadow=False)
    assert again.store.state == "bounded"
    assert (await again.place()).result == "closed"
    await again.beats(PULSE_EVERY_S)
    assert again.store.connected
    assert len(again.ledger.held) == 10


async def test_figures_of_the_higher_version_count(tmp_path: Path) -> None:
    """What the replica saw, or what the mirror shows: the newer one, whichever it is."""
    scene = Scene(tmp_path)
    await scene.place()
    seen = await scene.knowledge.figures(MARIA)
    assert seen is not None
    assert (seen.version, seen.held_nanos, seen.available_nanos) == (8, 1_000_100, 3_999_900)
    scene.mirror.figures[MARIA] = Figures(9, 0, 0, 7, "active", START_S, shadow=False)
    assert await scene.knowledge.figures(MARIA) == seen
    scene.mirror.figures[MARIA] = newer = Figures(9, 0, 0, 9, "frozen", START_S, shadow=False)
    assert await scene.knowledge.figures(MARIA) == newer


async def test_mirror_that_is_away_is_not_asked_by_everybody() -> None:
    """Each question may take its timeout: after a failure nobody asks for a second."""
    scene = Scene(None)
    scene.mirror.error = redis.ConnectionError()
    assert await scene.knowledge.figures(MARIA) is None
    assert await scene.knowledge.account("librechat", "maria") is None
    assert scene.mirror.asked == 1
    scene.clock_s += 1.5
    scene.mirror.error = None
    scene.mirror.names["librechat", "maria"] = MARIA
    assert await scene.knowledge.account("librechat", "maria") == MARIA


async def test_old_answer_of_the_ledger_is_no_news(tmp_path: Path) -> None:
    """A refusal that is repeated carries the figures of its own time."""
    scene = Scene(tmp_path)
    await scene.place()
    place = a_place(MARIA, 100)
    old = replace(placed("refused", 0, "insufficient_credit"), account_version=3)
    scene.knowledge.see(place, old)
    seen = await scene.knowledge.figures(MARIA)
    assert seen is not None
    assert seen.version == 8
    scene.knowledge.see(
        place, replace(placed("refused", 0, "account_suspended"), account_version=9)
    )
    seen = await scene.knowledge.figures(MARIA)
    assert seen is not None
    assert seen.status == "suspended"
