"""Who pays for whom, in the mirror on a real Redis: each change shown, the newest list kept."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio

from accounting.relay import relay_of
from credit import ledger
from credit.mirror import Mirror, Payers, figures_in, payers_in
from tests.books import FUND, Books
from tests.integration.doors import CREDIT, WANT, open_for_business
from tests.integration.outage import running_redis

ZONE = "America/Sao_Paulo"


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """A Redis, empty."""
    async with running_redis(tmp_path) as (_, url):
        yield url


@pytest.fixture
async def mirror(url: str) -> AsyncIterator[Mirror]:
    """The mirror in it."""
    async with Mirror(url, within_s=2.0) as opened:
        yield opened


@pytest.fixture
async def books(pool: asyncpg.Pool) -> Books:
    """A ledger in enforce."""
    await open_for_business(pool)
    return Books(pool)


async def test_relay_follows_who_pays_for_whom(books: Books, mirror: Mirror, url: str) -> None:
    """Join, order, caps, leave: each is shown after the next round, with the figures of every account concerned."""
    relay = relay_of(books.pool, mirror)
    maria, jose = await books.account(0), await books.account(CREDIT, "jose")
    team = await books.pool.fetchval(
        "INSERT INTO account (kind, name) VALUES ('pool', 'TI') RETURNING id"
    )
    await books.pool.execute(FUND, team, CREDIT)
    await relay.round()
    changes = (
        f"INSERT INTO pool_member (account_id, pool_id) VALUES ({maria}, {team})",
        f"UPDATE account SET pool_first = true WHERE id = {maria}",
        f"SELECT set_cap({maria}, {team}, 'day', '{ZONE}', 500)",
        f"SELECT set_cap(NULL, NULL, 'month', '{ZONE}', 9000)",
        f"INSERT INTO account_setting (account_id, first_pool_id) VALUES ({maria}, {team})",
        f"SELECT clear_cap({maria}, {team}, 'day')",
        "SELECT clear_cap(NULL, NULL, 'month')",
        f"DELETE FROM pool_member WHERE account_id = {maria}",
    )
    shown = set()
    for change in changes:
        await books.pool.execute(change)
        await relay.round()
        await same_payers(books, mirror, maria, jose)
        payers = await mirror.find_payers(maria)
        assert payers is not None
        shown.add(payers.order)
    assert (
        len(shown) == 6
    )  # the setting changes nothing here, and one cap's end undoes another's beginning
    assert ((maria, ()),) in shown
    await books.pool.execute(changes[0])
    async with redis.asyncio.from_url(url) as client:
        await client.flushall()
    assert await mirror.find_payers(maria) is None
    await relay.round()
    await same_payers(books, mirror, maria, jose)


async def test_hold_on_a_pool_is_shown_on_the_pool_and_its_cap(
    books: Books, mirror: Mirror
) -> None:
    """What members spend together is what a replica must know of the pool."""
    relay = relay_of(books.pool, mirror)
    maria = await books.account(0)
    team = await books.pool.fetchval(
        "INSERT INTO account (kind, name) VALUES ('pool', 'TI') RETURNING id"
    )
    await books.pool.execute(FUND, team, CREDIT)
    await books.pool.execute(
        "INSERT INTO pool_member (account_id, pool_id) VALUES ($1, $2)", maria, team
    )
    cap = await books.pool.fetchval(f"SELECT set_cap($1, NULL, 'day', '{ZONE}', $2)", maria, CREDIT)
    await relay.round()
    _, placed = await books.place(maria, WANT)
    assert placed.payer == team
    await relay.round()
    shown = await mirror.find([team, cap, maria])
    left = {one: figures.available_nanos for one, figures in shown.items()}
    assert left == {team: CREDIT - WANT, cap: CREDIT - WANT, maria: 0}


async def test_older_list_of_payers_replaces_no_newer_one(mirror: Mirror) -> None:
    """Its version is another than that of the figures: each wins by its own."""
    figures = {"held": 0, "overdraft": 0, "status": "active", "status_s": 0, "shadow": False}
    maria = {"id": 1001, "client_id": "librechat", "external_id": "maria", **figures}
    older, newer = [{"id": 1001, "caps": []}], [{"id": 2001, "caps": [2**53 + 1]}]
    for version, posted, payers_version, payers in (
        (5, 10, 3, newer),
        (6, 20, 2, older),
        (4, 30, 3, newer),
    ):
        row = {
            "version": version,
            "posted": posted,
            "payers": payers,
            "payers_version": payers_version,
        }
        await mirror.write([maria | row])
    assert await mirror.find_payers(1001) == Payers(3, ((2001, (2**53 + 1,)),))
    assert (await mirror.find([1001]))[1001].posted_nanos == 20


async def same_payers(books: Books, mirror: Mirror, *people: int) -> None:
    """The mirror names who pays as the ledger does, and knows what each of them has."""
    for row in await ledger.list_payers(books.pool, people):
        payers = await mirror.find_payers(row["id"])
        assert payers == payers_in(row)
        assert payers is not None
        rows = await ledger.list_figures(books.pool, list(payers.ids))
        assert await mirror.find(payers.ids) == {one["id"]: figures_in(one) for one in rows}
