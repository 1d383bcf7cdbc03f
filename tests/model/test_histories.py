"""Random histories on the real ledger: nobody is blocked wrongly, and every refusal recomputes."""

import asyncpg

from tests.model.histories import run
from tests.model.memory import MemoryStore
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
