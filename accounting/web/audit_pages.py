"""The audit log: who did what, when, why."""

from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter
from fastapi.responses import Response

from accounting.web.entry import Entry, Signed, asked
from accounting.web.export import csv_file
from accounting.web.readable import fields
from accounting.web.session import Session
from protos.pedagio.v1 import admins_pb2 as pb
from protos.pedagio.v1.admins_pb2_grpc import AdminsServiceStub

SHOWN: Final = 50
PAGE: Final = 500
PAGES_BOUND: Final = 200
DETAIL_LIMIT: Final = 300
REPORTS: Final = frozenset({"readiness"})
DAY_MS: Final = 86_400_000
FILTERS: Final = ("since", "until", "actor", "action", "subject")
COLUMNS: Final = ("id", "at_ms", "actor", "action", "subject", "detail_json")

router = APIRouter()


@router.get("/audit")
async def audit(session: Signed) -> Response:
    """The newest lines that the filters let through."""
    token = asked(session.request, "page")
    entry, message = _asked(session, SHOWN, token)
    lines, next_page = [], ""
    if not entry.errors:
        found = await session.ask(AdminsServiceStub, "ListAudit", message)
        lines, next_page = list(found.lines), found.next_page_token
    query = urlencode({name: value for name, value in entry.values.items() if value})
    return session.page(
        "admin/audit.html", entry.status, entry=entry, query=query, later=bool(token),
        lines=[(each, _detail(each.detail_json)) for each in lines], next_page=next_page,
    )  # fmt: skip


@router.get("/audit.csv")
async def export(session: Signed) -> Response:
    """The same lines, all of them up to a bound."""
    _, message = _asked(session, PAGE, "")
    found: list[pb.AuditLine] = []
    for _ in range(PAGES_BOUND):
        page = await session.ask(AdminsServiceStub, "ListAudit", message)
        found += page.lines
        message.page_token = page.next_page_token
        if not message.page_token:
            break
    rows = ([getattr(each, name) for name in COLUMNS] for each in found)
    return csv_file("audit", COLUMNS, rows)


def _asked(session: Session, size: int, token: str) -> tuple[Entry, pb.ListAuditRequest]:
    entry = Entry({name: asked(session.request, name) for name in FILTERS})
    zone = session.web.look.zone
    since_ms, until_ms = entry.day("since", zone), entry.day("until", zone)
    message = pb.ListAuditRequest(
        since_ms=since_ms, until_ms=until_ms + DAY_MS if until_ms else 0,
        actor=entry.values["actor"], action=entry.values["action"],
        subject=entry.values["subject"], page_size=size, page_token=token,
    )  # fmt: skip
    return entry, message


def _detail(detail_json: str) -> tuple[str, str]:
    """The reason, which people wrote, and the rest in a line; a whole report is in the export alone."""
    found = fields(detail_json, aside=REPORTS)
    reason = next((value for name, value in found if name == "reason"), "")
    rest = "; ".join(f"{name}: {value}" for name, value in found if name != "reason")
    return reason, rest[:DETAIL_LIMIT] + ("…" if len(rest) > DETAIL_LIMIT else "")
