"""Granting while Postgres is away: from each paying account up to a cap, on disk before it is answered.

protocol.md 6. Nothing can fence a replica that Postgres does not answer, so the bound is per replica: in one
outage an account, a person's own or a pool that pays for several, gives at most min(what was available as last known,
the cap). What it is granted is placed in the ledger, by id, before anything else once Postgres is back; the replica
then learns what the ledger says of these accounts, so that the next outage grants nothing a second time.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import structlog

from authz.funds import Funds
from authz.metrics import BOUNDED_HOLDS, BOUNDED_NANOS, SPOOL_BYTES
from credit.away import is_wrong
from credit.grant import Sizes, decide_over
from credit.ledger import Place, Placed
from credit.spool import Spool

# Answers are remembered for the whole outage: more than a replica grants in its longest one.
HOLDS_LIMIT: Final = 200_000
SPOOL_LIMIT_BYTES: Final = 64 * 1024 * 1024
BATCH_HOLDS: Final = 200
BATCH_WITHIN_S: Final = 10.0

FindFunds = Callable[[int], Awaitable[Funds | None]]
# ledger.place_bounded: hold id -> placed, replay, unknown.
PlaceBounded = Callable[[Sequence[Mapping[str, Any]]], Awaitable[Mapping[str, str]]]
# Has the replica know what the ledger now says of these accounts; raises what the ledger raises.
Learn = Callable[[Collection[int]], Awaitable[None]]
Alarm = Callable[[str, Mapping[str, Any]], None]

log = structlog.get_logger()


class UnknownAccountError(RuntimeError):
    """Nobody at hand knows what the account has: the answer is 503, never a guess."""


class Grant(NamedTuple):
    """What one call was granted in this outage: for whom, from which account, under which caps."""

    person: int
    payer: int
    nanos: int
    caps: Sequence[int]


class Bounded:
    """The allowances of one outage, and the spool of what was granted from them."""

    def __init__(self, spool: Spool, funds: FindFunds, cap_nanos: int, alarm: Alarm) -> None:
        """`cap_nanos`: per paying account and outage; `alarm` takes (kind, detail) of what a person must see."""
        self._spool = spool
        self._funds = funds
        self._cap_nanos = cap_nanos
        self._alarm = alarm
        self._spent: dict[int, int] = {}  # by what pays, and by the caps over it
        self._granted_nanos = 0
        self._answers: dict[str, Grant] = {}  # by hold id
        self._deciding: dict[str, asyncio.Task[Placed]] = {}

    def load(self) -> int:
        """Take over what an earlier process of this replica granted; says how many holds that is."""
        for line in self._spool.all_lines():
            place = _read(line)
            if place is not None and place["id"] not in self._answers:
                self._remember(place["id"], _granted_in(place))
        self._show()
        return len(self._answers)

    @property
    def granted_nanos(self) -> int:
        """What this outage has granted so far."""
        return self._granted_nanos

    @property
    def holds(self) -> int:
        """How many holds that are."""
        return len(self._answers)

    async def place(self, place: Place) -> Placed:
        """Decide one hold; the same id gets the same answer. Raises OSError when the disk is full.

        A refusal is never said to be about credit or a suspension, since only the ledger may say that (I5):
        it is `closed`, which the door words as enforcement_unavailable.
        """
        task = self._deciding.get(place.hold_id)
        if task is None:
            task = asyncio.create_task(self._decide(place))
            self._deciding[place.hold_id] = task
            task.add_done_callback(lambda _: self._deciding.pop(place.hold_id, None))
        # A cancelled caller may be Envoy's per-try timeout: the grant stands (protocol.md 6).
        return await asyncio.shield(task)

    async def _decide(self, place: Place) -> Placed:
        funds = await self._funds(place.account_id)
        if funds is None:
            raise UnknownAccountError(place.account_id)
        grant = self._answers.get(place.hold_id)
        if grant is not None:
            return _answer("replay" if grant.person == place.account_id else "closed", funds, grant)
        # Only the ledger may say `account_suspended`: since it was seen, it may have been made active again.
        if funds.own.status != "active":
            BOUNDED_HOLDS.labels("refused").inc()
            return _answer("closed", funds)
        if funds.own.shadow:  # watched only: it passes, and nothing is reserved
            return _answer("closed", funds)
        # Nothing is awaited between looking at what is left and taking it.
        grant = self._grant(place, funds)
        if grant is None or len(self._answers) >= HOLDS_LIMIT:
            BOUNDED_HOLDS.labels("refused").inc()
            return _answer("closed", funds)
        self._remember(place.hold_id, grant)
        try:
            await self._spool.append(_line(place, grant))
        except OSError:
            self._remember(place.hold_id, grant._replace(nanos=-grant.nanos))
            del self._answers[place.hold_id]
            raise
        BOUNDED_HOLDS.labels("granted").inc()
        self._show()
        return _answer("placed", funds, grant)

    def _grant(self, place: Place, funds: Funds) -> Grant | None:
        """As the ledger would decide over the figures at hand, of which each payer gives at most the cap."""
        sizes = Sizes(place.want_nanos, place.target_nanos, place.minimum_nanos, place.rule)
        verdict = decide_over(funds.payers(self._spent, self._cap_nanos), sizes)
        payer, nanos = verdict.payer, verdict.granted_nanos
        if payer is None or nanos is None:
            return None
        return Grant(place.account_id, payer, nanos, funds.caps(payer))

    async def drain(self, place_bounded: PlaceBounded, learn: Learn) -> int:
        """Place the oldest batch of what waits; how many that was. Raises what the ledger raises."""
        lines = self._spool.read()[:BATCH_HOLDS]
        if lines:
            accounts = await self._place_lines(lines, place_bounded)
            # Before they are taken: an outage that is over leaves no figures from before its grants.
            async with asyncio.timeout(BATCH_WITHIN_S):
                await learn(accounts)
            self._spool.take(lines)
            self._show()
        return len(lines)

    @property
    def at_rest(self) -> bool:
        """Whether every grant is in the ledger, and none is being decided."""
        return not self._deciding and self._spool.empty

    async def wait_decided(self) -> None:
        """Until the decisions under way are made; the caller lets no further one begin."""
        if self._deciding:
            await asyncio.wait(list(self._deciding.values()))

    def forget(self) -> None:
        """The outage is over: the ledger holds what was granted."""
        assert self.at_rest
        self._spent.clear()
        self._granted_nanos = 0
        self._answers.clear()
        self._show()

    def adopt_orphans(self) -> int:
        """Take over what a dead replica with the same folder left."""
        return self._spool.adopt_orphans()

    async def _place_lines(self, lines: Sequence[bytes], place_bounded: PlaceBounded) -> set[int]:
        """The accounts whose holds the ledger has now, whoever brought them."""
        places = {line: _read(line) for line in lines}
        try:
            good = [place for place in places.values() if place is not None]
            async with asyncio.timeout(BATCH_WITHIN_S):
                results = await place_bounded(good) if good else {}
        except Exception as error:
            if not is_wrong(error):
                raise
            if len(lines) > 1:  # one bad line must not take its neighbours with it
                middle = len(lines) // 2
                return await self._place_lines(
                    lines[:middle], place_bounded
                ) | await self._place_lines(lines[middle:], place_bounded)
            results = {}
        accounts: set[int] = set()
        for line, place in places.items():
            result = results.get(place["id"], "rejected") if place else "rejected"
            BOUNDED_HOLDS.labels(result).inc()
            if place is not None and result in {"placed", "replay"}:
                grant = _granted_in(place)
                accounts |= {grant.payer, *grant.caps}
            else:
                await self._set_aside(line, place, result)
        return accounts

    async def _set_aside(self, line: bytes, place: Mapping[str, Any] | None, result: str) -> None:
        await self._spool.reject(line)
        detail = {"hold": place["id"] if place else "", "result": result}
        log.warning("bounded_hold_not_placed", **detail)
        self._alarm("bounded_hold_not_placed", detail)

    def _remember(self, hold_id: str, grant: Grant) -> None:
        self._answers[hold_id] = grant
        for account_id in (grant.payer, *grant.caps):
            self._spent[account_id] = self._spent.get(account_id, 0) + grant.nanos
        self._granted_nanos += grant.nanos

    def _show(self) -> None:
        BOUNDED_NANOS.set(self.granted_nanos)
        SPOOL_BYTES.set(self._spool.size_bytes)


def _answer(result: str, funds: Funds, grant: Grant | None = None) -> Placed:
    own = funds.own
    return Placed(
        result,
        None,
        grant.nanos if grant is not None else 0,
        own.shadow,
        own.posted_nanos,
        own.held_nanos,
        own.overdraft_nanos,
        datetime.fromtimestamp(own.status_s, UTC),
        own.version,
        grant.payer if grant is not None else funds.person,
        _others(funds, grant.payer) if grant is not None else None,
    )


def _others(funds: Funds, payer: int) -> list[dict[str, Any]] | None:
    """The pool that pays, as the ledger's own answer names it: what is left is said of it."""
    pool = funds.known.get(payer)
    if payer == funds.person or pool is None:
        return None
    return [
        {
            "id": payer,
            "role": "pool",
            "posted": pool.posted_nanos,
            "held": pool.held_nanos,
            "overdraft": pool.overdraft_nanos,
            "version": pool.version,
            "status": pool.status,
        }
    ]


def _line(place: Place, grant: Grant) -> bytes:
    """What place_bounded.sql takes, as JSON; `caps` are those that were known, for this replica itself."""
    return json.dumps(
        {
            "id": place.hold_id,
            "account_id": grant.payer,
            "person_id": grant.person,
            "client_id": place.client_id,
            "route": place.route,
            "model": place.model,
            "granted": grant.nanos,
            "want": place.want_nanos,
            "target": place.target_nanos,
            "minimum": place.minimum_nanos,
            "price_version": place.price_version,
            "markup_percent": place.markup_percent,
            "caps": list(grant.caps),
        }
    ).encode()


def _granted_in(place: Mapping[str, Any]) -> Grant:
    """A line of the spool; one of an older release names no person apart from who pays."""
    payer = int(place["account_id"])
    return Grant(
        int(place.get("person_id") or payer), payer, place["granted"], place.get("caps") or ()
    )


def _read(line: bytes) -> dict[str, Any] | None:
    """A line of the spool; None when it is damaged."""
    try:
        place = json.loads(line)
        return place if {"id", "account_id", "granted"} <= place.keys() else None
    except (ValueError, AttributeError):
        return None
