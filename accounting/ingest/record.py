"""The use case of ingest: make a batch of reports durable, debit it, close what it ends."""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import asyncpg
import structlog
from pydantic import ValidationError

from accounting.ingest.charge import charge, charge_flat, is_exact, is_flat
from accounting.ingest.reports import RECORD, AnyRecord, Cost, storable
from accounting.ingest.suspect import suspect
from credit import ledger
from credit.models import ModelMap
from credit.policy import MARKUP_LIMIT_PERCENT
from credit.token import Claims, TokenError, verify

UNATTRIBUTED = "0"  # authz could not say who (mode off or shadow): the client's own account
ACCOUNT = re.compile(r"[0-9]{1,18}")
# Ten thousand dollars: 128 longest answers of o1-pro, the dearest of all, cost 7,710.
COST_LIMIT_NANOS = 10**13
VERSION_LIMIT = 2**63 - 1
METERED_ROUTES = frozenset({"chat", "responses", "embeddings"})

log = structlog.get_logger()


class Models(Protocol):
    """The model map in force, and earlier ones."""

    models: ModelMap | None
    version: int | None

    async def at(self, version: int) -> ModelMap | None:
        """The map that a hold was bounded by."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of a batch, in records."""

    recorded: int
    duplicates: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class Item:
    """One accepted record: its row for call_record, the event to debit, what is odd about it."""

    raw: Any
    row: dict[str, Any]
    event: dict[str, Any] | None
    oddities: Sequence[tuple[str, str, dict[str, Any]]]


@dataclass(slots=True)
class Batch:
    """A batch being sorted; `bad` holds what cannot be accepted, with the reason."""

    items: list[Item] = field(default_factory=list)
    bad: list[tuple[Any, str]] = field(default_factory=list)
    results: dict[tuple[str, str], str] = field(default_factory=dict)


