"""Random histories on the real ledger: nobody is blocked wrongly, and every refusal recomputes."""

from pathlib import Path

import asyncpg
import pytest

from tests.model.histories import Tally, run
from tests.model.memory import MemoryStore
from tests.model.mutants import Change, mutated
from tests.model.store import PostgresStore

COUNT = 1_000
SEED = 1


async def test_histories_on_the_real_ledger_have_no_wrong_block(pool: asyncpg.Pool) -> None:
    """`make histories HISTORIES=100000` does the same at length."""
    tally = await run(PostgresStore(pool), COUNT, SEED)
    assert tally.differences == []
    assert tally.histories == COUNT
    assert tally.recomputed == tally.refusals
    assert tally.refusals * 10 > tally.placements, "too few refusals to prove anything"


async def test_histories_in_memory_have_no_wrong_block() -> None:
    """The in-memory store passes the same histories, so it may stand in for the ledger."""
    tally = await run(MemoryStore(), COUNT // 4, SEED)
    assert tally.differences == []
    assert tally.recomputed == tally.refusals


# What the histories must notice beyond the rules of the model.
CARELESS = {
    "place forgets the overdraft": Change(
        "credit/sql/place_batch.sql", "o_posted + o_overdraft - o_held,", "o_posted - o_held,"
    ),
    "extend forgets the overdraft": Change(
        "credit/sql/extend.sql", "least(a.posted + a.overdraft - a.held", "least(a.posted - a.held"
    ),
    "place serves who is frozen": Change(
        "credit/sql/place_batch.sql", "statuses[k] <> 'active'", "statuses[k] = 'suspended'"
    ),
    "extend serves who is frozen": Change(
        "credit/sql/extend.sql",
        "total := CASE WHEN a.status <> 'active'",
        "total := CASE WHEN a.status = 'suspended'",
    ),
    "place locks no account": Change(
        "credit/sql/place_batch.sql", "ORDER BY a.id FOR NO KEY UPDATE;", ";"
    ),
}


# Whether two calls really meet is chance: what goes wrong only then may take more histories to show.
TRIES = 8

# A history is named by its number: lots on one ledger must not overlap.
LOT = 400


async def lived(pool: asyncpg.Pool, seed: int) -> Tally:
    """A few hundred."""
    return await run(PostgresStore(pool), LOT, seed)


@pytest.mark.parametrize("careless", CARELESS)
async def test_histories_notice_what_the_model_has_no_rule_for(
    root: Path, pool: asyncpg.Pool, careless: str
) -> None:
    """By an answer, or by books that do not recompute."""
    for text in mutated(root, (CARELESS[careless],)).values():
        await pool.execute(text)
    for seed in range(SEED, SEED + TRIES * LOT, LOT):
        try:
            tally = await lived(pool, seed)
        except AssertionError:
            return
        if tally.differences:
            return
    pytest.fail(f"not noticed in {TRIES} lots of {LOT} histories")


async def test_histories_follow_each_other_on_one_ledger(pool: asyncpg.Pool) -> None:
    """So that trying again above proves something: a second lot finds nothing that the first one left."""
    for seed in (SEED, SEED + LOT):
        assert (await lived(pool, seed)).differences == []
