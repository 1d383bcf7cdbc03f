"""The fault: a replica of authz and a session of Postgres get kill -9 while people chat.

Postgres takes the death of one session for a crash of its own: it throws everybody out and recovers.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import httpx

from local.office import Office
from local.process import Child, all_or_first_error
from local.stack import Stack
from local.story.chat import Chat, Person, StoryError, chat
from local.story.ledger import Ledger, find_session

TABS: Final = 8
CREDIT_NANOS: Final = 500_000_000
REPLICA: Final = "authz-1"
SESSIONS_OF: Final = "pedagio-authz"
KILL_AFTER_S: Final = 0.5
CHAT_FOR_S: Final = 2.5
RECONNECT_BOUND_S: Final = 20.0
POLL_S: Final = 0.05
PATIENCE_S: Final = 0.2  # of somebody who was told to try again
UNAVAILABLE: Final = "enforcement_unavailable"
BODY: Final[dict[str, Any]] = {
    "model": "gpt-4o-mini",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Continue, por favor. [[tokens=60 rate=400]]"}],
}


@dataclass(frozen=True)
class Crash:
    """What the crash came to; amounts in nano-USD.

    `lost` answers have no debit; `astray_nanos` were debited for no answer; `away_s`: from the kill
    until nobody was told to wait any more.
    """

    answered: int
    unavailable: int
    lost: int
    astray_nanos: int
    overspent_nanos: int
    away_s: float

    @property
    def good(self) -> bool:
        """Whether every answer was debited, nothing else was, and nobody spent more than he had."""
        return self.answered > 0 and not any((self.lost, self.astray_nanos, self.overspent_nanos))


@dataclass(frozen=True)
class Told:
    """One chat, with the monotonic second in which it was asked."""

    asked_s: float
    chat: Chat


async def run_crash(stack: Stack, person: Person, office: Office) -> Crash:
    """Chat from several tabs, kill in the middle, chat on; then add up."""
    async with connected(stack.database_url) as ledger:
        overage_before = await ledger.overage_nanos()
    replica = stack.children[REPLICA]
    until_s = time.monotonic() + CHAT_FOR_S
    async with httpx.AsyncClient(base_url=stack.envoy_url) as http:
        told: list[Told] = []
        killed_s = time.monotonic() + KILL_AFTER_S
        tabs = [_tab(http, person, until_s, told) for _ in range(TABS)]
        await all_or_first_error(_crash(stack, replica), *tabs)
    async with connected(stack.database_url) as ledger:
        await ledger.all_closed()
        answered = [one for one in told if one.chat.refusal is None]
        paid = [(await ledger.settled(one.chat.hold_id)).cost_nanos for one in answered]
        overage = await ledger.overage_nanos() - overage_before
    posted = (await office.balance(person.client, person.name)).posted_nanos
    return Crash(
        answered=len(paid),
        unavailable=len(told) - len(paid),
        lost=paid.count(0),
        astray_nanos=CREDIT_NANOS - posted - sum(paid),
        overspent_nanos=max(-posted, 0) + overage,
        away_s=away_s(told, killed_s),
    )


def away_s(told: Sequence[Told], killed_s: float) -> float:
    """Seconds from the kill until the approval after which nobody was told to wait; 0 when nobody was."""
    waited = [one.asked_s for one in told if one.chat.refusal is not None]
    if not waited:
        return 0.0
    after = [one.asked_s for one in told if one.chat.refusal is None and one.asked_s > max(waited)]
    if not after:
        raise StoryError(f"not back within {CHAT_FOR_S:g} s of the kill")
    return min(after) - killed_s


async def _tab(http: httpx.AsyncClient, person: Person, until_s: float, told: list[Told]) -> None:
    while (asked_s := time.monotonic()) < until_s:
        one = await chat(http, person, BODY)
        if one.refusal is not None:
            if one.refusal.reason != UNAVAILABLE:
                raise StoryError(f"refused for a crash: {one.refusal.sentence}")
            await asyncio.sleep(PATIENCE_S)
        told.append(Told(asked_s, one))


async def _crash(stack: Stack, replica: Child) -> None:
    await asyncio.sleep(KILL_AFTER_S)
    await asyncio.gather(_crash_session(stack.database_url), replica.kill())
    await replica.revive()


async def _crash_session(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        pid = await find_session(connection, SESSIONS_OF)
        os.kill(pid, signal.SIGKILL)
    finally:
        connection.terminate()  # it is thrown out as well


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[Ledger]:
    """The ledger, as soon as Postgres takes connections again; bounded."""
    deadline = time.monotonic() + RECONNECT_BOUND_S
    while True:
        try:
            connection = await asyncpg.connect(url)
            break
        except (OSError, asyncpg.PostgresError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(POLL_S)
    try:
        yield Ledger(connection)
    finally:
        await connection.close()
