"""The mirror on a real Redis: highest version wins, complete after every loss, never asked in quiet times."""

import os
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis.asyncio
from redis import RedisError

from accounting.relay import PAGE, Relay, relay_of
from credit.mirror import Figures, Mirror
from local import redis as local_redis
from local.probe import free_ports
from local.process import Child
from tests.books import Books
from tests.integration.doors import (
    CREDIT,
    WANT,
    Replica,
    claims_of,
    new_id,
    open_for_business,
    refusal_of,
)

PERSON = "INSERT INTO person (email, account_id) VALUES ('maria@example.org', $1) RETURNING id"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Child]:
    """How to make one Redis on one port."""
    found = local_redis.find_server()
    assert found is not None
    folder = tmp_path_factory.mktemp("redis")
    for part in ("logs", "processes"):
        (folder / part).mkdir()
    (port,) = free_ports(1)
    command = local_redis.command(found, folder, port, {"PATH": os.environ["PATH"]})
    return lambda: Child(command, folder)


@pytest.fixture
async def running(server: Callable[[], Child]) -> AsyncIterator[Child]:
    """Redis, empty."""
    child = server()
    await child.start()
    yield child
    await child.kill()


@pytest.fixture
async def url(running: Child) -> str:
    """Its address."""
    argv = running.command.argv
    return local_redis.url(int(argv[argv.index("--port") + 1]))


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


def a_row(version: int, posted: int, **more: Any) -> dict[str, Any]:
    """An account as the relay reads it."""
    return {
        "id": 1001,
        "client_id": "librechat",
        "external_id": "maria",
        "posted": posted,
        "held": 0,
        "overdraft": 0,
        "version": version,
        "status": "active",
        "status_s": 1_795_000_000,
        "shadow": False,
        "payers": [{"id": 1001, "caps": []}],
        "payers_version": 0,
        **more,
    }


async def test_mirror_written_in_any_order_shows_the_highest_version(mirror: Mirror) -> None:
    """Two relays, retries, late pages: an older version never replaces a newer one. Figures are exact."""
    exact = 2**53 + 1  # what a double cannot hold
    versions = list(range(1, 40))
    random.Random(3).shuffle(versions)
    for version in versions:
        await mirror.write([a_row(version, exact + version)])
    shown = (await mirror.find([1001, 1002])).get(1001)
    assert shown == Figures(exact + 39, 0, 0, 39, "active", 1_795_000_000, shadow=False)
    assert await mirror.find_account("librechat", "maria") == 1001
    assert await mirror.find_account("librechat", "jose") is None
    assert await mirror.find([1002]) == {}


async def test_relay_follows_every_change(books: Books, mirror: Mirror) -> None:
    """Grants, holds, closes, a suspension, the cohort: each is shown after the next round."""
    relay = relay_of(books.pool, mirror)
    maria = await books.account(CREDIT)
    await relay.round()
    hold_id, _ = await books.place(maria, WANT)
    await relay.round()
    shown = (await mirror.find([maria])).get(maria)
    assert shown is not None
    assert (shown.held_nanos, shown.available_nanos) == (WANT, CREDIT - WANT)
    await books.close(hold_id, "released", "test")
    await books.pool.execute(
        "UPDATE account SET status = 'suspended', mode_override = 'shadow', version = version + 1"
        " WHERE id = $1",
        maria,
    )
    await relay.round()
    await same_as_the_ledger(books, mirror)
    shown = (await mirror.find([maria])).get(maria)
    assert shown is not None
    assert (shown.held_nanos, shown.status, shown.shadow) == (0, "suspended", True)


async def test_every_name_of_a_person_is_known_while_postgres_is_away(
    books: Books, mirror: Mirror
) -> None:
    """Who registered again has the account in the mirror too, after its next change."""
    maria = await books.account(CREDIT)
    who = await books.pool.fetchval(PERSON, maria)
    await books.pool.execute("SELECT attach_person($1, 'librechat', '77:77', 'test', 'test')", who)
    await relay_of(books.pool, mirror).round()
    assert await mirror.find_account("librechat", "maria") == maria
    assert await mirror.find_account("librechat", "77:77") == maria


async def test_name_of_a_guest_who_was_bound_means_the_person_while_postgres_is_away(
    books: Books, mirror: Mirror
) -> None:
    """The account that the name had before is younger, and stands behind the person's in every list."""
    maria = await books.account(CREDIT)
    guest = await books.account(CREDIT, name="9999")
    who = await books.pool.fetchval(PERSON, maria)
    await books.pool.execute("SELECT attach_person($1, 'librechat', '9999', 'test', 'test')", who)
    hold, _ = await books.place(guest, 1)
    await books.close(hold)
    await relay_of(books.pool, mirror).round()
    assert await mirror.find_account("librechat", "9999") == maria
    assert guest in await mirror.find([guest])