class Unacceptable(ValueError):  # noqa: N818 (a sentence about a record, not about us)
    """Why one record goes to quarantine."""


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
        # client id ('' for suspense) -> account; ids never change
        self._stand_ins: dict[str, int] = {}

    async def record(self, raw: Sequence[Any]) -> tuple[Tally, set[str]]:
        """Return the tally, and the holds that the batch touched. When it returns, all is on disk."""
        batch = Batch()
        for one in raw:
            try:
                batch.items.append(await self._read(one))
            except Unacceptable as error:
                batch.bad.append((one, str(error)))
        await self._capture(batch.items, batch)
        await self.quarantine([suspect(one, reason) for one, reason in batch.bad])
        await self._note(batch)
        known = [result for (kind, _), result in batch.results.items() if kind == "record"]
        tally = Tally(known.count("recorded"), known.count("duplicate"), len(batch.bad))
        return tally, {item.row["hold_id"] for item in batch.items}

    async def quarantine(self, suspects: Sequence[Mapping[str, Any]]) -> None:
        """Keep what could not be accepted (digest, reason, shape), for a person to look at."""
        for one in suspects:
            await ledger.write(self._pool, "quarantine", **one)

    async def _capture(self, items: Sequence[Item], batch: Batch) -> None:
        """One statement for all; what the ledger cannot hold is found by halving, and quarantined alone.

        Without this one odd record would be sent again for ever, and everything behind it would wait.
        """
        rows, events = [i.row for i in items], [i.event for i in items if i.event]
        try:
            done = await ledger.capture_batch(self._pool, rows, events, self._deadline_s)
            batch.results.update(done)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            if len(items) <= 1:
                batch.bad += [(i.raw, f"refused by the ledger: {error.sqlstate}") for i in items]
                return
            middle = len(items) // 2
            await self._capture(items[:middle], batch)
            await self._capture(items[middle:], batch)

    async def _note(self, batch: Batch) -> None:
        odd = [oddity for item in batch.items for oddity in item.oddities]
        odd += [
            ("usage_conflict", name, {})
            for (kind, name), result in batch.results.items()
            if (kind, result) == ("event", "conflict")
        ]
        odd += await self._late_debits(batch)
        odd += await self._late_starts(batch)
        for kind, subject, detail in odd:
            log.warning("exception", kind=kind, subject=subject)
            await ledger.write(
                self._pool, "note_exception", kind=kind, subject=subject, detail=detail
            )

    async def _late_debits(self, batch: Batch) -> list[tuple[str, str, dict[str, Any]]]:
        """Debits under holds that were released; asked again of a report that comes again."""
        hold_ids = sorted({item.row["hold_id"] for item in batch.items if item.event})
        if not hold_ids:
            return []
        rows = await ledger.query(self._pool, "find_late_debits", hold_ids=hold_ids)
        return [
            ("late_debit", str(row["hold_id"]), {key: row[key] for key in ("reason", "late_nanos")})
            for row in rows
        ]

    async def _late_starts(self, batch: Batch) -> list[tuple[str, str, dict[str, Any]]]:
        """Starts under holds that were released because nothing seemed to have begun; asked again likewise."""
        hold_ids = {item.row["hold_id"] for item in batch.items if item.row["kind"] == "start"}
        if not hold_ids:
            return []
        rows = await ledger.query(self._pool, "find_late_starts", hold_ids=sorted(hold_ids))
        return [("late_start", str(row["hold_id"]), {"reason": row["reason"]}) for row in rows]

    async def _read(self, raw: Any) -> Item:
        record = _validated(raw)
        claims = self._claims(record)
        hold_id = _hold_id(record, claims)
        account_id = await self._account(claims)
        body = record.model_dump(mode="json", exclude={"token", "id", "hold", "record", "at_ms"})
        event, oddities = None, _doubts(record, claims, hold_id)
        if isinstance(record, Cost):
            body["exact"] = is_exact(record, flat=is_flat(claims))
            if body["exact"]:
                event, odd = await self._charge(record, hold_id, claims)
                oddities += odd
        row = {
            "id": record.id,
            "hold_id": hold_id,
            "kind": record.record,
            "body": body,
            "at_ms": record.at_ms,
            "account_id": account_id,
            "client_id": claims.client if claims else "unknown",
            "route": claims.route if claims else "unknown",
            "model": storable(claims.model) if claims else "unknown",
            "markup_percent": claims.markup if claims else 0,
        }
        return Item(raw, row, event, oddities)

    def _claims(self, record: AnyRecord) -> Claims | None:
        try:
            claims = verify(record.token, self._token_keys) if record.token else None
        except TokenError:
            return None
        return claims if claims is not None and _is_plausible(claims) else None

    async def _charge(
        self, record: Cost, hold_id: str, claims: Claims | None
    ) -> tuple[dict[str, Any], list[tuple[str, str, dict[str, Any]]]]:
        # By the prices that the hold was bounded by: what changed since is for the calls after.
        models = await self._models.at(claims.prices if claims else 0)
        price = None
        if models is not None:
            # LiteLLM names an alias' call by what stands behind it, which may have another price.
            asked = claims.model if claims and claims.route in METERED_ROUTES else None
            asked = asked if asked in models.entries else None
            price = models.find_price(asked or record.model_group or "", record.model_id or "")
        charged = charge(record, hold_id, price, models.version if models else None)
        if claims is not None and is_flat(claims):
            charged = charge_flat(record, hold_id, free=claims.fee == 0)
        event = charged.event
        if max(event["cost"], event["litellm_cost"], event["book_cost"] or 0) > COST_LIMIT_NANOS:
            raise Unacceptable("absurd amount")
        detail = {
            "model": record.model,
            "litellm_nanos": event["litellm_cost"],
            "book_nanos": event["book_cost"],
        }
        return event, [(oddity, event["id"], detail) for oddity in charged.oddities]

    async def _account(self, claims: Claims | None) -> int:
        """Whose account a hold gets that only reports know of; without a token: suspense, and a person looks."""
        if claims is not None and claims.account != UNATTRIBUTED:
            return int(claims.account)
        client_id = claims.client if claims else ""
        if client_id not in self._stand_ins:
            self._stand_ins[client_id] = await self._stand_in(client_id)
        return self._stand_ins[client_id]

    async def _stand_in(self, client_id: str) -> int:
        found = None
        if client_id:
            found = await ledger.find_client_account(self._pool, client_id, "unattributed")
        if found is None:
            rows = await ledger.query(self._pool, "find_suspense")
            found = int(rows[0]["id"])
        return found


def reduce(raw: Any) -> tuple[str, dict[str, Any]]:
    """What the spool may keep of one record: its allow-listed fields, or what was wrong with it."""
    try:
        return "report", _validated(raw).model_dump(mode="json", exclude_unset=True)
    except Unacceptable as error:
        return "quarantine", suspect(raw, str(error))


def _validated(raw: Any) -> AnyRecord:
    try:
        return RECORD.validate_python(raw)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, e["loc"])) or "record" for e in error.errors()[:5])
        raise Unacceptable(storable(f"not accepted: {fields}"[:500])) from None


def _hold_id(record: AnyRecord, claims: Claims | None) -> str:
    """The token's hold, else the one the record names; canonical UUID text."""
    try:
        return str(uuid.UUID(claims.hold)) if claims else str(uuid.UUID(str(record.hold)))
    except ValueError:
        raise Unacceptable("neither a genuine token nor a hold id") from None


def _is_plausible(claims: Claims) -> bool:
    """Whether the ledger can hold what the token says; signed by us does not mean storable."""
    texts = (claims.client, claims.route)
    sound = 0 <= claims.markup <= MARKUP_LIMIT_PERCENT and 0 <= claims.prices <= VERSION_LIMIT
    return (
        sound
        and ACCOUNT.fullmatch(claims.account) is not None
        and all(t == storable(t) for t in texts)
    )


def _doubts(
    record: AnyRecord, claims: Claims | None, hold_id: str
) -> list[tuple[str, str, dict[str, Any]]]:
    """What a person should look at although the callback's signature is good."""
    if claims is None:
        return [("unproven", hold_id, {})]
    if record.hold is not None and str(record.hold) != hold_id:
        return [("hold_mismatch", hold_id, {"named": str(record.hold)})]
    return []
