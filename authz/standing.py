"""What a person has, has spent and gets next: read from the ledger, at most once a second for each."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Self

# Of today's calls so many are added up; whoever made more reads "more than".
CALLS_LIMIT: Final = 5_000
KEPT_S: Final = 1.0
ACCOUNTS_KEPT: Final = 10_000
# Envoy gives one try 0.45 s; and what is asked for pleasure may not keep holds from the pool's connections.
ASK_WITHIN_S: Final = 0.35
ASKING_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True)
class Pool:
    """A team's credit that the person draws on, nano-USD."""

    name: str
    available_nanos: int
    active: bool


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit of the person's own in a `day`, `week` or `month`; `pool` empty: whoever pays."""

    period: str
    limit_nanos: int
    left_nanos: int
    pool: str


@dataclass(frozen=True, slots=True)
class Coming:
    """Credit that comes on a day."""

    day: date
    amount_nanos: int


@dataclass(frozen=True, slots=True)
class Standing:
    """The figures of one moment, nano-USD; `more`: today had more calls than were added up."""

    posted_nanos: int
    held_nanos: int
    overdraft_nanos: int
    spent_nanos: int
    more: bool
    suspended_since: date | None
    pools: tuple[Pool, ...] = ()
    caps: tuple[Cap, ...] = ()
    coming: tuple[Coming, ...] = ()

    @property
    def available_nanos(self) -> int:
        """What is free to spend of the own credit; below 0: a debt."""
        return self.posted_nanos + self.overdraft_nanos - self.held_nanos

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """From a row of the statement read_balance."""
        return cls(
            row["o_posted"],
            row["o_held"],
            row["o_overdraft"],
            row["o_spent"],
            row["o_more"],
            row["o_status_day"] if row["o_status"] == "suspended" else None,
            tuple(Pool(p["name"], p["available"], p["status"] == "active") for p in row["o_pools"]),
            tuple(Cap(c["period"], c["limit"], c["left"], c["pool"]) for c in row["o_caps"]),
            tuple(Coming(date.fromisoformat(c["day"]), c["amount"]) for c in row["o_coming"]),
        )


class Standings:
    """Asks for each person at most once a second, for few at a time: the rest read the same answer."""

    def __init__(
        self,
        ask: Callable[[int], Awaitable[Sequence[Mapping[str, Any]]]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ask` runs the statement read_balance for an account; it may raise."""
        self._ask = ask
        self._clock = clock
        self._asking = asyncio.Semaphore(ASKING_AT_ONCE)
        self._kept: OrderedDict[int, tuple[float, asyncio.Task[Standing]]] = OrderedDict()

    async def of(self, account_id: int) -> Standing:
        """The figures, a second old at most; raises what the ledger raises, or TimeoutError."""
        known = self._kept.get(account_id)
        now_s = self._clock()
        if known is None or now_s - known[0] >= KEPT_S or _failed(known[1]):
            known = (now_s, asyncio.create_task(self._read(account_id)))
            known[1].add_done_callback(_failed)  # looked at, also where nobody waits any more
            self._kept[account_id] = known
            self._kept.move_to_end(account_id)
            if len(self._kept) > ACCOUNTS_KEPT:
                self._kept.popitem(last=False)
        # Others may wait for the same answer: who leaves does not take it away.
        return await asyncio.shield(known[1])

    async def _read(self, account_id: int) -> Standing:
        async with asyncio.timeout(ASK_WITHIN_S), self._asking:
            rows = await self._ask(account_id)
        if not rows:
            raise LookupError(account_id)
        return Standing.from_row(rows[0])


def _failed(task: asyncio.Task[Standing]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
