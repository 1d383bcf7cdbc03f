"""What a replica knows of accounts without asking Postgres."""

from dataclasses import replace
from pathlib import Path

import redis

from credit.mirror import Figures
from tests.books import a_place
from tests.unit.door import placed
from tests.unit.store_scene import MARIA, START_S, Scene


async def test_figures_of_the_higher_version_count(tmp_path: Path) -> None:
    """What the replica saw, or what the mirror shows: the newer one, whichever it is."""
    scene = Scene(tmp_path)
    scene.knowledge.believes_mirror = True
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
    scene.knowledge.believes_mirror = True
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
