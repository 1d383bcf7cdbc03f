"""`pedagio exceptions`: what a person should look at."""

from typing import Annotated, Any

import typer

from accounting.cli.connection import call
from accounting.cli.output import Json, Reason, facts, moment, show, table
from accounting.oddities import KINDS
from protos.pedagio.v1 import admin_pb2 as pb

app = typer.Typer(help="What a person should look at.", no_args_is_help=True)


@app.command("list")
def list_exceptions(
    kind: Annotated[str, typer.Option(help=f"Only of this kind: {', '.join(KINDS)}.")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Those that are resolved, too.")
    ] = False,
    page_size: Annotated[int, typer.Option(min=1, max=500)] = 50,
    page_token: Annotated[str, typer.Option(help="From the page before.")] = "",
    as_json: Json = False,
) -> None:
    """List what nobody has looked at yet, the newest first.

    Example: pedagio exceptions list --kind price_mismatch
    """
    request = pb.ListExceptionsRequest(
        kind=kind, resolved=everything, page_size=page_size, page_token=page_token
    )
    answer = call("ListExceptions", request)
    show(answer, as_json, lambda: _exceptions(answer.exceptions))
    if answer.next_page_token and not as_json:
        typer.echo(f"more: --page-token {answer.next_page_token}")
    if not as_json:
        for named in sorted({each.kind for each in answer.exceptions} & KINDS.keys()):
            typer.echo(f"{named}: {KINDS[named]}")


@app.command()
def resolve(
    number: Annotated[int, typer.Argument(metavar="ID", help="From the list.", min=1)],
    reason: Reason,
    as_json: Json = False,
) -> None:
    """Say what came of one; it leaves the list.

    Example: pedagio exceptions resolve 12 --reason 'new price entered'
    """
    answer = call("ResolveException", pb.ResolveExceptionRequest(id=number, reason=reason))
    show(answer, as_json, lambda: _exception(answer))


def _exceptions(found: Any) -> Any:
    columns = ("id", "when", "kind", "subject", "resolved")
    rows = (
        (str(each.id), moment(each.recorded_at_ms)[5:16], each.kind, each.subject, each.resolution)
        for each in found
    )
    return table(columns, rows, "nothing to look at", right=("id",), fold=("subject", "resolved"))


def _exception(each: pb.Exception) -> Any:
    return facts(
        ("exception", str(each.id)),
        ("kind", each.kind),
        ("subject", each.subject),
        ("resolved by", each.resolved_by),
        ("with", each.resolution),
    )
