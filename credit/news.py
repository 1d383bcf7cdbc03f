"""News: which of the things kept in memory changed, heard within a quarter of a second.

Postgres is polled; a Redis message only makes it sooner (protocol.md 5), so that losing Redis
changes nothing but the speed.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import asyncpg
import redis.asyncio as redis
import structlog

from credit import ledger

CHANNEL = "pedagio:news"
POLL_EVERY_S = 0.25
POLL_TIMEOUT_S = 2.0
RECONNECT_AFTER_S = 1.0
PUBLISH_TIMEOUT_S = 0.5

log = structlog.get_logger()


async def publish(redis_url: str | None, topic: str) -> None:
    """Say that a topic changed. Best effort: without Redis, or when it fails, the poll tells it."""
    if redis_url is None:
        return
    try:
        async with asyncio.timeout(PUBLISH_TIMEOUT_S), redis.from_url(redis_url) as client:
            await client.publish(CHANNEL, topic)
    except (TimeoutError, OSError, redis.RedisError) as error:
        log.info("news_not_published", topic=topic, error=type(error).__name__)


class News:
    """Watches the versions in the table `news`."""

    def __init__(self, pool: asyncpg.Pool, redis_url: str | None) -> None:
        """`redis_url` None: only the poll."""
        self._pool = pool
        self._redis_url = redis_url
        self._wake = asyncio.Event()
        self._seen: dict[str, int] = {}
        self._reachable = True

    async def watch(self, on_change: Callable[[set[str]], Awaitable[None]]) -> None:
        """For ever: call `on_change` with the topics whose version moved; never dies.

        A change is seen as done only when `on_change` returned, so a failed reload is tried again.
        The first round reports every topic: what changed between loading and watching is not lost.
        """
        listener = asyncio.create_task(self._listen()) if self._redis_url else None
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_EVERY_S):
                        await self._wake.wait()
                self._wake.clear()
                await self._poll(on_change)
        finally:
            if listener is not None:
                listener.cancel()

    async def _poll(self, on_change: Callable[[set[str]], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(POLL_TIMEOUT_S):
                rows = await ledger.query(self._pool, "read_news")
                now = {row["topic"]: row["version"] for row in rows}
                changed = {
                    topic for topic, version in now.items() if self._seen.get(topic) != version
                }
                if changed:
                    await on_change(changed)
                    self._seen = now
            self._say(reachable=True)
        except Exception as error:  # noqa: BLE001 (whatever happened, what is known stays in force)
            self._say(reachable=False, error=type(error).__name__)

    def _say(self, *, reachable: bool, error: str = "") -> None:
        """Log a change of state once, not each round."""
        if reachable != self._reachable:
            self._reachable = reachable
            log.warning("news_reachable" if reachable else "news_unreachable", error=error)

    async def _listen(self) -> None:
        lost = False
        while True:
            try:
                async with (
                    redis.from_url(str(self._redis_url)) as client,
                    client.pubsub() as channel,
                ):
                    await channel.subscribe(CHANNEL)
                    lost = False
                    async for _ in channel.listen():
                        self._wake.set()
            except (OSError, redis.RedisError) as error:
                if not lost:
                    log.warning("news_channel_lost", error=type(error).__name__)
                lost = True
            await asyncio.sleep(RECONNECT_AFTER_S)
