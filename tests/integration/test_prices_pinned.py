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
EVENTS = "SELECT hold_id::text, price_version, book_cost, cost, flags FROM usage_event ORDER BY event_at, id"
TRANSFERS = "SELECT row_to_json(t)::text FROM transfer AS t ORDER BY id"
BOOK_OF = "SELECT price_book FROM model_map WHERE version = $1"


async def place(books: Books, account: int, version: int) -> str:
    """A hold that was bounded by this version of the prices."""
    one = replace(a_place(account, OLD_NANOS), price_version=version)
    await ledger.place_batch(books.pool, [one], 2100)
    return one.hold_id


async def debit(books: Books, models: CurrentModels, hold_id: str, account: int) -> None:
    """LiteLLM reports a call at its old price, as accounting debits it with the models it has now."""
    await models.reload({"models"})
    assert models.models is not None
    record = a_cost(id=hold_id.replace("-", ""), model_id="m1", provider_id=hold_id)
    price = models.models.find_price("gpt-4o", "m1")
    made = charge(record, hold_id, price, models.version)
    await books.report([a_record(hold_id, account)], [made.event])
    await books.close(hold_id)


async def test_import_between_hold_and_debit_pins_the_version_and_leaves_the_past(
    pool: asyncpg.Pool, tmp_path: Path
) -> None:
    """The debit before keeps its row to the letter; the one after says that other prices checked it."""
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

    found: dict[str, Any] = {row["hold_id"]: row for row in await pool.fetch(EVENTS)}
    assert (found[earlier]["price_version"], found[earlier]["book_cost"]) == (first, OLD_NANOS)
    second = found[waiting]
    assert (second["price_version"], second["book_cost"]) == (answer.map_version, NEW_NANOS)
    # LiteLLM bills by its own prices still: that is the debit, and the difference is shown.
    assert (second["cost"], _flags(second)) == (OLD_NANOS, ["price_mismatch"])
    assert await pool.fetchval(BOOK_OF, answer.map_version) == answer.version
    pinned = "SELECT price_version FROM hold WHERE id = $1"
    assert await pool.fetchval(pinned, waiting) == first
    assert (await pool.fetch(TRANSFERS))[: len(transfers)] == transfers
    assert (await books.figures(account)).posted == CREDIT - 2 * OLD_NANOS
    await books.check()


def _flags(row: asyncpg.Record) -> Any:
    return json.loads(row["flags"]) if isinstance(row["flags"], str) else list(row["flags"])
