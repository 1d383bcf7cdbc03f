"""What the ledger says about calls, read straight from Postgres."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

import aiosql
import asyncpg

from credit.models import ModelMap
from local.story.books import Debit
from local.story.chat import StoryError

QUERIES: Final[Any] = aiosql.from_path(Path(__file__).with_name("ledger.sql"), "asyncpg")
POLL_S: Final = 0.05
CLOSE_BOUND_S: Final = 20.0

Value = TypeVar("Value")


@dataclass(frozen=True)
class Settled:
    """A closed call, in nano-USD: reserved, paid, and the excess of the cost over the hold."""

    held_nanos: int
    cost_nanos: int
    overage_nanos: int
    outcome: str


class Ledger:
    """The ledger of a running system, read only."""

    def __init__(self, connection: "asyncpg.Connection[Any]") -> None:
        """Read through this connection."""
        self._connection = connection

    async def settled(self, hold_id: str) -> Settled:
        """Wait until a call is closed, and say how; bounded, StoryError when it stays open."""

        async def closed() -> Settled | None:
            row = await QUERIES.read_call(self._connection, hold_id=UUID(hold_id))
            if row is None or row["outcome"] is None:
                return None
            return Settled(row["granted"], row["captured"], row["overage"], row["outcome"])

        return await _eventually(closed, f"the hold {hold_id} closes")

    async def all_closed(self, within_s: float = CLOSE_BOUND_S) -> None:
        """Wait until no hold is open; bounded, StoryError otherwise."""

        async def none_open() -> bool | None:
            return await self.open_holds() == 0 or None

        await _eventually(none_open, "every hold closes", within_s)

    async def open_holds(self) -> int:
        """Holds that are open now."""
        return int(await QUERIES.count_open(self._connection))

    async def overage_nanos(self) -> int:
        """Cost above holds so far."""
        return int(await QUERIES.sum_overage(self._connection))

    async def debits_nanos(self) -> int:
        """Everything debited so far."""
        return int(await QUERIES.sum_debits(self._connection))

    async def debits(self) -> dict[str, Debit]:
        """The debit of each answer, by the provider's id of it."""
        rows = [row async for row in QUERIES.list_debits(self._connection)]
        return {
            row["provider_id"]: Debit(row["cost"], row["model_group"], row["model_id"])
            for row in rows
        }

    async def models(self) -> ModelMap:
        """The map in force: every deployment with its price."""
        return ModelMap.from_json(json.loads(await QUERIES.read_model_map(self._connection)))


async def find_session(connection: "asyncpg.Connection[Any]", application: str) -> int:
    """The process id of one of a service's sessions; StoryError when it has none."""
    pid = await QUERIES.find_session(connection, application=application)
    if pid is None:
        raise StoryError(f"{application} has no session")
    return int(pid)


async def _eventually(
    ask: Callable[[], Awaitable[Value | None]], what: str, within_s: float = CLOSE_BOUND_S
) -> Value:
    deadline = time.monotonic() + within_s
    while (value := await ask()) is None:
        if time.monotonic() > deadline:
            raise StoryError(f"waited {within_s:.0f} s in vain until {what}")
        await asyncio.sleep(POLL_S)
    return value
