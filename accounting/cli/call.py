"""`pedagio holds`, `pedagio explain`: single calls, while open or afterwards."""

from typing import Annotated, Any, Final

import typer
from rich.console import Group
from rich.table import Table

from accounting.cli.account import account_name
from accounting.cli.connection import call
from accounting.cli.output import Json, facts, moment, person, short, show, table, usd
from protos.pedagio.v1 import admin_pb2 as pb

WAITS = {
    "report_missing": "nothing heard from LiteLLM yet",
    "in_flight": "started, not ended",
    "end_missing": "its cost came, its end did not",
    "cost_missing": "ended, its cost has not come",
    "closing": "all is there",
}
MODEL_COLUMNS: Final = 14


def holds(
    client: Annotated[
        str, typer.Argument(metavar="CLIENT", show_default=False, help="Only of this client's.")
    ] = "",
    user: Annotated[
        str, typer.Argument(metavar="USER", show_default=False, help="The person.")
    ] = "-",
    page_size: Annotated[int, typer.Option(min=1, max=500)] = 50,
    page_token: Annotated[str, typer.Option(help="From the page before.")] = "",
    as_json: Json = False,
) -> None:
    """Show what is reserved now, with the reason, and when it frees by itself.

    Example: pedagio holds, or of one person: pedagio holds librechat maria
    """
    name = account_name(client, user)
    request = pb.ListHoldsRequest(name=name, page_size=page_size, page_token=page_token)
    answer = call("ListHolds", request)
    show(answer, as_json, lambda: _holds(answer.holds))
    if answer.next_page_token and not as_json:
        typer.echo(f"more: --page-token {answer.next_page_token}")


def explain(
    ref: Annotated[str, typer.Argument(metavar="REF", help="Six characters, or a hold id.")],
    as_json: Json = False,
) -> None:
    """Say what happened to a request, from the reference in its refusal.

    Example: pedagio explain 3f9a1c
    """
    answer = call("Explain", pb.ExplainRequest(ref=ref))
    show(answer, as_json, lambda: _explanations(answer.explanations))


def _holds(found: Any) -> Any:
    """A hold a line, then what the reasons that were named mean."""
    columns = ("ref", "account", "model", "held", "age", "still open", "frees by")
    rows = (
        (
            hold.hold_id[:6], person(hold.account.client, hold.account.external_id),
            short(hold.model, MODEL_COLUMNS), usd(hold.amount_nanos), f"{hold.age_s} s",
            hold.reason, moment(hold.frees_at_ms).partition(" ")[2],
        )
        for hold in found
    )  # fmt: skip
    shown = table(columns, rows, "no open holds", right=("held", "age"), fold=("account",))
    named = sorted({hold.reason for hold in found})
    return Group(shown, *(f"{reason}: {WAITS[reason]}" for reason in named if reason in WAITS))


def _explanations(found: Any) -> Any:
    """One below the other, an empty line between."""
    parts = [part for each in found for part in ("", _explanation(each))]
    return Group(*parts[1:])


def _explanation(each: pb.Explanation) -> Table:
    """Figures only where they mean something: a refusal captured nothing, a hold kept no balance."""
    decided = each.kind in {"refuse", "would_refuse"}
    available = each.posted_nanos + each.overdraft_nanos - each.held_nanos
    return facts(
        ("hold", each.hold_id),
        ("when", moment(each.at_ms)),
        ("account", _whose(each)),
        ("what", f"{each.kind}: {each.reason}"),
        ("detail", each.detail),
        ("model", each.model),
        ("wanted", usd(each.want_nanos) if each.want_nanos else ""),
        ("at least", usd(each.minimum_nanos) if each.minimum_nanos else ""),
        ("available", usd(available) if decided and each.want_nanos else ""),
        ("granted", "" if decided else usd(each.granted_nanos)),
        ("captured", "" if decided else usd(each.captured_nanos)),
        ("overage", usd(each.overage_nanos) if each.overage_nanos else ""),
    )


def _whose(each: pb.Explanation) -> str:
    """Whose call it was, as far as it was known when it was decided."""
    client = each.account.client
    if not client:
        return ""
    if each.person_unknown:
        return f"client {client}, person unknown"
    return person(client, each.account.external_id)
