"""Who decides a hold, whether Postgres is there or not; time is told, not waited for."""

import asyncio
from pathlib import Path

import pytest

from authz.store import AWAY_AFTER_S, PULSE_EVERY_S, StoreAwayError
from credit.mirror import Figures
from tests.books import a_place
from tests.unit.store_scene import BOUNDED_FOR_S, MARIA, START_S, Scene


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
    late_id = a_place(MARIA, 1).hold_id
    late = asyncio.create_task(scene.place(hold_id=late_id))
    done, _ = await asyncio.wait({late}, timeout=0.05)
    assert not done
    scene.ledger.permits.release()
    await returning
    assert scene.store.connected
    await late
    assert late_id in scene.ledger.decided
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
    again.knowledge.believes_mirror = True
    again.mirror.figures[MARIA] = Figures(5_000_000, 0, 0, 1, "active", START_S, shadow=False)
    assert again.store.state == "bounded"
    assert (await again.place()).result == "closed"
    await again.beats(PULSE_EVERY_S)
    assert again.store.connected
    assert len(again.ledger.held) == 10
