"""News: every process hears of a change within a second, with and without Redis, and after faults."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio

from credit.news import CHANNEL, POLL_EVERY_S, News, publish
from local import redis as local_redis
from local.probe import free_ports
from local.process import Child

WITHIN_S = 1.0  # the promise
BOUND_S = 10.0  # after a fault


class Listener:
    """What a process would reload; `failing` makes the next reload fail."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[set[str]] = asyncio.Queue()
        self.failing = False

    async def on_change(self, topics: set[str]) -> None:
        """What News calls."""
        if self.failing:
            self.failing = False
            raise ConnectionError
        self.heard.put_nowait(topics)

    async def next(self, within_s: float = WITHIN_S) -> set[str]:
        """The next topics heard."""
        async with asyncio.timeout(within_s):
            return await self.heard.get()


@contextlib.asynccontextmanager
async def watching(pool: asyncpg.Pool, url: str | None = None) -> AsyncIterator[Listener]:
    """A process that watches, past its first round."""
    listener = Listener()
    task = asyncio.create_task(News(pool, url).watch(listener.on_change))
    try:
        assert await listener.next() == {
            "mode", "clients", "models", "policies", "languages", "people",
        }  # fmt: skip
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def redis_child(tmp_path: Path) -> Iterator[tuple[Child, str]]:
    """A real Redis, not started yet."""
    server = local_redis.find_server()
    assert server is not None
    (tmp_path / "logs").mkdir()
    (tmp_path / "processes").mkdir()
    (port,) = free_ports(1)
    child = Child(
        local_redis.command(server, tmp_path, port, {"PATH": os.environ["PATH"]}), tmp_path
    )
    yield child, local_redis.url(port)
    asyncio.run(child.stop())


async def set_mode(pool: asyncpg.Pool, mode: str) -> None:
    """What the admin service does."""
    await pool.execute("UPDATE enforcement SET mode = $1", mode)


async def test_news_of_a_mode_is_heard_within_a_second_by_polling(pool: asyncpg.Pool) -> None:
    """Without Redis, and naming only what moved."""
    async with watching(pool) as listener:
        await set_mode(pool, "off")
        assert await listener.next() == {"mode"}
        assert listener.heard.empty()


async def test_news_of_a_failed_reload_is_told_again(pool: asyncpg.Pool) -> None:
    """A change counts as heard only when it was taken over."""
    async with watching(pool) as listener:
        listener.failing = True
        await set_mode(pool, "closed")
        assert await listener.next() == {"mode"}


async def test_news_survive_a_ledger_that_was_away(pool: asyncpg.Pool) -> None:
    """What is known stays in force, and the change is heard when Postgres answers again."""
    async with watching(pool) as listener:
        await pool.execute("ALTER TABLE news RENAME TO news_away")
        await asyncio.sleep(2 * POLL_EVERY_S)  # rounds that fail; nothing to wait for
        await pool.execute("ALTER TABLE news_away RENAME TO news")
        await set_mode(pool, "off")
        assert await listener.next(BOUND_S) == {"mode"}


async def test_news_published_by_redis_are_heard_sooner(
    pool: asyncpg.Pool, redis_child: tuple[Child, str]
) -> None:
    """A message wakes the poll: ten changes are heard in less time than ten polls take."""
    child, url = redis_child
    await child.start()
    async with watching(pool, url) as listener, redis.asyncio.from_url(url) as client:
        async with asyncio.timeout(BOUND_S):
            while not await client.publish(CHANNEL, "who listens?"):
                continue
        began = time.monotonic()
        for mode in ("off", "shadow", "enforce", "closed", "off") * 2:
            await set_mode(pool, mode)
            await publish(url, "mode")
            assert await listener.next() == {"mode"}
        assert time.monotonic() - began < 10 * POLL_EVERY_S


async def test_news_while_redis_dies_and_returns_are_still_heard(
    pool: asyncpg.Pool, redis_child: tuple[Child, str]
) -> None:
    """Losing Redis changes nothing but the speed; publishing into the void is no error."""
    child, url = redis_child
    async with watching(pool, url) as listener:  # not there at the start
        await set_mode(pool, "off")
        await publish(url, "mode")
        assert await listener.next() == {"mode"}
        await child.start()
        await set_mode(pool, "enforce")
        assert await listener.next() == {"mode"}
        await child.stop()
        await set_mode(pool, "closed")
        await publish(url, "mode")
        assert await listener.next() == {"mode"}


async def test_news_from_a_stranger_on_the_channel_change_nothing(
    pool: asyncpg.Pool, redis_child: tuple[Child, str]
) -> None:
    """A message is only a reason to look: what it says is not believed."""
    child, url = redis_child
    await child.start()
    async with watching(pool, url) as listener, redis.asyncio.from_url(url) as client:
        for message in (b"mode", b"\xff\x00", b"x" * 10_000):
            await client.publish(CHANNEL, message)
        await set_mode(pool, "off")
        assert await listener.next() == {"mode"}
        assert listener.heard.empty()
