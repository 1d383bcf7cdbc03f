"""The UsageService: what was debited, by time, person, team, client or model."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import available_timezones

import asyncpg
import grpc

from accounting.admin import fields, holder, statements, trial
from accounting.admin.errors import InvalidFieldError, NotFoundError
from accounting.admin.messages import Context
from protos.pedagio.v1 import usage_pb2 as pb
from protos.pedagio.v1 import usage_pb2_grpc

KEYS: Final = ("hour", "day", "month", "person", "team", "client", "model")
ZONE: Final = "America/Sao_Paulo"
LONGEST: Final = timedelta(days=400)
LATEST_MS: Final = 253_402_300_799_000
TEXT_LIMIT: Final = 256


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with every field checked."""

    by: str
    from_at: datetime
    to_at: datetime
    zone: str
    persons: Sequence[int] | None
    team: int | None
    model: str
    page_size: int


class UsageServicer(usage_pb2_grpc.UsageServiceServicer):
    """Translates in, asks the statement, translates out."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """`pool`: the ledger's."""
        self._pool = pool

    async def QueryUsage(
        self, request: pb.QueryUsageRequest, _context: Context
    ) -> pb.QueryUsageResponse:
        """The rows of one page, and the total of all."""
        asked = await self._read(request)
        rows = await statements.rows(
            self._pool,
            "query_usage",
            by=asked.by,
            from_at=asked.from_at,
            to_at=asked.to_at,
            zone=asked.zone,
            persons=asked.persons,
            team=asked.team,
            model=asked.model,
            page_size=asked.page_size + 1,
        )
        total, *found = [_row(row) for row in rows]
        return pb.QueryUsageResponse(rows=found, total=total)

    async def _read(self, request: pb.QueryUsageRequest) -> Asked:
        by = fields.choice("by", request.by, KEYS)
        zone = request.time_zone or ZONE
        if zone not in available_timezones():
            raise InvalidFieldError("time_zone", f"is unknown: {zone[:40]!r}")
        from_at = _moment("from_ms", request.from_ms)
        to_at = _moment("to_ms", request.to_ms) if request.to_ms else datetime.now(UTC)
        if from_at >= to_at:
            raise InvalidFieldError("to_ms", "must be after from_ms")
        if to_at - from_at > LONGEST:
            raise InvalidFieldError("from_ms", f"must be within {LONGEST.days} days before to_ms")
        return Asked(
            by,
            from_at,
            to_at,
            zone,
            await self._persons(request.person),
            await holder.find_pool(self._pool, request.team) if request.team else None,
            fields.optional_text("model", request.model, TEXT_LIMIT) or "",
            fields.page_size("page_size", request.page_size),
        )

    async def _persons(self, word: str) -> list[int] | None:
        person = fields.optional_text("person", word, TEXT_LIMIT)
        if person is None:
            return None
        rows = await statements.rows(self._pool, "find_spenders", person=person)
        if not rows:
            raise NotFoundError(f"nobody is known as {person}")
        return [row["id"] for row in rows]


def add_usage_service(server: grpc.aio.Server, pool: asyncpg.Pool) -> None:
    """Serve it on a server that was made with `admin_interceptors(tokens)`."""
    usage_pb2_grpc.add_UsageServiceServicer_to_server(UsageServicer(trial.over(pool)), server)


def _moment(field: str, at_ms: int) -> datetime:
    if not 0 < at_ms <= LATEST_MS:
        raise InvalidFieldError(field, "must be milliseconds since 1970")
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def _row(row: Any) -> pb.UsageRow:
    return pb.UsageRow(
        key=row["name"] or row["key"] or "",
        account_id=row["account_id"] or 0,
        calls=row["calls"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        cost_nanos=row["cost"],
        estimated_nanos=row["estimated"],
    )
