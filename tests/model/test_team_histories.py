"""Random histories of teams: every answer is the rule's, every stored decision recomputes."""

from pathlib import Path

import asyncpg
import pytest

from tests.model.mutants import Change, mutated
from tests.model.team_histories import run_teams

COUNT, FEW = 25, 5
SEED = 1
PLACE = "credit/sql/place_batch.sql"
CARELESS = {
    "a payer forgets what is held": Change(
        PLACE, "free := posted[k] + overdraft[k] - held[k];", "free := posted[k] + overdraft[k];"
    ),
    "a cap forgets what is held": Change(
        PLACE, "free := least(free, posted[x.k] - held[x.k]);", "free := least(free, posted[x.k]);"
    ),
    "a cap bounds nobody": Change(
        PLACE, "free := least(free, posted[x.k] - held[x.k]);", "free := free;"
    ),
}


async def test_teams_on_the_real_ledger_are_answered_by_the_rule(pool: asyncpg.Pool) -> None:
    """`make histories` does the same at length."""
    tally = await run_teams(pool, COUNT, SEED)
    assert tally.differences == []
    assert tally.recomputed == tally.placements + tally.refusals
    assert tally.reasons >= {"pool_exhausted", "cap_reached", "credit_in_flight"}
    assert min(tally.refusals, tally.by_pool) * 10 > tally.placements
    assert tally.periods > COUNT


@pytest.mark.parametrize("careless", CARELESS)
async def test_teams_notice_a_careless_ledger(
    root: Path, pool: asyncpg.Pool, careless: str
) -> None:
    """By an answer, or by books that do not add up."""
    for text in mutated(root, (CARELESS[careless],)).values():
        await pool.execute(text)
    try:
        tally = await run_teams(pool, FEW, SEED)
    except (AssertionError, asyncpg.PostgresError):
        return
    assert tally.differences
