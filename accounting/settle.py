"""Closing holds: reads evidence, asks the closing rules, applies the outcome."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import asyncpg
import structlog

from accounting.estimate import ReasoningPace, estimate_nanos
from accounting.outcome import START_WAIT_S, Evidence, Verdict, verdict
from accounting.record import Models
from credit import ledger
from credit.prices import Price

SWEEP_EVERY_S = 1.0
RIPE_AFTER_S = 2.0
NOT_YET_S = 10.0**9

log = structlog.get_logger()


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
        self._began_s = clock()
        self._pool = pool
        self._models = models
        self._cost_wait_s = cost_wait_s
        self._pace = ReasoningPace()

    def _here_s(self) -> float:
        """How long this process has been there to hear of a start."""
        return self._clock() - self._began_s

    def _start_wait_s(self) -> float:
        """While this process is younger than the wait, the starts of older holds may be on their way."""
        return START_WAIT_S if self._here_s() >= START_WAIT_S else NOT_YET_S

    async def warm(self) -> None:
        """Learn the pace of reasoning models from the calls on record."""
        for row in await ledger.query(self._pool, "read_reasoning_pace"):
            self._pace.learn(row["model"], row["reasoning_tokens"], row["silent_ms"])

    async def settle(self, hold_ids: Iterable[str]) -> None:
        """Close those of the holds that can be closed now."""
        rows = await ledger.query(self._pool, "read_evidence", hold_ids=sorted(hold_ids))
        closes: list[dict[str, Any]] = []
        notes: list[tuple[str, str]] = []
        remembered = await self._remembered(rows)
        lessons: dict[str, tuple[str, Evidence]] = {}
        for row in rows:
            evidence = Evidence(row["expired"], row["records"], min(row["open_s"], self._here_s()))
            decided = verdict(evidence, self._cost_wait_s)
            if decided is not None:
                closes.append(self._close(row, evidence, decided, remembered, notes))
                lessons[str(row["hold_id"])] = (row["model"], evidence)
        if not closes:
            return
        closed = await ledger.close_batch(self._pool, closes)
        for hold_id in closed:
            self._learn(*lessons[hold_id])
        for kind, hold_id in notes:
            if hold_id in closed:
                await ledger.write(
                    self._pool, "note_exception", kind=kind, subject=hold_id, detail={}
                )

    async def sweep(self) -> None:
        """For ever: close what time alone makes ripe. Errors are logged; the next round tries again."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            try:
                ripe = await ledger.query(
                    self._pool, "list_ripe", wait_s=RIPE_AFTER_S, start_wait_s=self._start_wait_s()
                )
                if ripe:
                    await self.settle(str(row["hold_id"]) for row in ripe)
            except Exception as error:  # noqa: BLE001 (the loop must live; the rows stay and are seen again)
                log.warning("sweep_failed", error=type(error).__name__)

    def _close(
        self,
        row: asyncpg.Record,
        evidence: Evidence,
        decided: Verdict,
        remembered: Mapping[str, int],
        notes: list[tuple[str, str]],
    ) -> dict[str, Any]:
        hold_id = str(row["hold_id"])
        estimate = 0
        if decided.estimated:
            estimate = self._estimate(row, evidence, remembered, notes)
        if decided.reason in {"no_evidence", "end_missing", "cost_missing", "usage_missing"}:
            notes.append((decided.reason, hold_id))
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
        remembered: Mapping[str, int],
        notes: list[tuple[str, str]],
    ) -> int:
        price = self._price(row["model"], evidence)
        if price is None:
            notes.append(("estimate_unpriced", str(row["hold_id"])))
            return 0
        held = row["amount"] if row["placed_by"] == "authz" and row["granted"] > 0 else None
        continues = str((evidence.start or {}).get("continues"))
        return estimate_nanos(
            evidence,
            row["model"],
            price,
            self._pace,
            hold_nanos=held,
            remembered_tokens=remembered.get(continues),
        )

    async def _remembered(self, rows: Sequence[asyncpg.Record]) -> Mapping[str, int]:
        """Sizes in tokens of the conversations that these calls continue, by the answer's id."""
        records = [record for row in rows for record in row["records"] if record["kind"] == "start"]
        ids = {record["body"].get("continues") for record in records} - {None}
        if not ids:
            return {}
        found = await ledger.query(self._pool, "read_remembered", provider_ids=sorted(ids))
        return {row["provider_id"]: row["tokens"] for row in found}

    def _price(self, model: str, evidence: Evidence) -> Price | None:
        """That of the deployment which answered, when a record says which; else the name's own."""
        models = self._models.models
        if models is None:
            return None
        named = [(cost["model_group"], cost["model_id"]) for cost in evidence.bodies("cost")]
        named += [(model, end.get("model_id")) for end in evidence.bodies("end")]
        for name, model_id in named:
            found = models.find_price(name or "", model_id or "")
            if found is not None:
                return found
        return models.find_dearest(model)

    def _learn(self, model: str, evidence: Evidence) -> None:
        end = evidence.end
        if end is None or end["outcome"] != "ok" or not evidence.answered:
            return
        tokens: Sequence[int] = [
            c["usage"]["reasoning_tokens"] for c in evidence.bodies("cost") if c["exact"]
        ]
        self._pace.learn(model, max(tokens, default=0), end["first_visible_ms"] or 0)
