"""What a replica knows of accounts without asking Postgres: what it saw last, or the mirror in Redis.

Read only while Postgres is away. Of two figures the higher version is the newer one.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

import redis
import structlog

from credit.ledger import Place, Placed
from credit.mirror import Figures

ACCOUNTS_KEPT: Final = 100_000
# After Redis failed, nobody waits for it again so soon.
PAUSE_S: Final = 1.0
# Connecting included; the whole Check has 0.45 s (facts-envoy.md).
ASK_WITHIN_S: Final = 0.2

log = structlog.get_logger()


class Reading(Protocol):
    """The part of credit.mirror.Mirror that is read."""

    async def find(self, account_id: int) -> Figures | None:
        """The account's figures."""

    async def find_account(self, client_id: str, external_id: str) -> int | None:
        """The account behind a name."""


class Knowledge:
    """The newest figures at hand. Never raises: what is not known is None."""

    def __init__(self, mirror: Reading | None, clock: Callable[[], float] = time.monotonic) -> None:
        """`mirror` None: only what this replica saw itself."""
        self._mirror = mirror
        self._clock = clock
        self._pause_until_s = clock()
        # Until it is known what earlier outages granted, the mirror's figures may be from before them.
        self.believes_mirror = False
        self._seen: OrderedDict[int, Figures] = OrderedDict()

    def see(self, place: Place, placed: Placed) -> None:
        """Remember the figures in an answer of the ledger. Called for every hold: keep it cheap."""
        if placed.result not in {"placed", "refused"}:
            return  # nothing was decided, so the account's status was not looked at
        # The figures are the person's own; a pool's hold changes none of them.
        own = placed.result == "placed" and placed.payer in {0, place.account_id}
        figures = Figures(
            placed.posted_nanos,
            placed.held_nanos + placed.granted_nanos * own,
            placed.overdraft_nanos,
            placed.account_version + own,
            "suspended" if placed.reason == "account_suspended" else "active",
            int(placed.status_at.timestamp()),
            placed.shadow and not place.shadow,
        )
        self.learn(place.account_id, figures)

    def learn(self, account_id: int, figures: Figures) -> None:
        """Remember what the ledger says of an account; older figures, here or in the mirror, count no more."""
        known = self._seen.get(account_id)
        if known is None or known.version <= figures.version:
            self._seen[account_id] = figures
            self._seen.move_to_end(account_id)
            if len(self._seen) > ACCOUNTS_KEPT:
                self._seen.popitem(last=False)

    async def figures(self, account_id: int) -> Figures | None:
        """The newest figures of an account."""
        seen = self._seen.get(account_id)
        mirrored: Figures | None = None
        if self._mirror is not None and self.believes_mirror and self._may_ask():
            try:
                async with asyncio.timeout(ASK_WITHIN_S):
                    mirrored = await self._mirror.find(account_id)
            except (OSError, redis.RedisError, ValueError) as error:
                self._pause(error)
        if seen is None or mirrored is None:
            return seen or mirrored
        return max(seen, mirrored, key=lambda figures: figures.version)

    async def account(self, client_id: str, external_id: str) -> int | None:
        """The account behind a client's name for a person, as far as the mirror knows."""
        if self._mirror is None or not self._may_ask():
            return None
        try:
            async with asyncio.timeout(ASK_WITHIN_S):
                return await self._mirror.find_account(client_id, external_id)
        except (OSError, redis.RedisError, ValueError) as error:
            self._pause(error)
            return None

    def _may_ask(self) -> bool:
        return self._clock() >= self._pause_until_s

    def _pause(self, error: Exception) -> None:
        self._pause_until_s = self._clock() + PAUSE_S
        log.info("mirror_not_read", error=type(error).__name__)
