"""Who pays for a person, as far as a replica knows it: from answers, from the ledger's list, from the mirror."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from authz.funds import Funds
from authz.knowledge import PAYERS_FRESH_S
from authz.store import PULSE_EVERY_S
from credit.ledger import Placed
from credit.mirror import Figures, Payers
from tests.books import a_place
from tests.unit.door import placed
from tests.unit.store_scene import MARIA, START_S, Scene

TEAM, LAB, DAILY = 2001, 2002, 2003
ALONE = ((MARIA, ()),)


def a_pool(pool_id: int = TEAM, held: int = 0, version: int = 4) -> dict[str, Any]:
    """A pool in an answer of the ledger."""
    figures = {"posted": 9_000, "held": held, "overdraft": 0, "version": version}
    return {"id": pool_id, "role": "pool", "status": "active", **figures}


def a_cap(pool_id: int | None = None) -> dict[str, Any]:
    """A cap in an answer of the ledger."""
    figures = {"posted": 5_000, "held": 100, "overdraft": 0, "version": 6}
    return {"id": DAILY, "role": "cap", "status": "active", "pool": pool_id, **figures}


def paid_by(payer: int, others: Sequence[Mapping[str, Any]] | None, granted: int = 300) -> Placed:
    """Maria's call was granted."""
    return replace(placed("placed", granted), payer=payer, others=others, account_version=8)


async def known(scene: Scene) -> Funds:
    """What would be decided on now."""
    funds = await scene.knowledge.funds(MARIA)
    assert funds is not None
    return funds


def left(funds: Funds, account_id: int) -> tuple[int, int]:
    """Available, and at which version."""
    figures = funds.known[account_id]
    return figures.available_nanos, figures.version


async def test_answer_paid_by_a_pool_shows_what_is_left_there_and_under_the_cap() -> None:
    """The hold is the pool's and the cap's; the person's own account has not moved."""
    scene = Scene(None)
    before = paid_by(TEAM, None).available_nanos
    scene.knowledge.see(a_place(MARIA, 300), paid_by(TEAM, [a_pool(held=1_000), a_cap()]))
    funds = await known(scene)
    assert left(funds, TEAM) == (9_000 - 1_000 - 300, 5)
    assert left(funds, DAILY) == (5_000 - 100 - 300, 7)
    assert left(funds, MARIA) == (before, 8)
    assert funds.order == ((MARIA, (DAILY,)), (TEAM, (DAILY,)))


async def test_cap_over_one_pool_is_moved_by_what_that_pool_pays_only() -> None:
    """The same answer, paid from elsewhere."""
    scene = Scene(None)
    scene.knowledge.see(a_place(MARIA, 300), paid_by(MARIA, [a_pool(), a_cap(TEAM)]))
    funds = await known(scene)
    assert left(funds, DAILY) == (4_900, 6)
    assert left(funds, TEAM) == (9_000, 4)
    assert funds.order == ((MARIA, ()), (TEAM, (DAILY,)))


async def test_refusal_shows_pools_and_caps_as_they_are() -> None:
    """Nothing was held; too many calls at once names no account at all."""
    scene = Scene(None)
    refused = replace(placed("refused", 0, "cap_reached"), others=[a_pool(), a_cap()])
    scene.knowledge.see(a_place(MARIA, 300), refused)
    funds = await known(scene)
    assert (left(funds, TEAM), left(funds, DAILY)) == ((9_000, 4), (4_900, 6))
    crowd = [{"role": "open_holds", "open": 3, "limit": 3}]
    busy = replace(placed("refused", 0, "credit_in_flight"), others=crowd)
    scene.knowledge.see(a_place(MARIA, 300), busy)
    assert (await known(scene)).order == funds.order


