"""Keeps on this disk what accounting is told while Postgres is away; replays it afterwards, in order.

A 2xx of ours means: it is on disk here (protocol.md 6). Every item that is replayed has a key of its own
in the ledger, so that replaying it twice changes nothing.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from typing import Any, Final

import structlog

from accounting.metrics import SPOOL_BYTES, SPOOLED, show_state
from credit.away import is_away, is_wrong
from credit.spool import Spool

DRAIN_EVERY_S: Final = 0.5
PROBE_WITHIN_S: Final = 2.0
REPLAY_WITHIN_S: Final = 30.0
ORPHANS_EVERY_S: Final = 10.0
# Few enough to get through between two outages: a batch that is cut off begins anew.
BATCH_ITEMS: Final = 100

Handler = Callable[[list[Any]], Awaitable[None]]
# (what happened, its subject, details): an audit line and an alarm in the ledger.
Tell = Callable[[str, str, dict[str, Any]], Awaitable[None]]

log = structlog.get_logger()


class Intake:
    """Knows whether Postgres is away, and keeps what comes meanwhile. `run` brings it to the ledger."""

    def __init__(
        self,
        spool: Spool | None,
        *,
        probe: Callable[[], Awaitable[object]],
        tell: Tell,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """`spool` None: nothing is kept. `probe` raises while Postgres is away; `tell` records a change."""
        self._spool = spool
        self._probe = probe
        self._tell = tell
        self._now_s = now_s
        self._handlers: dict[str, Handler] = {}
        self._away_since_s: float | None = None
        self._untold: list[tuple[str, dict[str, Any]]] = []
        show_state("connected")

    def on(self, kind: str, handler: Handler) -> None:
        """Items of this kind are replayed with `handler`: idempotent; raises what the ledger raises."""
        self._handlers[kind] = handler

    @property
    def away(self) -> bool:
        """Whether Postgres did not answer when it was last asked: do not wait for it."""
        return self._away_since_s is not None

    @property
    def settled(self) -> bool:
        """Whether everything we were told is in the ledger: absence of evidence means something then."""
        return not self.away and (self._spool is None or self._spool.empty)

    def lost(self, error: BaseException) -> None:
        """Postgres did not answer somebody: nobody asks again until `run` has seen it back."""
        if self._away_since_s is None:
            self._away_since_s = self._now_s()
            show_state("spooling")
            log.warning("ledger_away", error=type(error).__name__, spooling=self._spool is not None)

    async def keep(self, kind: str, items: Sequence[Any]) -> bool:
        """Put JSON items on the disk; False when they are not there (no spool, full disk)."""
        return await self.keep_mixed([(kind, item) for item in items])

    async def keep_mixed(self, items: Sequence[tuple[str, Any]]) -> bool:
        """The same for (kind, item) pairs: all of them, or none."""
        if self._spool is None:
            return False
        lines = [json.dumps({"kind": kind, "item": item}).encode() for kind, item in items]
        try:
            await self._spool.append(*lines)
        except OSError as error:
            log.warning("spool_refused", items=len(lines), error=str(error))
            return False
        for kind, _ in items:
            SPOOLED.labels(kind, "kept").inc()
        SPOOL_BYTES.set(self._spool.size_bytes)
        return True

    async def run(self) -> None:
        """For ever: see whether Postgres is back, replay what waits."""
        looked_s = 0.0
        while True:
            await asyncio.sleep(DRAIN_EVERY_S)
            try:
                if self._spool is not None and time.monotonic() - looked_s > ORPHANS_EVERY_S:
                    looked_s = time.monotonic()
                    self._spool.adopt_orphans()
                await self.round()
            except Exception as error:  # noqa: BLE001 (the loop must live: what waits is on disk, tried again)
                if not self.away:
                    log.warning("drain_failed", error=type(error).__name__)

    async def round(self) -> None:
        """One look, one replay of everything that waits; raises while Postgres is away."""
        if self.settled and not self._untold:
            return
        async with asyncio.timeout(PROBE_WITHIN_S):
            await self._probe()
        self._come_back()
        replayed = await self._drain()
        for kind, detail in self._untold:
            if kind == "store_back":
                detail.setdefault("replayed", replayed)
        await self._tell_all()

    async def _tell_all(self) -> None:
        """What the ledger cannot write would be wrong for ever: it is logged, the next one is told."""
        while self._untold:
            kind, detail = self._untold[0]
            try:
                await self._tell(kind, "accounting", detail)
            except Exception as error:
                if is_away(error):
                    raise
                log.warning("alarm_not_raised", kind=kind, error=type(error).__name__)
            self._untold.pop(0)

    def _come_back(self) -> None:
        if self._away_since_s is None:
            return
        since_s, until_s = int(self._away_since_s), int(self._now_s())
        gone: dict[str, Any] = {"state": "spooling", "since_s": since_s}
        self._untold.append(("store_away", gone))
        self._untold.append(("store_back", gone | {"until_s": until_s}))
        self._away_since_s = None
        show_state("connected")
        log.info("ledger_back", away_s=until_s - since_s)

    async def _drain(self) -> int:
        done = 0
        while self._spool is not None and (lines := self._spool.read()):
            for kind, group in groupby(lines, key=_kind):
                same = list(group)
                for first in range(0, len(same), BATCH_ITEMS):
                    batch = same[first : first + BATCH_ITEMS]
                    await self._replay(kind, batch)
                    self._spool.take(batch)
                    done += len(batch)
            SPOOL_BYTES.set(self._spool.size_bytes)
        return done

    async def _replay(self, kind: str, lines: list[bytes]) -> None:
        """One bad line must not take its neighbours with it: it is found by halving."""
        try:
            async with asyncio.timeout(REPLAY_WITHIN_S):
                await self._handlers[kind]([json.loads(line)["item"] for line in lines])
            SPOOLED.labels(kind, "replayed").inc(len(lines))
        except Exception as error:
            if not is_wrong(error):
                if is_away(error):
                    self.lost(error)
                raise
            if len(lines) > 1:
                middle = len(lines) // 2
                await self._replay(kind, lines[:middle])
                await self._replay(kind, lines[middle:])
                return
            log.warning("spool_line_rejected", kind=kind, error=type(error).__name__)
            await self._reject(kind, lines[0], error)

    async def _reject(self, kind: str, line: bytes, error: Exception) -> None:
        assert self._spool is not None
        await self._spool.reject(line)
        SPOOLED.labels(kind, "rejected").inc()
        detail = {"kind": kind, "error": type(error).__name__}
        self._untold.append(("spool_line_rejected", detail))


def _kind(line: bytes) -> str:
    """What a line says it is; a damaged line is of no kind, which no handler takes."""
    try:
        return str(json.loads(line)["kind"])
    except (ValueError, KeyError, TypeError):
        return ""
