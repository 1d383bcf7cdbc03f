"""Finds the refusal behind the short address that a person read in it, and binds it to their browser.

Guessing: a code is 45 bits of an HMAC. With 1,000 refusals a day alive, a guess meets any of them once in
3.5e10; a peer that was wrong ten times in a minute is not answered, right or wrong; many wrong ones
from everywhere raise an alarm. Nothing is written for a wrong code, and it costs one look into memory.
"""

import asyncio
import hmac
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from importlib.resources import files
from typing import Any, Final
from uuid import UUID

import aiosql
import asyncpg

from credit.address import LIFETIME_S, code_of, mark_of, read_code

# A refusal is found this much later at most; and one whose statement took so long to commit is not passed by.
LOOK_EVERY_S: Final = 1.0
LATE_S: Final = 30.0
PAGE: Final = 5_000
REFUSALS_KEPT: Final = 200_000
WRONG_A_MINUTE: Final = 10
WRONG_ALARM: Final = 1_000
PEERS_KEPT: Final = 10_000
MINUTE_S: Final = 60.0
IPV6_OF_ONE: Final = 64
NO_ID: Final = UUID(int=0)

_STATEMENTS = aiosql.from_str(
    (files("accounting") / "sql" / "addresses.sql").read_text(encoding="utf-8"),
    "asyncpg",
    mandatory_parameters=False,
)

Alarm = Callable[[str, str, Mapping[str, Any]], Awaitable[None]]


class NotOpened(Enum):
    """Why an address shows nothing; only who has the right code learns more than the first."""

    UNKNOWN = "unknown"  # no code, a wrong one, or its day is over
    ELSEWHERE = "elsewhere"  # another browser opened it first
    TOO_MANY = "too many"  # wrong too often, from this peer


@dataclass(frozen=True, slots=True)
class Opened:
    """Whose page it is, by which refusal, until when."""

    account_id: int
    hold_id: str
    ends_at: datetime