async def test_ledger_is_asked_who_pays_for_whoever_calls(tmp_path: Path) -> None:
    """An answer paid by the own credit names no pool; the next quiet moment does. Not again for a while."""
    scene = Scene(tmp_path)
    listed = [{"id": LAB, "caps": [DAILY]}, {"id": MARIA, "caps": []}]
    scene.ledger.payers[MARIA] = listed
    await scene.place()
    assert (await known(scene)).order == ALONE
    await scene.beats(PULSE_EVERY_S)
    assert (await known(scene)).order == ((LAB, (DAILY,)), (MARIA, ()))
    await scene.place()
    await scene.beats(1.0)
    assert scene.ledger.asked_about == [(MARIA,)]
    scene.clock_s += PAYERS_FRESH_S
    scene.ledger.payers[MARIA] = [{"id": MARIA, "caps": []}]
    await scene.place()
    await scene.beats(PULSE_EVERY_S)
    assert (await known(scene)).order == ALONE


async def test_pool_that_is_news_is_asked_about_at_once(tmp_path: Path) -> None:
    """Somebody joined a team a moment ago: an answer that names it is enough."""
    scene = Scene(tmp_path)
    await scene.place()
    await scene.beats(PULSE_EVERY_S)
    scene.ledger.payers[MARIA] = [{"id": MARIA, "caps": []}, {"id": TEAM, "caps": []}]
    scene.knowledge.see(a_place(MARIA, 300), paid_by(TEAM, [a_pool()]))
    assert (await known(scene)).order == ALONE
    await scene.beats(PULSE_EVERY_S)
    assert (await known(scene)).order == ((MARIA, ()), (TEAM, ()))


async def test_question_that_fails_is_asked_again(tmp_path: Path) -> None:
    """Nobody is forgotten because Postgres went away just then."""
    scene = Scene(tmp_path)
    scene.ledger.payers[MARIA] = [{"id": MARIA, "caps": []}, {"id": TEAM, "caps": []}]
    await scene.beats(PULSE_EVERY_S)
    await scene.place()
    scene.ledger.silent_about_figures = True
    await scene.beats(PULSE_EVERY_S)
    scene.ledger.silent_about_figures = False
    await scene.beats(PULSE_EVERY_S)
    assert (await known(scene)).order == ((MARIA, ()), (TEAM, ()))


async def test_newer_of_the_own_list_and_the_mirrors_counts(tmp_path: Path) -> None:
    """By the version of who pays, which is another than that of the figures; a mirror that is away changes nothing."""
    scene = Scene(tmp_path)
    scene.ledger.payers_version = 3
    await scene.place()
    await scene.beats(PULSE_EVERY_S)
    scene.mirror.payers[MARIA] = Payers(2, ((TEAM, ()),))
    assert (await known(scene)).order == ALONE
    scene.mirror.payers[MARIA] = Payers(4, ((TEAM, ()),))
    scene.mirror.figures[TEAM] = Figures(500, 0, 0, 1, "active", START_S, shadow=False)
    funds = await known(scene)
    assert (funds.order, left(funds, TEAM)) == (((TEAM, ()),), (500, 1))
    scene.mirror.error = ConnectionError()
    assert (await known(scene)).order == ALONE


async def test_list_that_is_older_than_the_one_at_hand_is_no_news() -> None:
    """Two answers of the ledger may be read in the other order."""
    scene = Scene(None)
    await scene.place()
    scene.knowledge.learn_payers([MARIA], {MARIA: Payers(5, ((TEAM, ()), (MARIA, ())))})
    scene.knowledge.learn_payers([MARIA], {MARIA: Payers(4, ALONE)})
    assert (await known(scene)).order == ((TEAM, ()), (MARIA, ()))


async def test_mirror_is_not_believed_before_it_is_known_what_outages_granted() -> None:
    """Its list may be right, its figures from before them: neither is used."""
    scene = Scene(None)
    scene.mirror.payers[MARIA] = Payers(4, ((TEAM, ()),))
    scene.mirror.figures[MARIA] = Figures(500, 0, 0, 1, "active", START_S, shadow=False)
    assert await scene.knowledge.funds(MARIA) is None
    scene.knowledge.believes_mirror = True
    assert (await known(scene)).order == ((TEAM, ()),)