async def test_change_in_a_long_transaction_is_not_passed_over(
    books: Books, mirror: Mirror
) -> None:
    """A transaction that began before a round and commits after it is read by the next one."""
    maria = await books.account(CREDIT)
    jose = await books.account(CREDIT, "jose")
    relay = relay_of(books.pool, mirror)
    await relay.round()
    async with books.pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "UPDATE account SET posted = posted + 1, version = version + 1 WHERE id = $1", maria
        )
        await books.pool.execute(
            "UPDATE account SET posted = posted + 2, version = version + 1 WHERE id = $1", jose
        )
        await relay.round()
    await relay.round()
    await same_as_the_ledger(books, mirror)


async def test_mirror_that_was_emptied_is_filled_again(
    books: Books, mirror: Mirror, url: str
) -> None:
    """A wipe loses the mark, so that the next round writes every account; also more than one page."""
    await books.account(CREDIT)
    await books.pool.execute(
        "INSERT INTO account (client_id, external_id, kind)"
        " SELECT 'librechat', 'p' || n, 'user' FROM generate_series(1, $1::integer) AS n",
        PAGE + 3,
    )
    relay = relay_of(books.pool, mirror)
    await relay.round()
    async with redis.asyncio.from_url(url) as client:
        await client.flushall()
    assert await mirror.find_account("librechat", "maria") is None
    await relay.round()
    await same_as_the_ledger(books, mirror)


async def test_relay_without_redis_waits_then_catches_up(
    books: Books, mirror: Mirror, running: Child
) -> None:
    """A round that fails leaves the cursor where it was: what it missed is in the next one."""
    maria = await books.account(CREDIT)
    relay = relay_of(books.pool, mirror)
    await relay.round()
    await running.kill()
    await books.place(maria, WANT)
    with pytest.raises((RedisError, OSError)):
        await relay.round()
    await running.start()
    await relay.round()
    await same_as_the_ledger(books, mirror)


async def test_relay_that_lost_its_ledger_reads_everything_it_missed() -> None:
    """A failed read moves nothing: the window that failed is asked for again."""
    asked: list[tuple[str, dict[str, Any]]] = []
    fails = False

    async def query(name: str, **arguments: Any) -> list[dict[str, Any]]:
        asked.append((name, arguments))
        if fails and name == "list_changed":
            raise ConnectionResetError
        return [{"horizon": str(len(asked))}] if name == "read_horizon" else []

    relay = Relay(query, Whole())  # type: ignore[arg-type]  # a mirror that takes everything
    await relay.round()
    fails = True
    with pytest.raises(ConnectionResetError):
        await relay.round()
    fails = False
    await relay.round()
    windows = [arguments["since"] for name, arguments in asked if name == "list_changed"]
    assert windows == ["1", "1"]


class Whole:
    """A mirror that is always there."""

    async def write(self, accounts: list[Any]) -> None:
        """Take it."""

    async def mark_whole(self) -> None:
        """Take it."""

    async def is_whole(self) -> bool:
        """Always."""
        return True


async def test_mirror_that_lies_or_is_lost_changes_no_normal_decision(
    books: Books, mirror: Mirror, url: str, running: Child, database_url: str, tmp_path: Path
) -> None:
    """While Postgres answers, Redis is never asked: whatever it says, the same people are served."""
    maria = await books.account(CREDIT)
    poor = await books.account(0, "jose")
    rich = {"posted": 10**15, "version": 10**6}
    await mirror.write(
        [
            a_row(10**6, 0, id=maria, status="frozen"),
            a_row(id=poor, external_id="jose", **rich),
            a_row(10**6, 0, id=poor, external_id="maria"),
        ]
    )
    folder = str(tmp_path / "bounded")
    async with Replica(tmp_path, database_url, redis_url=url, bounded_dir=folder) as authz:

        async def same_as_always() -> None:
            claims = claims_of(await authz.ask(new_id()))
            assert (claims.account, claims.granted) == (str(maria), WANT)
            answer = await authz.ask(new_id(), x_user_id="jose")
            assert refusal_of(answer) == (402, "insufficient_credit")

        await same_as_always()
        async with redis.asyncio.from_url(url) as client:
            await client.flushall()
        await same_as_always()
        await running.kill()
        await same_as_always()
    await books.check()


async def same_as_the_ledger(books: Books, mirror: Mirror) -> None:
    """The mirror shows each account as it is."""
    for row in await books.pool.fetch(
        "SELECT id, external_id, posted, held, overdraft, version, status FROM account"
        " WHERE kind = 'user'"
    ):
        shown = (await mirror.find([row["id"]])).get(row["id"])
        assert shown is not None, row["external_id"]
        assert (
            shown.posted_nanos,
            shown.held_nanos,
            shown.overdraft_nanos,
            shown.version,
            shown.status,
        ) == (row["posted"], row["held"], row["overdraft"], row["version"], row["status"])
        assert await mirror.find_account("librechat", row["external_id"]) == row["id"]
