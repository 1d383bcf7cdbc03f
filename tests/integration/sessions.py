"""SQL sessions that take their steps in a given order, waiting for each other where locks make them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import asyncpg

# A step ends, or is seen waiting for a lock, within this time; else the test has found a hang.
STEP_WITHIN_S = 10.0
LOOK_EVERY_S = 0.002
BLOCKED = "SELECT cardinality(pg_blocking_pids($1)) > 0"

Call = Callable[[asyncpg.Connection], Awaitable[Any]]


@dataclass
class Session:
    """One transaction: begin, one call of the ledger, commit."""

    connection: asyncpg.Connection
    call: Call
    task: "asyncio.Task[Any] | None" = None
    owed: bool = False  # the commit is due, and the call still waits for a lock
    taken: int = 0


class Stage:
    """Plays sessions step by step; `watcher` looks at who waits for whom."""

    def __init__(
        self, connections: Sequence[asyncpg.Connection], watcher: asyncpg.Connection
    ) -> None:
        self._connections = connections
        self._watcher = watcher

    async def play(self, calls: Sequence[Call], order: Sequence[int], *, begins: bool) -> list[Any]:
        """Each session's answer. `order` names a session per step; begins: BEGIN is a step of its own."""
        sessions = [Session(c, call) for c, call in zip(self._connections, calls, strict=False)]
        for number in order:
            await self._step(sessions[number], begins=begins)
            await self._pay(sessions)
        async with asyncio.timeout(STEP_WITHIN_S):
            while any(session.owed for session in sessions):
                await self._pay(sessions)
        return [session.task.result() for session in sessions if session.task is not None]

    async def _step(self, session: Session, *, begins: bool) -> None:
        steps = ["begin", "call", "commit"] if begins else ["begin and call", "commit"]
        step = steps[session.taken]
        session.taken += 1
        if "begin" in step:
            await session.connection.execute("BEGIN")
        if "call" in step:
            session.task = asyncio.ensure_future(session.call(session.connection))
            await self._settle(session)
        if step == "commit":
            session.owed = True

    async def _pay(self, sessions: Sequence[Session]) -> None:
        """Commit what is due and no longer waits; that may free the next one."""
        for session in sessions:
            if session.owed and await self._settle(session):
                await session.connection.execute("COMMIT")
                session.owed = False

    async def _settle(self, session: Session) -> bool:
        """Wait until the call has ended (True), or waits for another session (False)."""
        assert session.task is not None
        async with asyncio.timeout(STEP_WITHIN_S):
            while True:
                await asyncio.wait({session.task}, timeout=LOOK_EVERY_S)
                if session.task.done():
                    session.task.result()  # a deadlock is an error, and an error is a failure
                    return True
                pid = session.connection.get_server_pid()
                if await self._watcher.fetchval(BLOCKED, pid):
                    return False


def orders(sessions: int, steps: int) -> Iterator[tuple[int, ...]]:
    """Every way to merge the steps of so many sessions, each keeping its own order."""
    return iter(sorted(set(permutations([n for n in range(sessions) for _ in range(steps)]))))
