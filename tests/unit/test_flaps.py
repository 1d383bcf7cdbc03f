"""Many outages, one after another: what each one granted is known to the next."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authz.bounded import UnknownAccountError
from authz.store import PULSE_EVERY_S
from tests.books import a_place
from tests.unit.store_scene import MARIA, Ledger, Scene

CAP = 1_000  # of the scene


async def an_outage(scene: Scene, asked: list[int]) -> int:
    """From the last sign of life to the last grant placed; what was granted in it."""
    await scene.store.beat()
    await scene.leave()
    granted = 0
    for want in asked:
        placed = await scene.store.place(a_place(MARIA, want))
        assert placed.result in {"placed", "closed"}
        granted += placed.granted_nanos
    scene.ledger.away = None
    await scene.beats(2 * PULSE_EVERY_S)
    assert scene.store.connected
    return granted


async def test_short_outages_one_after_another_grant_the_same_credit_once(tmp_path: Path) -> None:
    """Seen once with 1,800, cap 1,000: the first outage grants 1,000, the second 800, no other anything."""
    scene = Scene(tmp_path, ledger=Ledger(1_900, 0))
    await scene.place()
    assert [await an_outage(scene, [200] * 8) for _ in range(4)] == [1_000, 800, 0, 0]
    assert sum(scene.ledger.held.values()) == scene.ledger.posted


async def test_mirror_that_lags_behind_an_outage_is_not_believed(tmp_path: Path) -> None:
    """The relay is slow: the ledger's own figures after the grants are of a higher version."""
    ledger = Ledger(1_800, 0)
    scene = Scene(tmp_path, ledger=ledger)
    scene.mirror.figures[MARIA] = ledger.figures  # never met, and never written again
    assert [await an_outage(scene, [200] * 8) for _ in range(3)] == [1_000, 800, 0]


async def test_grant_whose_report_came_first_is_known_to_the_next_outage(tmp_path: Path) -> None:
    """The ledger answers `replay`: what it has of the account by then is learned as well."""
    ledger = Ledger(1_000, 0)
    scene = Scene(tmp_path, ledger=ledger)
    scene.mirror.figures[MARIA] = ledger.figures
    await scene.store.beat()
    await scene.leave()
    hold_id = a_place(MARIA, 1).hold_id
    assert (await scene.place(hold_id=hold_id)).result == "placed"
    ledger.put(hold_id, 0)  # by its report, with nothing reserved
    ledger.posted, ledger.version = 0, ledger.version + 1  # which debits all she had
    ledger.away = None
    await scene.beats(2 * PULSE_EVERY_S)
    assert await an_outage(scene, [100]) == 0


async def test_credit_that_two_replicas_granted_is_known_to_both_once_they_have_placed_it(
    tmp_path: Path,
) -> None:
    """Each may grant its own bound in the first outage; whoever places last knows it all, then the other."""
    ledger = Ledger(1_000, 0)
    scenes = [Scene(tmp_path / name, ledger=ledger) for name in ("one", "two")]
    for scene in scenes:
        scene.mirror.figures[MARIA] = ledger.figures
        await scene.store.beat()
    for scene in scenes:
        await scene.leave()
        assert (await scene.store.place(a_place(MARIA, 1_000))).result == "placed"
    ledger.away = None
    for scene in scenes:
        await scene.beats(2 * PULSE_EVERY_S)
    assert ledger.figures.available_nanos == -1_000
    for scene in scenes:
        assert await an_outage(scene, [100]) == 0


async def test_ledger_that_leaves_before_it_told_the_figures_keeps_the_outage_open(
    tmp_path: Path,
) -> None:
    """Placed, but not known: the allowance stays spent, the lines are placed again."""
    scene = Scene(tmp_path, ledger=Ledger(1_000, 0))
    scene.mirror.figures[MARIA] = scene.ledger.figures
    await scene.store.beat()
    await scene.leave()
    assert (await scene.store.place(a_place(MARIA, 1_000))).result == "placed"
    scene.ledger.away = None
    scene.ledger.silent_about_figures = True
    await scene.beats(2 * PULSE_EVERY_S)
    assert scene.store.state == "bounded"
    assert (await scene.place()).result == "closed"
    scene.ledger.silent_about_figures = False
    await scene.beats(2 * PULSE_EVERY_S)
    assert scene.store.connected
    assert await an_outage(scene, [100]) == 0


async def test_mirror_is_not_believed_before_earlier_outages_are_known(tmp_path: Path) -> None:
    """A process that began, and could not yet ask what earlier ones granted, serves only whom it met."""
    scene = Scene(tmp_path)
    scene.mirror.figures[MARIA] = scene.ledger.figures
    await scene.leave()
    with pytest.raises(UnknownAccountError):
        await scene.place()


async def test_new_process_knows_what_outages_before_it_granted(tmp_path: Path) -> None:
    """The mirror may be older than those grants: the ledger is asked when the process starts."""
    scene = Scene(tmp_path, ledger=Ledger(1_000, 0))
    before = scene.mirror.figures[MARIA] = scene.ledger.figures
    assert await an_outage(scene, [1_000]) == 1_000
    scene.spool.close()
    again = Scene(tmp_path, ledger=scene.ledger)
    again.mirror.figures[MARIA] = before
    assert await an_outage(again, [1_000]) == 0


OUTAGE = st.tuples(
    st.lists(st.integers(0, 1_500), max_size=8),  # wants of one outage
    st.sampled_from(["nothing", "a call", "the mirror follows", "restart"]),  # what follows it
)


@settings(max_examples=60, deadline=None)
@given(st.lists(OUTAGE, min_size=1, max_size=6), st.integers(0, 4_000), st.booleans())
def test_any_number_of_outages_grants_what_the_ledger_really_has(
    outages: list[tuple[list[int], str]],
    credit: int,
    met: bool,  # noqa: FBT001
) -> None:
    """Each at most min(available in the ledger when it began, cap): so all of them never more than the credit."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_replay(Path(folder), outages, credit, met=met))


async def _replay(
    folder: Path, outages: list[tuple[list[int], str]], credit: int, *, met: bool
) -> None:
    scene = Scene(folder, ledger=Ledger(credit, 0))
    mirrored = scene.mirror.figures
    if met:
        await scene.place()
    # What people do is in the mirror, what outages did comes late or never.
    mirrored[MARIA] = scene.ledger.figures
    for asked, then in outages:
        available = max(0, scene.ledger.figures.available_nanos)
        assert await an_outage(scene, asked) <= min(available, CAP)
        if then == "a call":
            await scene.place()
            mirrored[MARIA] = scene.ledger.figures
        elif then == "the mirror follows":
            mirrored[MARIA] = scene.ledger.figures
        elif then == "restart":
            scene.spool.close()
            scene = Scene(folder, ledger=scene.ledger)
            scene.mirror.figures = mirrored
            await scene.store.beat()
    assert sum(scene.ledger.held.values()) <= credit
    scene.spool.close()
