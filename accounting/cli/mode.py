"""`pedagio mode`: the ledger-wide control, off, shadow, enforce or closed."""

from typing import Annotated, Final

import typer

from accounting.cli.connection import call
from accounting.cli.output import Json, Reason, facts, show
from protos.pedagio.v1 import admin_pb2 as pb

MEANINGS: Final = {
    "off": "nothing is held or refused; usage is still debited",
    "shadow": "decided and recorded, nothing refused",
    "enforce": "held, decided, refused when credit is short",
    "closed": "every metered request is refused",
}

app = typer.Typer(help="The control: off, shadow, enforce, closed.", invoke_without_command=True)


@app.callback()
def without_command(context: typer.Context, as_json: Json = False) -> None:
    """The control: off, shadow, enforce, closed. Without a command: show it."""
    if context.invoked_subcommand is None:
        show_mode(as_json)


@app.command("show")
def show_mode(as_json: Json = False) -> None:
    """Show the mode in force.

    Example: pedagio mode show
    """
    _show(call("GetMode", pb.GetModeRequest()), as_json)


@app.command("set")
def set_mode(
    mode: Annotated[str, typer.Argument(metavar="MODE", help="off, shadow, enforce or closed.")],
    reason: Reason,
    as_json: Json = False,
) -> None:
    """Put another mode in force, on every replica within a second.

    Example: pedagio mode set shadow --reason 'finance asked'
    """
    _show(call("SetMode", pb.SetModeRequest(mode=mode, reason=reason)), as_json)


def _show(answer: pb.Mode, as_json: bool) -> None:
    means = MEANINGS.get(answer.mode, "")
    show(answer, as_json, lambda: facts(("mode", answer.mode), ("means", means)))
