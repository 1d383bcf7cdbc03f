"""A price change never alters past debits, and each debit says by which prices it was made."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg

from accounting.ingest.charge import charge
from accounting.models_sync import SyncResult, sync_models
from accounting.pricing import CurrentModels
from credit import ledger
from tests.books import Books, a_place, a_record
from tests.integration.admin_service import serve
from tests.integration.model_listing import KEY, deployment, listing
from tests.integration.test_prices import NEW, OLD, bring, written
from tests.unit.evidence import a_cost

CREDIT = 10**9
# 1,000 tokens in, 200 out: nano-USD by the old prices, by the new ones.
OLD_NANOS, NEW_NANOS = 4_500_000, 5_400_000
EVENTS = """
    SELECT hold_id::text, price_version, book_cost, litellm_cost, cost, flags
    FROM usage_event ORDER BY event_at, id"""
TRANSFERS = "SELECT row_to_json(t)::text FROM transfer AS t ORDER BY id"
PINNED = "SELECT price_version FROM hold WHERE id = $1"
BOOK_OF = "SELECT price_book FROM model_map WHERE version = $1"


async def place(books: Books, account: int, version: int) -> str:
    """A hold that was bounded by this version of the prices."""
    one = replace(a_place(account, OLD_NANOS), price_version=version)
    await ledger.place_batch(books.pool, [one], 2100)
    return one.hold_id


async def debit(books: Books, models: CurrentModels, hold_id: str, account: int) -> None:
    """LiteLLM reports a call at its old price, as accounting debits it: by the prices of its hold."""
    await models.reload({"models"})
    bounded_by = await books.pool.fetchval(PINNED, hold_id)
    found = await models.at(bounded_by)
    assert found is not None
    record = a_cost(id=hold_id.replace("-", ""), model_id="m1", provider_id=hold_id)
    made = charge(record, hold_id, found.find_price("gpt-4o", "m1"), found.version)
    await books.report([a_record(hold_id, account)], [made.event])
    await books.close(hold_id)


async def test_import_between_hold_and_debit_pins_the_version_and_leaves_the_past(
    pool: asyncpg.Pool, tmp_path: Path
) -> None:
    """Debits before keep their rows to the letter; a call that was under way is debited as it was bounded."""
    carried = tmp_path / "prices.json"
    carried.write_bytes(written(OLD))
    books, models = Books(pool), CurrentModels(pool)
    account = await books.account(CREDIT)
    async with listing() as litellm:
        litellm.deployments = [deployment("gpt-4o", "openai/gpt-4o", "m1", **OLD)]

        async def sync(actor: str = "accounting", reason: str = "kept fresh") -> SyncResult:
            return await sync_models(pool, litellm.url, KEY, carried, actor=actor, reason=reason)

        first = (await sync()).version
        earlier = await place(books, account, first)
        await debit(books, models, earlier, account)
        waiting = await place(books, account, first)
        transfers, events = await pool.fetch(TRANSFERS), await pool.fetch(EVENTS)
        async with serve(pool, sync=sync) as office:
            answer = await bring(office, written(NEW))
        assert (await pool.fetch(TRANSFERS), await pool.fetch(EVENTS)) == (transfers, events)
        await debit(books, models, waiting, account)
        later = await place(books, account, answer.map_version)
        await debit(books, models, later, account)

    found: dict[str, Any] = {row["hold_id"]: row for row in await pool.fetch(EVENTS)}
    for hold_id in (earlier, waiting):
        assert (found[hold_id]["price_version"], found[hold_id]["book_cost"]) == (first, OLD_NANOS)
        assert (found[hold_id]["cost"], _flags(found[hold_id])) == (OLD_NANOS, [])
    # LiteLLM bills by its own prices still; what a person decided is debited.
    last = found[later]
    assert (last["price_version"], last["book_cost"]) == (answer.map_version, NEW_NANOS)
    assert (last["cost"], last["litellm_cost"], _flags(last)) == (
        NEW_NANOS,
        OLD_NANOS,
        ["house_price"],
    )
    assert await pool.fetchval(BOOK_OF, answer.map_version) == answer.version
    assert (await pool.fetch(TRANSFERS))[: len(transfers)] == transfers
    assert (await books.figures(account)).posted == CREDIT - 2 * OLD_NANOS - NEW_NANOS
    await books.check()


def _flags(row: asyncpg.Record) -> Any:
    return json.loads(row["flags"]) if isinstance(row["flags"], str) else list(row["flags"])
