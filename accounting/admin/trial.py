"""A trial: what a call does to the ledger, in one transaction that is always taken back.

The services are built on a `Pool` of this module. Outside a trial it is the pool behind it; within one, all
that the call does, in however many transactions, runs on the one connection of the trial: each of them
a savepoint, so that what fails there spoils nothing else, as with transactions of their own.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextvars import ContextVar
from typing import Any, Final, cast

import asyncpg

# Shorter than Postgres waits before it looks for a deadlock: it is the trial that gives way, never a write.
LOCK_WITHIN: Final = "900ms"
# LiteLLM may take so long to list its models, and the trial waits for it.
IDLE_WITHIN: Final = "30s"
Publish = Callable[[str], Awaitable[None]]


class Trial:
    """The connection of a trial, and how deep in savepoints it is."""

    def __init__(self, connection: Any) -> None:
        """`connection` is in the transaction that will be taken back."""
        self._connection = connection
        self._depth = 0
        self._over = False

    async def begin(self) -> Any:
        """Lend the connection, at a savepoint of its own."""
        if self._over:
            raise RuntimeError("a trial is over, yet something of it still writes")
        self._depth += 1
        await self._connection.execute(f"SAVEPOINT trial_{self._depth}")
        return self._connection

    async def end(self) -> None:
        """Take the connection back; a statement that failed takes its savepoint along."""
        name, self._depth = f"trial_{self._depth}", self._depth - 1
        try:
            await self._connection.execute(f"RELEASE SAVEPOINT {name}")
        except asyncpg.InFailedSQLTransactionError:
            await self._connection.execute(f"ROLLBACK TO SAVEPOINT {name}")

    async def take_back(self) -> None:
        """The ledger is as it was before the trial, which goes on."""
        await self._connection.execute("ROLLBACK TO SAVEPOINT untouched")

    async def settle(self) -> None:
        """Let the checks speak that wait for the commit; there will be none."""
        await self._connection.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def close(self) -> None:
        """Lend nothing any more."""
        self._over = True


_PRESENT: ContextVar[Trial | None] = ContextVar("trial", default=None)


class _Lent:
    """What `acquire` gives within a trial: awaited or entered, as the driver's own is."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial

    def __await__(self) -> Generator[Any, None, Any]:
        return self._trial.begin().__await__()

    async def __aenter__(self) -> Any:
        return await self._trial.begin()

    async def __aexit__(self, *_: object) -> None:
        await self._trial.end()


class Pool:
    """Stands for a pool: all of it that the services use."""

    def __init__(self, behind: asyncpg.Pool) -> None:
        """`behind` is used outside trials, and gives each trial its connection."""
        self.behind = behind

    def acquire(self) -> Any:
        """A connection: of the trial that is being made, else of the pool."""
        trial = _PRESENT.get()
        return self.behind.acquire() if trial is None else _Lent(trial)

    async def release(self, connection: Any) -> None:
        """Give an awaited one back."""
        trial = _PRESENT.get()
        await (self.behind.release(connection) if trial is None else trial.end())

    async def fetch(self, *arguments: Any) -> Any:
        """All rows."""
        async with self.acquire() as connection:
            return await connection.fetch(*arguments)

    async def fetchrow(self, *arguments: Any) -> Any:
        """The first row."""
        async with self.acquire() as connection:
            return await connection.fetchrow(*arguments)

    async def fetchval(self, *arguments: Any) -> Any:
        """The first value."""
        async with self.acquire() as connection:
            return await connection.fetchval(*arguments)

    async def execute(self, *arguments: Any) -> Any:
        """No rows."""
        async with self.acquire() as connection:
            return await connection.execute(*arguments)


def over(pool: asyncpg.Pool) -> asyncpg.Pool:
    """The pool to build services on, so that what they do can be tried; one that is such stays as it is."""
    known: object = pool
    return pool if isinstance(known, Pool) else cast("asyncpg.Pool", Pool(pool))


def trying() -> bool:
    """Whether the present call is only tried."""
    return _PRESENT.get() is not None


def quiet(publish: Publish) -> Publish:
    """Tell nobody of what is only tried."""

    async def tell(topic: str) -> None:
        if not trying():
            await publish(topic)

    return tell


@contextlib.asynccontextmanager
async def trial(pool: asyncpg.Pool) -> AsyncIterator[Trial]:
    """All that is done within, on a pool of `over`, is taken back in the end, whatever happens."""
    served: object = pool
    assert isinstance(served, Pool), "a trial on another pool would write"
    async with served.behind.acquire() as connection:
        # One snapshot: between the looks at it after and before, nobody else's write shows.
        transaction = connection.transaction(isolation="repeatable_read")
        await transaction.start()
        made = Trial(connection)
        before = _PRESENT.set(made)
        try:
            await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_WITHIN}'")
            await connection.execute(
                f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_WITHIN}'"
            )
            await connection.execute("SAVEPOINT untouched")
            yield made
        finally:
            _PRESENT.reset(before)
            made.close()
            await transaction.rollback()
