"""Closing holds: reads evidence, asks the closing rules, applies the outcome."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import structlog

from accounting.ingest.record import Models
from accounting.metrics import SETTLEMENTS
from accounting.settling.estimate import ReasoningPace, estimate_nanos
from accounting.settling.evidence import START_WAIT_S, Evidence
from accounting.settling.hearing import Hearing
from accounting.settling.outcome import REASONS, Verdict, doubt, verdict
from credit import ledger
from credit.flat import FLAT_NAMES
from credit.models import ModelMap
from credit.prices import Price

SWEEP_EVERY_S = 1.0
RIPE_AFTER_S = 2.0
# Each round looks at so many open holds, in turn: its cost does not grow with their number.
PAGE_HOLDS = 1000
# An end that waits for its cost is found by its own time for so long; later, in turn.
LATELY_S = 20.0
FIRST = (datetime(1970, 1, 1, tzinfo=UTC), "00000000-0000-0000-0000-000000000000")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Known:
    """What estimates need beside the evidence: sizes of kept conversations, maps by their version."""

    remembered: Mapping[str, int]
    maps: Mapping[int, ModelMap | None]


class Settler:
    """Closes the holds whose evidence suffices. Safe to run twice: a hold closes once."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        models: Models,
        cost_wait_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`cost_wait_s`: how long a complete answer may wait for its cost event."""
        self._clock = clock
        self.hearing = Hearing(clock)
        self._pool = pool
        self._models = models
        self._cost_wait_s = cost_wait_s
        self._pace = ReasoningPace()
        self._after = FIRST
        self._oldest_s = 0.0
        self.oldest_unmatched_s = 0.0  # of the last whole turn: ended by one witness, still open

    async def warm(self) -> None:
        """Learn the pace of reasoning models from the calls on record."""
        for row in await ledger.query(self._pool, "read_reasoning_pace"):
            self._pace.learn(row["model"], row["reasoning_tokens"], row["silent_ms"])

    async def settle(self, hold_ids: Iterable[str], *, by_deadline: bool = True) -> None:
        """Close those of the holds that can be closed now.

        `by_deadline` False for what a report has just touched: after a long outage the rest of its
        call may be in the very next batch, so that its age proves nothing yet.
        """
        # Before the ledger is read: what is vouched for after it may be in the ledger by then only.
        vouched_at_s = self.hearing.vouched_at_s()
        rows = await ledger.query(self._pool, "read_evidence", hold_ids=sorted(hold_ids))
        closes: list[dict[str, Any]] = []
        notes: list[tuple[str, str]] = []
        known = Known(await self._remembered(rows), await self._maps(rows))
        lessons: dict[str, tuple[str, Evidence]] = {}
        for row in rows:
            evidence = self._evidence(row, vouched_at_s, by_deadline=by_deadline)
            decided = verdict(evidence, self._cost_wait_s)
            if decided is not None:
                closes.append(self._close(row, evidence, decided, known, notes))
                lessons[str(row["hold_id"])] = (row["model"], evidence)
        if not closes:
            return
        closed = await self._close_all(closes)
        for close in closes:
            if close["hold_id"] in closed:
                SETTLEMENTS.labels(close["outcome"], _known(close["reason"])).inc()
                self._learn(*lessons[close["hold_id"]])
        for kind, hold_id in notes:
            if hold_id in closed:
                await ledger.write(
                    self._pool, "note_exception", kind=kind, subject=hold_id, detail={}
                )

    async def _close_all(self, closes: Sequence[dict[str, Any]]) -> Mapping[str, int]:
        """One statement for all; a hold that the ledger cannot close is found by halving, and keeps no other open."""
        try:
            return await ledger.close_batch(self._pool, closes)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            if len(closes) <= 1:
                log.error("hold_not_closed", hold=closes[0]["hold_id"], state=error.sqlstate)  # noqa: TRY400 (its trace says no more)
                return {}
            middle = len(closes) // 2
            first = await self._close_all(closes[:middle])
            return {**first, **await self._close_all(closes[middle:])}

    async def sweep(self, told: Callable[[], bool]) -> None:
        """For ever: close what time alone makes ripe. Errors are logged; the next round tries again.

        `told`: whether everything reported is in the ledger; what waits on disk is not missing evidence.
        """
        async with asyncio.TaskGroup() as group:
            # Beside the rounds: a round that waits for Postgres is no stall of this process.
            group.create_task(self._pulse())
            await self._sweep(told)

    async def _pulse(self) -> None:
        while True:
            self.hearing.tick()
            await asyncio.sleep(SWEEP_EVERY_S)

    async def _sweep(self, told: Callable[[], bool]) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            try:
                if told():
                    await self.sweep_once()
            except Exception as error:  # noqa: BLE001 (the loop must live; the rows stay and are seen again)
                log.warning("sweep_failed", error=type(error).__name__)

    async def sweep_once(self) -> None:
        """One round: what is past its time, then the next page of the open holds."""
        lately_s = self._cost_wait_s + LATELY_S
        found = await ledger.query(
            self._pool, "list_ripe", wait_s=RIPE_AFTER_S, lately_s=lately_s, page=PAGE_HOLDS
        )
        ripe = {str(row["hold_id"]) for row in found} | await self._turn_page()
        if ripe:
            await self.settle(ripe)

    async def _turn_page(self) -> set[str]:
        """The holds of the next page that have ended by some witness, or of which nothing is heard."""
        after_at, after_id = self._after
        page = await ledger.query(
            self._pool,
            "turn_page",
            after_at=after_at,
            after_id=after_id,
            page=PAGE_HOLDS,
            start_wait_s=START_WAIT_S,
        )
        self._oldest_s = max([self._oldest_s, *(row["ended_s"] or 0.0 for row in page)])
        if len(page) < PAGE_HOLDS:
            self._after, self.oldest_unmatched_s, self._oldest_s = FIRST, self._oldest_s, 0.0
        else:
            self._after = (page[-1]["deadline_at"], str(page[-1]["hold_id"]))
        return {str(row["hold_id"]) for row in page if row["ripe"]}

    def _evidence(
        self, row: asyncpg.Record, vouched_at_s: float | None, *, by_deadline: bool
    ) -> Evidence:
        return Evidence(
            row["expired"] and by_deadline,
            row["records"],
            open_s=row["open_s"],
            callback_heard_s=None if vouched_at_s is None else self._clock() - vouched_at_s,
            watched_s=self.hearing.watched_s(),
            quarantined=row["quarantined"],
            flat=row["route"] in FLAT_NAMES,
        )

    def _close(
        self,
        row: asyncpg.Record,
        evidence: Evidence,
        decided: Verdict,
        known: Known,
        notes: list[tuple[str, str]],
    ) -> dict[str, Any]:
        hold_id = str(row["hold_id"])
        estimate = 0
        if decided.estimated:
            estimate = self._estimate(row, evidence, known, notes)
        kind = doubt(evidence, decided)
        if kind is not None:
            notes.append((kind, hold_id))
        return {
            "hold_id": hold_id,
            "outcome": decided.outcome,
            "reason": decided.reason,
            "estimate": estimate,
            "records_seen": len(row["records"]),
        }

    def _estimate(
        self,
        row: asyncpg.Record,
        evidence: Evidence,
        known: Known,
        notes: list[tuple[str, str]],
    ) -> int:
        if evidence.flat:
            return self._flat(row, evidence, notes)
        price = _price(known.maps[row["price_version"]], row["model"], evidence)
        if price is None:
            notes.append(("estimate_unpriced", str(row["hold_id"])))
            return 0
        held = row["amount"] if row["placed_by"] != "report" and row["granted"] > 0 else None
        continues = str((evidence.start or {}).get("continues"))
        return estimate_nanos(
            evidence,
            row["model"],
            price,
            self._pace,
            hold_nanos=held,
            remembered_tokens=known.remembered.get(continues),
            markup_percent=row["markup_percent"],
        )

    async def _maps(self, rows: Sequence[asyncpg.Record]) -> Mapping[int, ModelMap | None]:
        """The maps that these holds were bounded by, by version."""
        return {v: await self._models.at(v) for v in {row["price_version"] for row in rows}}

    def _flat(self, row: asyncpg.Record, evidence: Evidence, notes: list[tuple[str, str]]) -> int:
        """The amount that was held, as extended; of a call that nobody held for, what the callback would have."""
        if row["placed_by"] != "report":
            return int(row["granted"])
        bound = (evidence.start or {}).get("bound_nanos")
        if bound is None:
            notes.append(("estimate_unpriced", str(row["hold_id"])))
        return int(bound or 0)

    async def _remembered(self, rows: Sequence[asyncpg.Record]) -> Mapping[str, int]:
        """Sizes in tokens of the conversations that these calls continue, by the answer's id."""
        records = [record for row in rows for record in row["records"] if record["kind"] == "start"]
        ids = {record["body"].get("continues") for record in records} - {None}
        if not ids:
            return {}
        found = await ledger.query(self._pool, "read_remembered", provider_ids=sorted(ids))
        return {row["provider_id"]: row["tokens"] for row in found}

    def _learn(self, model: str, evidence: Evidence) -> None:
        end = evidence.end
        if end is None or end["outcome"] != "ok" or not evidence.answered:
            return
        tokens: Sequence[int] = [
            c["usage"]["reasoning_tokens"] for c in evidence.bodies("cost") if c["exact"]
        ]
        self._pace.learn(model, max(tokens, default=0), end["first_visible_ms"] or 0)


def _price(models: ModelMap | None, model: str, evidence: Evidence) -> Price | None:
    """That of the deployment which answered, when a record says which; else the name's own."""
    if models is None:
        return None
    named = [(cost["model_group"], cost["model_id"]) for cost in evidence.bodies("cost")]
    named += [(model, end.get("model_id")) for end in evidence.bodies("end")]
    for name, model_id in named:
        found = models.find_price(name or "", model_id or "")
        if found is not None:
            return found
    return models.find_dearest(model)


def _known(reason: str) -> str:
    """A label must not grow without bound: a refusal's reason is one of few, but comes from outside."""
    return reason if reason in REASONS else "other"
