"""Whether Postgres is there, for this replica: who decides a hold now.

connected: the ledger decides, always. When it has not answered for AWAY_AFTER_S: bounded (this replica grants
within a cap) or closed (503 at once). When it answers again, what was granted is placed first, then the
ledger decides again. Everything in between is unknown, and unknown is a 503, never a guess.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from authz.bounded import BATCH_HOLDS, Bounded, PlaceBounded
from authz.knowledge import Knowledge
from authz.metrics import PLACE_UNKNOWN, show_state
from credit.away import is_away
from credit.ledger import Place, Placed
from credit.mirror import figures_in, payers_in

PULSE_EVERY_S: Final = 0.25
PULSE_WITHIN_S: Final = 0.75
# Silence for so long, in so many looks, is an absence: one slow answer, or a pause of ours, is none.
AWAY_AFTER_S: Final = 1.5
MISSES: Final = 3
# While the last grants of an outage are placed, nobody grants and nobody is refused: they wait.
TURN_WITHIN_S: Final = 1.0
ORPHANS_EVERY_S: Final = 10.0
TELL_WITHIN_S: Final = 5.0
RECALL_WITHIN_S: Final = 10.0
CHANGES_KEPT: Final = 1_000
# People in one question about who pays for them.
PAYERS_PAGE: Final = 500

log = structlog.get_logger()

Rows = Sequence[Mapping[str, Any]]


class StoreAwayError(ConnectionError):
    """Postgres is away, and nobody may decide in its place."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How the store is reached. Each raises what the driver raises.

    `place`: the batcher; `pulse`: asks for a sign of life; `place_bounded`: places what was granted;
    `list_figures`: named accounts as the ledger has them (rows with credit.mirror.FIELDS);
    `list_recently_bounded`: the same of those that any outage granted, as long as the mirror keeps them;
    `list_payers`: who may pay for named people (rows with id and what credit.mirror.payers_in takes);
    `tell`: writes (kind, subject, detail) as an audit line and an alarm.
    """

    place: Callable[[Place], Awaitable[Placed]]
    pulse: Callable[[], Awaitable[object]]
    place_bounded: PlaceBounded
    list_figures: Callable[[Sequence[int]], Awaitable[Rows]]
    list_recently_bounded: Callable[[], Awaitable[Rows]]
    list_payers: Callable[[Sequence[int]], Awaitable[Rows]]
    tell: Callable[[str, str, Mapping[str, Any]], Awaitable[None]]


class Store:
    """connected, bounded or closed; `run` watches it. For one event loop."""

    def __init__(
        self,
        ways: Ways,
        knowledge: Knowledge,
        *,
        name: str,
        bounded_for_s: float,
        clock: Callable[[], float] = time.monotonic,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """`name` of this replica, in the audit; `clock` measures, `now_s` dates. See `begin`."""
        self._ways = ways
        self._knowledge = knowledge
        self._name = name
        self._bounded_for_s = bounded_for_s
        self._clock = clock
        self._now_s = now_s
        self._bounded: Bounded | None = None
        self._may_grant = False
        self.state = "connected"
        self._left_at_s = 0.0  # clock at which the outage began
        self._left_on_s = 0  # its date
        self._first_miss_s: float | None = None
        self._misses = 0
        self._open = asyncio.Event()  # not set: the last grants are being placed
        self._open.set()
        self._untold: list[tuple[str, dict[str, Any]]] = []
        self._orphans_s = clock()
        show_state(self.state)

    def begin(self, bounded: Bounded | None, *, may_grant: bool) -> None:
        """Before serving. `bounded` None: there is no disk to grant from; `may_grant`: the setting.

        What an earlier process left ungiven to the ledger counts as an outage that still lasts.
        """
        self._bounded = bounded
        self._may_grant = may_grant and bounded is not None
        if bounded is not None and bounded.load():
            log.warning("bounded_holds_found", holds=bounded.holds)
            self._leave()

    def alarm(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Have a person told, as soon as the ledger can be written."""
        if len(self._untold) < CHANGES_KEPT:
            self._untold.append((kind, dict(detail)))

    @property
    def connected(self) -> bool:
        """Whether the ledger decides."""
        return self.state == "connected"

    async def place(self, place: Place) -> Placed:
        """Have one hold decided by whoever may decide now; raises where nobody may, or knows."""
        if not self._open.is_set():
            async with asyncio.timeout(TURN_WITHIN_S):
                await self._open.wait()
        if self.state == "connected":
            return await self._ask(place)
        self._watch_bound()
        if self.state != "bounded" or place.shadow or self._bounded is None:
            raise StoreAwayError  # in shadow it passes all the same, with nothing reserved
        return await self._bounded.place(place)

    async def _ask(self, place: Place) -> Placed:
        try:
            placed = await self._ways.place(place)
        except Exception:
            PLACE_UNKNOWN.inc()
            raise
        self._first_miss_s, self._misses = None, 0
        self._knowledge.see(place, placed)
        return placed

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(PULSE_EVERY_S)
            await self.beat()

    async def beat(self) -> None:
        """One look at Postgres, with what follows from it; never raises."""
        began_s = self._clock()
        try:
            async with asyncio.timeout(PULSE_WITHIN_S):
                await self._ways.pulse()
        except Exception:  # noqa: BLE001 (whatever it was: no sign of life)
            self._miss(began_s)
            return
        self._first_miss_s, self._misses = None, 0
        try:
            await self._recall()
            if self.state != "connected":
                await self._return()
            else:
                await self._tend()
        except Exception as error:  # noqa: BLE001 (away again, or something odd: tried again at the next beat)
            log.warning("store_not_settled", state=self.state, error=type(error).__name__)

    def _miss(self, began_s: float) -> None:
        self._misses += 1
        if self._first_miss_s is None:
            self._first_miss_s = began_s
        silent_s = self._clock() - self._first_miss_s
        if self.state == "connected" and self._misses >= MISSES and silent_s >= AWAY_AFTER_S:
            self._leave()
        self._watch_bound()

    def _leave(self) -> None:
        self._left_at_s, self._left_on_s = self._clock(), int(self._now_s())
        self._change("bounded" if self._may_grant else "closed")

    def _watch_bound(self) -> None:
        """The longest time for which a replica may grant on its own."""
        if self.state == "bounded" and self._clock() - self._left_at_s >= self._bounded_for_s:
            self._change("closed")

    def _change(self, state: str) -> None:
        self.state = state
        show_state(state)
        (log.info if state == "connected" else log.warning)("store_state", state=state)
        if state != "connected":
            self.alarm("store_away", {"state": state, "since_s": int(self._now_s())})

    async def _return(self) -> None:
        """Place what was granted; at the end nobody else grants meanwhile. Raises when it is away again."""
        holds = granted_nanos = 0
        if self._bounded is not None:
            # Grants go on while a long queue is placed, so that nobody waits for it.
            while await self._bounded.drain(self._ways.place_bounded, self._learn) >= BATCH_HOLDS:
                pass
            self._open.clear()
            try:
                await self._finish(self._bounded)
            finally:
                self._open.set()
            holds, granted_nanos = self._bounded.holds, self._bounded.granted_nanos
            self._bounded.forget()
        # Nothing is awaited between the last grant placed and this.
        self._change("connected")
        self.alarm(
            "store_back",
            {
                "since_s": self._left_on_s,
                "until_s": int(self._now_s()),
                "holds": holds,
                "granted_nanos": granted_nanos,
            },
        )

    async def _finish(self, bounded: Bounded) -> None:
        async with asyncio.timeout(TURN_WITHIN_S):
            while not bounded.at_rest:
                await bounded.wait_decided()
                await bounded.drain(self._ways.place_bounded, self._learn)

    async def _learn(self, account_ids: Collection[int]) -> None:
        """Know of these accounts what the ledger says, with what was just placed in it."""
        self._remember(await self._ways.list_figures(sorted(account_ids)))

    async def _recall(self) -> None:
        """Once: know what outages granted before this process began; only then is the mirror believed."""
        if not self._knowledge.believes_mirror:
            async with asyncio.timeout(RECALL_WITHIN_S):
                self._remember(await self._ways.list_recently_bounded())
            self._knowledge.believes_mirror = True

    async def _learn_payers(self) -> None:
        """Ask who pays for those who called lately, and what these accounts have."""
        people = self._knowledge.unsure(PAYERS_PAGE)
        if not people:
            return
        async with asyncio.timeout(RECALL_WITHIN_S):
            rows = await self._ways.list_payers(people)
            told = {row["id"]: payers_in(row) for row in rows}
            # Of the people themselves the answers to their calls say more.
            named = {one for payers in told.values() for one in payers.ids}
            await self._learn(named - set(people))
        self._knowledge.learn_payers(people, told)

    def _remember(self, rows: Rows) -> None:
        for row in rows:
            self._knowledge.learn(row["id"], figures_in(row))

    async def _tend(self) -> None:
        """In quiet times: what dead replicas left, what nobody was told yet, who pays for whom."""
        if self._bounded is not None and self._clock() - self._orphans_s >= ORPHANS_EVERY_S:
            self._orphans_s = self._clock()
            self._bounded.adopt_orphans()
            while await self._bounded.drain(self._ways.place_bounded, self._learn):
                pass
        while self._untold:
            kind, detail = self._untold[0]
            try:
                async with asyncio.timeout(TELL_WITHIN_S):
                    await self._ways.tell(kind, f"authz {self._name}", detail)
            except Exception as error:
                if is_away(error):
                    raise
                log.exception("alarm_not_raised", kind=kind)
            self._untold.pop(0)
        await self._learn_payers()
