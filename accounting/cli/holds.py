"""`pedagio holds`: what is reserved now, and by hand not any more."""

from typing import Annotated, Any, Final

import typer
from rich.console import Group
from typer.core import TyperGroup

from accounting.cli.account import account_name
from accounting.cli.connection import call
from accounting.cli.output import Json, Reason, facts, moment, person, short, show, table, usd
from protos.pedagio.v1 import admin_pb2 as pb

WAITS: Final = {
    "report_missing": "nothing heard from LiteLLM yet",
    "in_flight": "started, not ended",
    "end_missing": "over by one witness, its end has not come",
    "cost_missing": "ended, its cost has not come",
    "closing": "all is there",
}
MODEL_COLUMNS: Final = 14


class ListFirst(TyperGroup):
    """`pedagio holds` alone, or with a client, lists: that is what one wants of it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `list` where no command is named."""
        named = bool(args) and (args[0] in self.commands or args[0] == "--help")
        return super().parse_args(ctx, args if named else ["list", *args])


app = typer.Typer(cls=ListFirst, help="What is reserved now; to list it, `list` may be left out.")


@app.command("list")
def list_holds(
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

    Example: pedagio holds list, or of one person: pedagio holds librechat maria
    """
    name = account_name(client, user)
    request = pb.ListHoldsRequest(name=name, page_size=page_size, page_token=page_token)
    answer = call("ListHolds", request)
    show(answer, as_json, lambda: shown_holds(answer.holds))
    if answer.next_page_token and not as_json:
        typer.echo(f"more: --page-token {answer.next_page_token}")


@app.command()
def release(
    hold: Annotated[str, typer.Argument(metavar="HOLD", help="The whole id.")],
    reason: Reason,
    as_json: Json = False,
) -> None:
    """Free what a call reserves; exit 1 if it is closed. If it reports after all, it is debited all the same.

    Example: pedagio holds release 3f9a1c52-0c1d-4e7a-9f53-2b8c6d1e0a44 --reason 'stuck since noon'
    """
    answer = call("ReleaseHold", pb.ReleaseHoldRequest(hold_id=hold, reason=reason))
    show(answer, as_json, lambda: _released(answer))
    if answer.already_closed:
        raise typer.Exit(1)


def shown_holds(found: Any) -> Any:
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


def _released(answer: pb.ReleaseHoldResponse) -> Any:
    whose = person(answer.account.client, answer.account.external_id)
    if answer.already_closed:
        return f"{answer.hold_id} of {whose} was closed before: nothing was changed"
    return facts(
        ("hold", answer.hold_id), ("account", whose), ("freed", usd(answer.released_nanos))
    )
