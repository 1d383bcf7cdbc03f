"""Granting while Postgres is away: to each account up to a cap, on disk before it is answered.

protocol.md 6. Nothing can fence a replica that Postgres does not answer, so the bound is per replica: in one
outage an account is granted at most min(what was available as last known, the cap). What it is granted
is placed in the ledger, by id, before anything else once Postgres is back; the replica then learns what the
ledger says of these accounts, so that the next outage grants nothing a second time.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from authz.metrics import BOUNDED_HOLDS, BOUNDED_NANOS, SPOOL_BYTES
from credit.away import is_wrong
from credit.grant import decide
from credit.ledger import Place, Placed
from credit.mirror import Figures
from credit.spool import Spool

# Answers are remembered for the whole outage: more than a replica grants in its longest one.
HOLDS_LIMIT: Final = 200_000
SPOOL_LIMIT_BYTES: Final = 64 * 1024 * 1024
BATCH_HOLDS: Final = 200
BATCH_WITHIN_S: Final = 10.0

FindFigures = Callable[[int], Awaitable[Figures | None]]
# ledger.place_bounded: hold id -> placed, replay, unknown.
PlaceBounded = Callable[[Sequence[Mapping[str, Any]]], Awaitable[Mapping[str, str]]]
# Has the replica know what the ledger now says of these accounts; raises what the ledger raises.
Learn = Callable[[Collection[int]], Awaitable[None]]
Alarm = Callable[[str, Mapping[str, Any]], None]

log = structlog.get_logger()


class UnknownAccountError(RuntimeError):
    """Nobody at hand knows what the account has: the answer is 503, never a guess."""


class Bounded:
    """The allowances of one outage, and the spool of what was granted from them."""

    def __init__(self, spool: Spool, figures: FindFigures, cap_nanos: int, alarm: Alarm) -> None:
        """`cap_nanos`: per account and outage; `alarm` takes (kind, detail) of what a person must see."""
        self._spool = spool
        self._figures = figures
        self._cap_nanos = cap_nanos
        self._alarm = alarm
        self._spent: dict[int, int] = {}
        self._granted_nanos = 0
        self._answers: dict[str, tuple[int, int]] = {}  # hold id -> account, granted
        self._deciding: dict[str, asyncio.Task[Placed]] = {}

    def load(self) -> int:
        """Take over what an earlier process of this replica granted; says how many holds that is."""
        for line in self._spool.all_lines():
            place = _read(line)
            if place is not None and place["id"] not in self._answers:
                self._remember(place["id"], place["account_id"], place["granted"])
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
        figures = await self._figures(place.account_id)
        if figures is None:
            raise UnknownAccountError(place.account_id)
        if place.hold_id in self._answers:
            account_id, granted = self._answers[place.hold_id]
            result = "replay" if account_id == place.account_id else "closed"
            return _answer(result, granted, figures)
        # Only the ledger may say `account_suspended`: since it was seen, it may have been made active again.
        if figures.status != "active":
            BOUNDED_HOLDS.labels("refused").inc()
            return _answer("closed", 0, figures)
        if figures.shadow:  # watched only: it passes, and nothing is reserved
            return _answer("closed", 0, figures)
        # Nothing is awaited between looking at what is left and taking it.
        left = min(figures.available_nanos, self._cap_nanos) - self._spent.get(place.account_id, 0)
        fitting = decide(
            left, place.want_nanos, place.target_nanos, place.minimum_nanos, place.rule
        )
        if fitting is None or len(self._answers) >= HOLDS_LIMIT:
            BOUNDED_HOLDS.labels("refused").inc()
            return _answer("closed", 0, figures)
        self._remember(place.hold_id, place.account_id, fitting)
        try:
            await self._spool.append(_line(place, fitting))
        except OSError:
            self._remember(place.hold_id, place.account_id, -fitting)
            del self._answers[place.hold_id]
            raise
        BOUNDED_HOLDS.labels("granted").inc()
        self._show()
        return _answer("placed", fitting, figures)

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
                accounts.add(int(place["account_id"]))
            else:
                await self._set_aside(line, place, result)
        return accounts

    async def _set_aside(self, line: bytes, place: Mapping[str, Any] | None, result: str) -> None:
        await self._spool.reject(line)
        detail = {"hold": place["id"] if place else "", "result": result}
        log.warning("bounded_hold_not_placed", **detail)
        self._alarm("bounded_hold_not_placed", detail)

    def _remember(self, hold_id: str, account_id: int, granted: int) -> None:
        self._answers[hold_id] = account_id, granted
        self._spent[account_id] = self._spent.get(account_id, 0) + granted
        self._granted_nanos += granted

    def _show(self) -> None:
        BOUNDED_NANOS.set(self.granted_nanos)
        SPOOL_BYTES.set(self._spool.size_bytes)


def _answer(result: str, granted: int, figures: Figures) -> Placed:
    return Placed(
        result,
        None,
        granted,
        figures.shadow,
        figures.posted_nanos,
        figures.held_nanos,
        figures.overdraft_nanos,
        datetime.fromtimestamp(figures.status_s, UTC),
        figures.version,
    )


def _line(place: Place, granted: int) -> bytes:
    """What place_bounded.sql takes, as JSON."""
    return json.dumps(
        {
            "id": place.hold_id,
            "account_id": place.account_id,
            "client_id": place.client_id,
            "route": place.route,
            "model": place.model,
            "granted": granted,
            "want": place.want_nanos,
            "target": place.target_nanos,
            "minimum": place.minimum_nanos,
            "price_version": place.price_version,
            "markup_percent": place.markup_percent,
        }
    ).encode()


def _read(line: bytes) -> dict[str, Any] | None:
    """A line of the spool; None when it is damaged."""
    try:
        place = json.loads(line)
        return place if {"id", "account_id", "granted"} <= place.keys() else None
    except (ValueError, AttributeError):
        return None
