"""Sessions held up in the middle of a function: what a step-by-step order of whole calls cannot reach.

A function stops between its statements only at a lock. So another session holds one just there: a row, or
a table as a migration does, while the world goes on.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from credit import ledger
from credit.pool import connect
from tests.books import Books, a_record, an_event
from tests.integration.session_acts import Scene, close, extend, place
from tests.model.mutants import Change, mutated

WITHIN_S = 10.0
LOOK_EVERY_S = 0.002
BLOCKED = "SELECT cardinality(pg_blocking_pids($1)) > 0"
BLOCKED_BY = "SELECT $2 = ANY (pg_blocking_pids($1))"
PIN_HOLD = "SELECT FROM hold_open WHERE hold_id = $1 FOR UPDATE"
# Lets everybody read, so that it stops the function at its statement, not where it is compiled.
PIN_TABLE = "LOCK TABLE hold_open IN EXCLUSIVE MODE"

NO_SECOND_LOCK = Change(
    "credit/sql/capture_batch.sql",
    """                   JOIN hold AS h ON h.id = g.hold_id)
    ORDER BY a.id FOR NO KEY UPDATE;""",
    """                   JOIN hold AS h ON h.id = g.hold_id)
    ORDER BY a.id;""",
)
NO_ACCOUNT_NO_MATTER = Change("credit/sql/extend.sql", "NOT FOUND OR h.id IS NULL", "NOT FOUND")


class Hall:
    """Four sessions, each in a transaction of its own, and a watcher."""

    def __init__(self, pool: asyncpg.Pool, connections: list[asyncpg.Connection]) -> None:
        self.books = Books(pool)
        self.first, self.second, self.third, self.pin, self._watcher = connections

    async def scene(self) -> Scene:
        """Two accounts with a hold each; the fresh id sorts before the others."""
        accounts = [await self.books.account(1_000, name) for name in ("maria", "joao")]
        holds = [(await self.books.place(account, 300))[0] for account in accounts]
        suspense = await self.books.pool.fetchval("SELECT id FROM account WHERE kind = 'suspense'")
        fresh = f"00000000{str(uuid.uuid4())[8:]}"
        return Scene(accounts[0], holds[0], accounts[1], holds[1], suspense, fresh)

    async def until_blocked(
        self, waiting: asyncpg.Connection, by: asyncpg.Connection | None = None
    ) -> None:
        """Until a session waits for a lock: for that of another one, if it is named."""
        pid = waiting.get_server_pid()
        query = (BLOCKED, pid) if by is None else (BLOCKED_BY, pid, by.get_server_pid())
        async with asyncio.timeout(WITHIN_S):
            while True:
                if await self._watcher.fetchval(*query):
                    return
                await asyncio.sleep(LOOK_EVERY_S)

    async def report_meets_close(self) -> list[Any]:
        """A report whose call was just placed stops between hold and account; a close comes."""
        scene = await self.scene()
        await begin(self.first, self.second, self.third, self.pin)
        await self.pin.execute(PIN_HOLD, scene.other_held)
        await place("fresh", 300)(scene, self.first)
        report = asyncio.create_task(report_two(scene, self.second))
        await self.until_blocked(self.second, self.first)  # for the key of the hold
        await self.first.execute("COMMIT")
        await self.until_blocked(self.second, self.pin)  # it has the first hold, wants the other
        closing = asyncio.ensure_future(close("fresh", "released", 0)(scene, self.third))
        await self.until_blocked(self.third, self.second)
        await self.pin.execute("COMMIT")
        try:
            async with asyncio.timeout(WITHIN_S):
                reported = await report
                await self.second.execute("COMMIT")
                closed = await closing
                await self.third.execute("COMMIT")
        finally:
            await asyncio.gather(report, closing, return_exceptions=True)
        await self.books.check()
        return [reported, closed]

    async def extend_meets_place(self) -> Any:
        """An extension looks for its hold before that is there, and for its reservation afterwards."""
        scene = await self.scene()
        await begin(self.first, self.second, self.pin)
        await place("fresh", 300)(scene, self.first)
        migration = asyncio.create_task(self.pin.execute(PIN_TABLE))
        await self.until_blocked(self.pin, self.first)
        extension = asyncio.ensure_future(extend(500, "fresh")(scene, self.second))
        await self.until_blocked(self.second, self.pin)  # behind the migration in the queue
        await self.first.execute("COMMIT")
        async with asyncio.timeout(WITHIN_S):
            await migration
            await self.pin.execute("COMMIT")
            answer = await extension
            await self.second.execute("COMMIT")
        await self.books.check()
        return answer


async def begin(*sessions: asyncpg.Connection) -> None:
    """Open their transactions."""
    for session in sessions:
        await session.execute("BEGIN")


async def report_two(scene: Scene, connection: Any) -> list[str]:
    """Without a token about the fresh call, with one about another person's."""
    pairs = [(scene.fresh, scene.suspense), (scene.other_held, scene.other)]
    records = [a_record(*pair) for pair in pairs]
    events = [an_event(record["hold_id"], 50) | {"record_id": record["id"]} for record in records]
    return sorted((await ledger.capture_batch(connection, records, events, 2100)).values())


@pytest.fixture
async def hall(database_url: str, pool: asyncpg.Pool) -> AsyncIterator[Hall]:
    """Sessions that a busy machine may keep waiting for their turn."""
    async with await connect(database_url, min_size=5, max_size=5) as own:
        opened = [await own.acquire() for _ in range(5)]
        for connection in opened:
            await connection.execute("SET idle_in_transaction_session_timeout = 0")
        yield Hall(pool, opened)
        for connection in opened:
            connection.terminate()


async def test_report_of_a_call_just_placed_and_its_close_wait_in_no_circle(hall: Hall) -> None:
    """Account before hold, also for the account that the report did not name."""
    reported, closed = await hall.report_meets_close()
    assert reported == ["recorded"] * 4
    assert closed == []  # on no records: the report has come meanwhile


async def test_report_without_its_second_lock_waits_in_a_circle(root: Path, hall: Hall) -> None:
    """The lock is what the test above is about."""
    for text in mutated(root, (NO_SECOND_LOCK,)).values():
        await hall.books.pool.execute(text)
    with pytest.raises(asyncpg.DeadlockDetectedError):
        await hall.report_meets_close()


async def test_extension_that_meets_its_hold_half_way_is_answered_as_closed(hall: Hall) -> None:
    """Nothing of it is locked, so nothing of it may be decided."""
    assert (await hall.extend_meets_place())[0] == "closed"


async def test_extension_that_decides_unlocked_goes_wrong(root: Path, hall: Hall) -> None:
    """The look at the account is what the test above is about."""
    for text in mutated(root, (NO_ACCOUNT_NO_MATTER,)).values():
        await hall.books.pool.execute(text)
    with pytest.raises((AssertionError, asyncpg.PostgresError)):
        assert (await hall.extend_meets_place())[0] == "closed"
