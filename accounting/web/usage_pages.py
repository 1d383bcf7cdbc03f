"""What was used, by time, person, team, client or model; the same for a spreadsheet."""

from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import Response

from accounting.web.entry import Entry, Signed, asked
from accounting.web.export import csv_file
from accounting.web.session import Session
from protos.pedagio.v1 import usage_pb2 as pb
from protos.pedagio.v1.usage_pb2_grpc import UsageServiceStub

SHOWN: Final = 100
EXPORTED: Final = 500
DAY_MS: Final = 86_400_000
USUAL_DAYS: Final = 30
BY: Final = ("day", "person", "team", "model", "client", "month", "hour")
FILTERS: Final = ("by", "since", "until", "person", "team", "model")
COLUMNS: Final = (
    "key", "calls", "prompt_tokens", "completion_tokens", "cost_nanos", "estimated_nanos",
)  # fmt: skip

router = APIRouter()


@router.get("/usage")
async def usage(session: Signed) -> Response:
    """A table of what was debited."""
    entry, message = _asked(session, SHOWN)
    found = pb.QueryUsageResponse()
    if await entry.send(
        session, UsageServiceStub, "QueryUsage", message, to="until", **{"from": "since"}
    ):
        found = entry.answer
    query = urlencode({name: value for name, value in entry.values.items() if value})
    return session.page(
        "admin/usage.html", entry.status, entry=entry, found=found, by=message.by, query=query,
        kinds=BY, more=len(found.rows) > SHOWN, rows=found.rows[:SHOWN],
        most=max((each.cost_nanos for each in found.rows), default=0),
    )  # fmt: skip


@router.get("/usage.csv")
async def export(session: Signed) -> Response:
    """The same rows, with their total, for a spreadsheet."""
    _, message = _asked(session, EXPORTED)
    found = await session.ask(UsageServiceStub, "QueryUsage", message)
    rows = [_cells(each, each.key) for each in found.rows]
    return csv_file("usage", (message.by, *COLUMNS[1:]), [*rows, _cells(found.total, "total")])


def _cells(row: pb.UsageRow, key: str) -> list[str | int]:
    return [key, *(getattr(row, name) for name in COLUMNS[1:])]


def _asked(session: Session, size: int) -> tuple[Entry, pb.QueryUsageRequest]:
    entry = Entry({name: asked(session.request, name) for name in FILTERS})
    zone = session.web.look.zone
    if not entry.values["since"]:
        first = datetime.now(ZoneInfo(zone)) - timedelta(days=USUAL_DAYS - 1)
        entry.values["since"] = f"{first:%Y-%m-%d}"
    by = entry.values["by"] if entry.values["by"] in BY else BY[0]
    entry.values["by"] = by
    until_ms = entry.day("until", zone)
    return entry, pb.QueryUsageRequest(
        by=by, from_ms=entry.day("since", zone), to_ms=until_ms + DAY_MS if until_ms else 0,
        time_zone=zone, person=entry.values["person"], team=entry.values["team"],
        model=entry.values["model"], page_size=size,
    )  # fmt: skip
