"""The use case of ingest: make a batch of reports durable, debit it, close what it ends."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import asyncpg
import structlog
from pydantic import ValidationError

from accounting.charge import charge, is_exact
from accounting.reports import RECORD, AnyRecord, Cost
from credit import ledger
from credit.models import ModelMap
from credit.token import Claims, TokenError, verify

UNATTRIBUTED = "0"  # authz could not say who (mode off or shadow): the client's own account

log = structlog.get_logger()


class Models(Protocol):
    """The model map in force."""

    models: ModelMap | None
    version: int | None


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of a batch, in records."""

    recorded: int
    duplicates: int
    quarantined: int


@dataclass(slots=True)
class Batch:
    """A batch being sorted: rows for call_record, events to debit, what cannot be accepted."""

    records: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    bad: list[tuple[Any, str]] = field(default_factory=list)
    oddities: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)


class Recorder:
    """Records batches. A record that cannot be accepted is quarantined; it never blocks the others."""

    def __init__(
        self, pool: asyncpg.Pool, models: Models, token_keys: Sequence[bytes], deadline_s: int
    ) -> None:
        """`deadline_s`: life of a hold that a report brings along (mode off or shadow)."""
        self._pool = pool
        self._models = models
        self._token_keys = token_keys
        self._deadline_s = deadline_s

    async def record(self, raw: Sequence[Any]) -> tuple[Tally, set[str]]:
        """Return the tally, and the holds that the batch touched. When it returns, all is on disk."""
        batch = Batch()
        for item in raw:
            await self._sort(item, batch)
        results = await ledger.capture_batch(
            self._pool, batch.records, batch.events, self._deadline_s
        )
        for item, reason in batch.bad:
            digest = hashlib.sha256(json.dumps(item, sort_keys=True).encode()).hexdigest()
            await ledger.write(
                self._pool, "quarantine", digest=digest, reason=reason, body=_safe(item)
            )
        conflicts = [
            name
            for (kind, name), result in results.items()
            if kind == "event" and result == "conflict"
        ]
        batch.oddities += [("usage_conflict", name, {}) for name in conflicts]
        for kind, subject, detail in batch.oddities:
            log.warning("exception", kind=kind, subject=subject)
            await ledger.write(
                self._pool, "note_exception", kind=kind, subject=subject, detail=detail
            )
        known = [result for (kind, _), result in results.items() if kind == "record"]
        tally = Tally(known.count("recorded"), known.count("duplicate"), len(batch.bad))
        return tally, {row["hold_id"] for row in batch.records}

    async def _sort(self, item: Any, batch: Batch) -> None:
        try:
            record = RECORD.validate_python(item)
        except ValidationError as error:
            fields = ", ".join(".".join(map(str, e["loc"])) or "record" for e in error.errors()[:5])
            batch.bad.append((item, f"not accepted: {fields}"[:500]))
            return
        claims = self._claims(record)
        hold_id = claims.hold if claims else str(record.hold) if record.hold else None
        if hold_id is None:
            batch.bad.append((item, "neither a genuine token nor a hold id"))
            return
        body = record.model_dump(mode="json", exclude={"token", "id", "hold", "record", "at_ms"})
        if isinstance(record, Cost):
            body["exact"] = is_exact(record)
            if body["exact"]:
                self._charge(record, hold_id, batch)
        account_id = await self._account(claims)
        batch.records.append(
            {
                "id": record.id,
                "hold_id": hold_id,
                "kind": record.record,
                "body": body,
                "at_ms": record.at_ms,
                "account_id": account_id,
                "client_id": claims.client if claims else "unknown",
                "route": claims.route if claims else "unknown",
                "model": claims.model if claims else "unknown",
            }
        )

    def _claims(self, record: AnyRecord) -> Claims | None:
        try:
            return verify(record.token, self._token_keys) if record.token else None
        except TokenError:
            return None

    def _charge(self, record: Cost, hold_id: str, batch: Batch) -> None:
        models = self._models.models
        price = (
            models.find_price(record.model_group or "", record.model_id or "") if models else None
        )
        charged = charge(record, hold_id, price, self._models.version)
        batch.events.append(charged.event)
        detail = {
            "model": record.model,
            "litellm_nanos": charged.event["litellm_cost"],
            "book_nanos": charged.event["book_cost"],
        }
        batch.oddities += [(oddity, charged.event["id"], detail) for oddity in charged.oddities]

    async def _account(self, claims: Claims | None) -> int:
        """Whose account a hold gets that only reports know of; without a token: suspense, and a person looks."""
        if claims is None:
            rows = await ledger.query(self._pool, "find_suspense")
            return int(rows[0]["id"])
        if claims.account != UNATTRIBUTED:
            return int(claims.account)
        found = await ledger.find_client_account(self._pool, claims.client, "unattributed")
        if found is None:
            raise LookupError(f"client {claims.client} has no unattributed account")
        return found


def _safe(item: Any) -> Mapping[str, Any]:
    """What is kept of a record that was not accepted: its shape, never its contents (they may be a prompt)."""
    if not isinstance(item, dict):
        return {"type": type(item).__name__}
    shown = {"record", "id", "hold", "at_ms", "status", "cost_usd"}
    return {
        str(k)[:64]: str(v)[:64] if k in shown else type(v).__name__
        for k, v in list(item.items())[:64]
    }