class AddressBook:
    """The codes of the last day's refusals, made anew from the ledger; for one event loop."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        keys: Sequence[bytes],
        alarm: Alarm,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`keys`: the live secrets of the hold token, each may have made a code; `alarm` as accounting.alarm."""
        self._pool = pool
        self._keys = keys
        self._alarm = alarm
        self._clock = clock
        self.guesses = Guesses(clock)
        self._holds: OrderedDict[str, tuple[str, bytes]] = OrderedDict()  # code -> hold, key
        self._seen_to = datetime.fromtimestamp(0, UTC)
        self._looked_s = float("-inf")
        self._looking = asyncio.Lock()

    async def open(self, text: str, browser: str, peer: str) -> Opened | NotOpened:
        """Open an address: its first browser, and only that one, for the rest of its day.

        Call it on an act of the person (a button), never on a bare GET: programs that follow links would
        be the first. `browser`: a secret of at least 128 random bits in a cookie of its own; `peer`: the
        network address. Raises what the driver raises.
        """
        if self.guesses.is_closed_to(peer):
            return NotOpened.TOO_MANY
        code = read_code(text)
        found = await self._find(code) if code else None
        if found is None or code is None:
            await self._wrong(peer)
            return NotOpened.UNKNOWN
        hold_id, key = found
        bound = await _rows(
            self._pool,
            "bind_address",
            hold_id=hold_id,
            code_mark=mark_of(code, key),
            browser_mark=mark_of(browser, key),
            lifetime_s=LIFETIME_S,
        )
        if bound:
            await _STATEMENTS.forget_openings(self._pool)  # nobody else comes by as seldom
            return _opened(bound[0])
        # A statement of its own sees what the one that was first has committed.
        return await self._recall(hold_id, browser)

    async def recall(self, text: str, browser: str, peer: str) -> Opened | NotOpened:
        """What `open` said to this browser before; binds nothing. Raises what the driver raises."""
        if self.guesses.is_closed_to(peer):
            return NotOpened.TOO_MANY
        code = read_code(text)
        found = await self._find(code) if code else None
        if found is None:
            await self._wrong(peer)
            return NotOpened.UNKNOWN
        return await self._recall(found[0], browser)

    async def _recall(self, hold_id: str, browser: str) -> Opened | NotOpened:
        kept = await _rows(self._pool, "find_opening", hold_id=hold_id)
        if not kept:
            return NotOpened.UNKNOWN
        if any(
            hmac.compare_digest(kept[0]["browser_mark"], mark_of(browser, k)) for k in self._keys
        ):
            return _opened(kept[0])
        return NotOpened.ELSEWHERE

    async def _find(self, code: str) -> tuple[str, bytes] | None:
        if code not in self._holds:
            await self._look()
        return self._holds.get(code)

    async def _look(self) -> None:
        """Make the codes of the refusals since the last look; of all of the day at the first."""
        async with self._looking:
            if self._clock() - self._looked_s < LOOK_EVERY_S:
                return
            after = (datetime.fromtimestamp(max(self._seen_to.timestamp() - LATE_S, 0), UTC), NO_ID)
            while True:  # ends: each page begins after the one before
                page = await _rows(
                    self._pool,
                    "list_refusals",
                    after_at=after[0],
                    after_id=after[1],
                    lifetime_s=LIFETIME_S,
                    page=PAGE,
                )
                for row in page:
                    self._keep(str(row["hold_id"]))
                if page:
                    after = (page[-1]["decided_at"], page[-1]["hold_id"])
                    self._seen_to = max(self._seen_to, after[0])
                if len(page) < PAGE:
                    break
            self._looked_s = self._clock()

    def _keep(self, hold_id: str) -> None:
        for key in self._keys:
            self._holds[code_of(hold_id, key)] = (hold_id, key)
        while len(self._holds) > REFUSALS_KEPT * len(self._keys):
            self._holds.popitem(last=False)

    async def _wrong(self, peer: str) -> None:
        if self.guesses.wrong(peer) == WRONG_ALARM:
            detail = {"wrong_codes_a_minute": WRONG_ALARM}
            await self._alarm("address_guessing", "addresses", detail)


class Guesses:
    """Counts wrong codes, by peer and in all, in the running minute."""

    def __init__(self, clock: Callable[[], float], most: int = WRONG_A_MINUTE) -> None:
        """`most`: of one peer in a minute."""
        self._clock = clock
        self._most = most
        self._by_peer: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._all = (0.0, 0)

    def is_closed_to(self, peer: str) -> bool:
        """Whether this peer was wrong too often to be answered."""
        return self._in_minute(self._by_peer.get(_network(peer)))[1] >= self._most

    def wrong(self, peer: str) -> int:
        """One more; returns how many there were in all in this minute."""
        name = _network(peer)
        since, count = self._in_minute(self._by_peer.pop(name, None))
        self._by_peer[name] = (since, count + 1)
        if len(self._by_peer) > PEERS_KEPT:
            self._by_peer.popitem(last=False)
        since, count = self._in_minute(self._all)
        self._all = (since, count + 1)
        return count + 1

    def _in_minute(self, counted: tuple[float, int] | None) -> tuple[float, int]:
        now_s = self._clock()
        return counted if counted and now_s - counted[0] < MINUTE_S else (now_s, 0)


def _network(peer: str) -> str:
    """One who may count as many: of IPv6 a person has a whole network."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer[:64]
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, IPV6_OF_ONE), strict=False))
    return str(address)


def _opened(row: asyncpg.Record) -> Opened:
    return Opened(row["account_id"], str(row["hold_id"]), row["ends_at"])


async def _rows(pool: asyncpg.Pool, name: str, /, **arguments: Any) -> list[asyncpg.Record]:
    return [row async for row in getattr(_STATEMENTS, name)(pool, **arguments)]
