"""What a replica knows of accounts without asking Postgres: what it saw last, or the mirror in Redis.

Read only while Postgres is away. Of two figures the higher version is the newer one, and of two answers to who pays
for a person.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from itertools import islice
from typing import Any, Final, Protocol, TypeVar

import redis
import structlog

from authz.funds import Funds
from credit.ledger import Place, Placed
from credit.mirror import Figures, Payers

ACCOUNTS_KEPT: Final = 100_000
# After Redis failed, nobody waits for it again so soon.
PAUSE_S: Final = 1.0
# Connecting included; the whole Check has 0.45 s (facts-envoy.md).
ASK_WITHIN_S: Final = 0.2
# An answer of the ledger does not name every team of a person: the ledger is asked so often for those who call.
PAYERS_FRESH_S: Final = 60.0

log = structlog.get_logger()
T = TypeVar("T")


class Reading(Protocol):
    """The part of credit.mirror.Mirror that is read."""

    async def find(self, account_ids: Collection[int]) -> Mapping[int, Figures]:
        """Accounts' figures, by id."""

    async def find_payers(self, account_id: int) -> Payers | None:
        """Who may pay for a person."""

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
        self._payers: OrderedDict[int, tuple[Payers, float]] = OrderedDict()  # when it was learned
        self._unsure: dict[int, None] = {}

    def see(self, place: Place, placed: Placed) -> None:
        """Remember the figures in an answer of the ledger. Called for every hold: keep it cheap."""
        if placed.result not in {"placed", "refused"}:
            return  # nothing was decided, so the account's status was not looked at
        payer = (placed.payer or place.account_id) if placed.result == "placed" else None
        # The figures are the person's own; a pool's hold changes none of them.
        own = payer == place.account_id
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
        others = [other for other in placed.others or () if "id" in other]
        for other in others:
            held = payer is not None and _counts(other, payer)
            self.learn(
                other["id"],
                _figures(other, placed.granted_nanos if held else None, figures.status_s),
            )
        self._see_payers(place.account_id, others)

    def _see_payers(self, person: int, others: Collection[Mapping[str, Any]]) -> None:
        """An answer names the pools that were tried, and the caps: enough to begin with, not to rely on."""
        known, known_at_s = self._payers.get(person, (None, 0.0))
        if known is None:
            self._keep_payers(person, known := _payers_in(person, others))
        elif self._clock() - known_at_s < PAYERS_FRESH_S and (
            not others or known.ids.issuperset(other["id"] for other in others)
        ):
            return
        if len(self._unsure) < ACCOUNTS_KEPT:
            self._unsure[person] = None

    def unsure(self, limit: int) -> list[int]:
        """People who called, and of whom the ledger should be asked who pays."""
        return list(islice(self._unsure, limit))

    def learn_payers(self, asked: Collection[int], told: Mapping[int, Payers]) -> None:
        """Remember what the ledger answered of those for whom it was asked."""
        for person in asked:
            self._unsure.pop(person, None)
        for person, payers in told.items():
            known = self._payers.get(person)
            if known is None or known[0].version <= payers.version:
                self._keep_payers(person, payers)

    def _keep_payers(self, person: int, payers: Payers) -> None:
        self._payers[person] = payers, self._clock()
        self._payers.move_to_end(person)
        if len(self._payers) > ACCOUNTS_KEPT:
            self._payers.popitem(last=False)

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
        ids = {account_id}
        mirrored = (
            await self._ask(lambda mirror: mirror.find(ids)) if self.believes_mirror else None
        )
        return self._newest(ids, mirrored).get(account_id)

    async def funds(self, person: int) -> Funds | None:
        """Who may pay for a person, with the newest figures of every account that has a say."""
        payers, _ = self._payers.get(person, (Payers(-1, ((person, ()),)), 0.0))

        async def look(mirror: Reading) -> tuple[Payers, Mapping[int, Figures]]:
            found = await mirror.find_payers(person)
            newest = payers if found is None or found.version < payers.version else found
            return newest, await mirror.find(newest.ids | {person})

        answer = await self._ask(look) if self.believes_mirror else None
        payers, mirrored = answer or (payers, None)
        figures = self._newest(payers.ids | {person}, mirrored)
        return Funds(person, payers.order, figures) if person in figures else None

    def _newest(
        self, ids: Collection[int], mirrored: Mapping[int, Figures] | None
    ) -> dict[int, Figures]:
        newest = {one: self._seen[one] for one in ids if one in self._seen}
        for one, figures in (mirrored or {}).items():
            if one not in newest or newest[one].version < figures.version:
                newest[one] = figures
        return newest

    async def account(self, client_id: str, external_id: str) -> int | None:
        """The account behind a client's name for a person, as far as the mirror knows."""
        return await self._ask(lambda mirror: mirror.find_account(client_id, external_id))

    async def _ask(self, question: Callable[[Reading], Awaitable[T]]) -> T | None:
        if self._mirror is None or self._clock() < self._pause_until_s:
            return None
        try:
            async with asyncio.timeout(ASK_WITHIN_S):
                return await question(self._mirror)
        except (OSError, redis.RedisError, ValueError) as error:
            self._pause_until_s = self._clock() + PAUSE_S
            log.info("mirror_not_read", error=type(error).__name__)
            return None


def _counts(other: Mapping[str, Any], payer: int) -> bool:
    """Whether a hold that this account pays is held there too: it is the account itself, or a cap over it."""
    return other["id"] == payer or (other["role"] == "cap" and other.get("pool") in {None, payer})


def _figures(other: Mapping[str, Any], granted_nanos: int | None, status_s: int) -> Figures:
    """A pool or a cap in an answer of the ledger, after the hold that was placed on it (None: none was)."""
    return Figures(
        other["posted"],
        other["held"] + (granted_nanos or 0),
        other["overdraft"],
        other["version"] + (granted_nanos is not None),
        other["status"],
        status_s,
        shadow=False,
    )


def _payers_in(person: int, others: Collection[Mapping[str, Any]]) -> Payers:
    """As far as one answer tells; older than anything else that is known."""
    caps = [other for other in others if other["role"] == "cap"]
    payers = [person, *(other["id"] for other in others if other["role"] == "pool")]
    return Payers(
        -1, tuple((one, tuple(c["id"] for c in caps if _counts(c, one))) for one in payers)
    )
