"""`pedagio exceptions`: what a person should look at."""

from typing import Annotated, Any, Final

import typer

from accounting.cli.connection import call
from accounting.cli.output import Json, Reason, facts, moment, show, table
from protos.pedagio.v1 import admin_pb2 as pb

# What each kind asks of whoever reads it; docs/how-to/look-at-exceptions.md says what to do.
MEANINGS: Final = {
    "cost_missing": "answered whole, no cost came: estimated",
    "end_missing": "started, its end never reported: LiteLLM may have died",
    "estimate_unpriced": "an estimate of 0: the model has no price",
    "hold_mismatch": "a report under the name of another call",
    "late_debit": "a report came after its hold was released: debited",
    "litellm_cost_zero": "LiteLLM said 0 for a model that has a price",
    "maybe_billed": "timed out at cost 0: the provider may bill it",
    "no_book_price": "debited as LiteLLM says; the price book has no price",
    "no_evidence": "released at its deadline: nobody told of anything",
    "price_mismatch": "LiteLLM's cost is more than 1 % off the price book",
    "report_missing": "Envoy delivered an answer, no report came: estimated",
    "unmetered": "requests that neither a hold nor a report tells of",
    "unproven": "a report without a token: it did not pass Envoy",
    "usage_conflict": "reported twice with other figures: the first stands",
    "usage_missing": "answered without usage: estimated",
}

app = typer.Typer(help="What a person should look at.", no_args_is_help=True)


@app.command("list")
def list_exceptions(
    kind: Annotated[str, typer.Option(help="Only of this kind.")] = "",
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
        for named in sorted({each.kind for each in answer.exceptions} & MEANINGS.keys()):
            typer.echo(f"{named}: {MEANINGS[named]}")


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
