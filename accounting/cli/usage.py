"""`pedagio usage`: what was debited, by time, person, team, client or model."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer

from accounting.cli.connection import call, fail
from accounting.cli.output import Json, show, table, usd
from accounting.cli.progress import waiting
from accounting.cli.spreadsheet import write_csv
from protos.pedagio.v1 import usage_pb2 as pb
from protos.pedagio.v1.usage_pb2_grpc import UsageServiceStub

BOUND_S: Final = 30.0
UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1)}
_BACK = re.compile(r"(\d{1,4})([hd])")


def usage(
    by: Annotated[
        str, typer.Option(help="hour, day, month, person, team, client or model.")
    ] = "model",
    since: Annotated[str, typer.Option(help="How far back: 24h, 7d; or a date.")] = "7d",
    until: Annotated[str, typer.Option(help="Up to this date; now without it.")] = "",
    person: Annotated[str, typer.Option(help="Only of this person: number, e-mail, or name.")] = "",
    team: Annotated[str, typer.Option(help="Only what this pool paid.")] = "",
    model: Annotated[str, typer.Option(help="Only of this model.")] = "",
    page_size: Annotated[int, typer.Option(min=1, max=500)] = 50,
    as_csv: Annotated[bool, typer.Option("--csv", help="For a spreadsheet.")] = False,
    as_json: Json = False,
) -> None:
    """Say what was used, from the ledger.

    Example: pedagio usage --by person --since 30d
    """
    request = pb.QueryUsageRequest(
        by=by,
        from_ms=_epoch_ms("--since", since),
        to_ms=_epoch_ms("--until", until) if until else 0,
        person=person,
        team=team,
        model=model,
        page_size=page_size,
    )
    with waiting("adding up", as_json):
        answer = call("QueryUsage", request, BOUND_S, stub=UsageServiceStub)
    if as_csv:
        _write(answer, by)
        return
    show(answer, as_json, lambda: _usage(answer, by))


def _usage(answer: pb.QueryUsageResponse, by: str) -> Any:
    columns = (by, "calls", "prompt", "completion", "cost", "estimated")
    rows = [_cells(each, _key(each, by)) for each in answer.rows]
    if rows:
        rows.append(_cells(answer.total, "total"))
    right = ("calls", "prompt", "completion", "cost", "estimated")
    return table(columns, rows, "nothing was used in this time", right=right, fold=(by,))


def _cells(row: pb.UsageRow, key: str) -> tuple[str, ...]:
    return (
        key,
        f"{row.calls:,}",
        f"{row.prompt_tokens:,}",
        f"{row.completion_tokens:,}",
        usd(row.cost_nanos),
        usd(row.estimated_nanos) if row.estimated_nanos else "",
    )


def _key(row: pb.UsageRow, by: str) -> str:
    return row.key or ("own credit" if by == "team" else "unknown")


def _write(answer: pb.QueryUsageResponse, by: str) -> None:
    """One line a row."""
    names = ("calls", "prompt_tokens", "completion_tokens", "cost_nanos", "estimated_nanos")
    rows = ((_key(row, by), *(getattr(row, name) for name in names)) for row in answer.rows)
    write_csv((by, *names), rows)


def _epoch_ms(option: str, text: str) -> int:
    back = _BACK.fullmatch(text)
    if back is not None:
        moment = datetime.now(UTC) - int(back[1]) * UNITS[back[2]]
        return int(moment.timestamp() * 1000)
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        fail(f"{option} {text!r} is no time: write 24h, 7d or 2026-12-01")
