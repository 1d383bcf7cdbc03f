"""`pedagio audit-log`: who did what, when, why."""

from datetime import datetime
from typing import Annotated, Any

import typer

from accounting.cli.admin import call
from accounting.cli.connection import fail
from accounting.cli.output import Json, moment, show, table
from protos.pedagio.v1 import admins_pb2 as pb


def audit_log(
    since: Annotated[str, typer.Option(help="From this day or moment on, as 2026-11-27.")] = "",
    until: Annotated[str, typer.Option(help="Before this day or moment.")] = "",
    actor: Annotated[str, typer.Option(help="Only of this actor: an e-mail, a process.")] = "",
    action: Annotated[str, typer.Option(help="Only this action, as grant.")] = "",
    subject: Annotated[
        str, typer.Option(help="Only about this: an account's number, a name.")
    ] = "",
    page_size: Annotated[int, typer.Option(min=1, max=500)] = 50,
    page_token: Annotated[str, typer.Option(help="From the page before.")] = "",
    as_json: Json = False,
) -> None:
    """Show what administrators did, the newest first.

    Example: pedagio audit-log --actor ana@example.com --since 2026-11-01
    """
    request = pb.ListAuditRequest(
        since_ms=_moment("--since", since), until_ms=_moment("--until", until), actor=actor,
        action=action, subject=subject, page_size=page_size, page_token=page_token,
    )  # fmt: skip
    answer = call("ListAudit", request)
    show(answer, as_json, lambda: _lines(answer.lines))
    if answer.next_page_token and not as_json:
        typer.echo(f"more: --page-token {answer.next_page_token}")


def _moment(option: str, text: str) -> int:
    """Epoch milliseconds, in the zone of the person where the text names none."""
    if not text:
        return 0
    try:
        return round(datetime.fromisoformat(text).astimezone().timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        fail(f"{option} is no day or moment: write it as 2026-11-27 or 2026-11-27T14:30")


def _lines(found: Any) -> Any:
    columns = ("when", "actor", "action", "subject", "detail")
    rows = (
        (moment(each.at_ms), each.actor, each.action, each.subject, each.detail_json)
        for each in found
    )
    return table(columns, rows, "no such lines", fold=("actor", "subject", "detail"))
