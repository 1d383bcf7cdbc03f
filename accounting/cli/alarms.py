"""`pedagio alarms`: what somebody had to be told, the newest first."""

from typing import Annotated, Any

import typer

from accounting.cli.connection import call
from accounting.cli.output import Json, moment, show, table
from protos.pedagio.v1 import admin_pb2 as pb


def alarms(
    kind: Annotated[str, typer.Option(help="Only of this kind.")] = "",
    page_size: Annotated[int, typer.Option(min=1, max=500)] = 50,
    page_token: Annotated[str, typer.Option(help="From the page before.")] = "",
    as_json: Json = False,
) -> None:
    """Show what was raised: a store away, a frozen account, a silent access log.

    Example: pedagio alarms --kind store_away
    """
    request = pb.ListAlarmsRequest(kind=kind, page_size=page_size, page_token=page_token)
    answer = call("ListAlarms", request)
    empty = f"no alarms of kind {kind}" if kind else "no alarms"
    show(answer, as_json, lambda: _alarms(answer.alarms, empty))
    if answer.next_page_token and not as_json:
        typer.echo(f"more: --page-token {answer.next_page_token}")


def _alarms(found: Any, empty: str) -> Any:
    columns = ("id", "when", "kind", "subject", "detail")
    rows = (
        (str(each.id), moment(each.raised_at_ms)[5:16], each.kind, each.subject, each.detail_json)
        for each in found
    )
    return table(columns, rows, empty, right=("id",), fold=("subject", "detail"))
