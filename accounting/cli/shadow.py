"""`pedagio shadow`: what enforcement would have done."""

from typing import Annotated, Any

import typer
from rich.console import Group

from accounting.cli.connection import call
from accounting.cli.output import Json, facts, person, show, table, usd
from protos.pedagio.v1 import reports_pb2 as pb
from protos.pedagio.v1.reports_pb2_grpc import ReportServiceStub

app = typer.Typer(help="What enforcement would have done.", no_args_is_help=True)


@app.callback()
def shadow() -> None:
    """What enforcement would have done."""


@app.command()
def report(
    days: Annotated[int, typer.Option(min=1, max=92, help="How far back to look.")] = 7,
    as_json: Json = False,
) -> None:
    """Count what enforcement would have refused in the last days, whom, for how much.

    Example: pedagio shadow report --days 14
    """
    answer = call("ShadowReport", pb.ShadowReportRequest(days=days), stub=ReportServiceStub)
    show(answer, as_json, lambda: _report(answer))


def _report(answer: pb.ShadowReportResponse) -> Any:
    if not answer.requests:
        return f"no request was seen in the last {answer.days} days"
    totals = facts(
        ("days", str(answer.days)),
        ("requests", f"{answer.requests} of {answer.people} people"),
        ("would refuse", f"{answer.would_refuse} of {answer.people_refused} people"),
        ("would have saved", usd(answer.saved_nanos)),
        ("near misses", f"{answer.near_misses} people"),
    )
    reasons = table(
        ("reason", "requests", "people", "saved"),
        (
            (each.reason, str(each.requests), str(each.people), usd(each.saved_nanos))
            for each in answer.reasons
        ),
        "enforcement would have refused nothing",
        right=("requests", "people", "saved"),
    )
    return Group(totals, "", reasons, "", _persons(answer.persons))


def _persons(found: Any) -> Any:
    columns = ("person", "requests", "refused", "shortened", "spent", "saved", "available", "")
    rows = (
        (
            each.email or person(each.client, each.external_id),
            str(each.requests),
            str(each.would_refuse),
            str(each.shortened),
            usd(each.spent_nanos),
            usd(each.saved_nanos),
            usd(each.available_nanos),
            "nearly out" if each.nearly_out else "",
        )
        for each in found
    )
    return table(columns, rows, "nobody known", right=columns[1:-1], fold=("person",))
