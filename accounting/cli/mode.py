"""`pedagio mode`: the ledger-wide control, off, shadow, enforce or closed."""

from typing import Annotated, Any, Final

import typer

from accounting.cli.connection import CallError, ask, call, fail
from accounting.cli.output import Json, Reason, facts, show, table
from protos.pedagio.v1 import admin_pb2 as pb
from protos.pedagio.v1 import reports_pb2 as reports
from protos.pedagio.v1.reports_pb2_grpc import ReportServiceStub

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


@app.command()
def enforce(
    reason: Reason,
    days: Annotated[int, typer.Option(min=1, max=92, help="How far back to look.")] = 7,
    cohort: Annotated[
        str, typer.Option(help="Only these, before the others: team=NAME or account=CLIENT/PERSON.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Although it is not ready.")] = False,
    as_json: Json = False,
) -> None:
    """Say whether enforcement may begin, with what mends each line; begin it if so.

    Example: pedagio mode enforce --reason 'pilot is over' (--cohort team=TI: they go first)
    """
    ready = call(
        "Readiness", reports.ReadinessRequest(days=days, cohort=cohort), stub=ReportServiceStub
    )
    if not as_json:
        show(ready, as_json, lambda: _readiness(ready.lines))
    request = reports.EnforceRequest(reason=reason, force=force, days=days, cohort=cohort)
    try:
        answer = ask("Enforce", request, stub=ReportServiceStub)
    except CallError as error:
        if as_json:  # no mode: nothing was put in force
            show(reports.EnforceResponse(readiness=ready), as_json, str)
        fail(str(error))
    said = f"mode {answer.mode}"
    if cohort:
        said += f"; {cohort} enforces: {answer.accounts} accounts changed"
    show(answer, as_json, lambda: said)


def _readiness(lines: Any) -> Any:
    rows = (
        (line.name, _state(line), line.finding, "" if line.ready else line.command)
        for line in lines
    )
    columns = ("what", "state", "finding", "mended by")
    return table(columns, rows, "", fold=("finding", "mended by"))


def _state(line: reports.ReadinessLine) -> str:
    if line.ready:
        return "ready"
    return "not ready" if line.blocks else "note"


def _show(answer: pb.Mode, as_json: bool) -> None:
    means = MEANINGS.get(answer.mode, "")
    cohort = f"{answer.enforcing} accounts enforce all the same: `mode set shadow` ends it"
    first = cohort if answer.enforcing and answer.mode == "shadow" else ""
    show(answer, as_json, lambda: facts(("mode", answer.mode), ("means", means), ("cohort", first)))
