"""The part of the AdminService that books Envoy's access log from its file."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import asyncpg

from accounting.access import log_file as access_file
from accounting.access.record import Row, row
from accounting.access.sink import RECORDED
from accounting.admin.errors import InvalidFieldError
from accounting.admin.messages import Context
from credit import ledger
from protos.pedagio.v1 import admin_pb2 as pb

LINES_LIMIT = 500


@dataclass(slots=True)
class Sorted:
    """Lines as they were read: rows to write, positions of what could not be read, how many do not count."""

    rows: list[Row] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)
    skipped: int = 0


class AccessLogService:
    """Safe to repeat: a line has the id that Envoy's stream gave its entry."""

    _pool: asyncpg.Pool

    async def ReplayAccessLog(
        self, request: pb.ReplayAccessLogRequest, _context: Context
    ) -> pb.ReplayAccessLogResponse:
        """Record what the stream did not bring; a bad line keeps no other line back."""
        if len(request.lines) > LINES_LIMIT:
            raise InvalidFieldError("lines", f"must be at most {LINES_LIMIT}")
        found = _sorted(request.lines)
        results = await ledger.access_batch(self._pool, found.rows) if found.rows else {}
        outcomes = list(results.values())
        recorded, unknown = outcomes.count(RECORDED), outcomes.count("unknown")
        return pb.ReplayAccessLogResponse(
            recorded=recorded,
            duplicates=len(found.rows) - recorded - unknown,
            skipped=found.skipped + unknown,
            unreadable=found.unreadable,
        )


def _sorted(lines: Iterable[str]) -> Sorted:
    found = Sorted()
    for position, line in enumerate(lines):
        try:
            entry = access_file.read(line)
        except access_file.UnreadableLineError:
            found.unreadable.append(position)
            continue
        kept = row(entry) if entry is not None else None
        if kept is None:
            found.skipped += 1
        else:
            found.rows.append(kept)
    return found
