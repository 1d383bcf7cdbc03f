"""`pedagio admin deputy`: who answers credit requests in an administrator's place."""

from typing import Annotated, Any

import typer

from accounting.cli.grants import read_moment
from accounting.cli.output import Json, Reason, as_dict, facts, moment, show, table
from accounting.cli.request import call
from protos.pedagio.v1 import requests_pb2 as pb

app = typer.Typer(help="Who answers in an administrator's place.", no_args_is_help=True)


@app.command("set")
def set_deputy(
    deputy: Annotated[str, typer.Argument(metavar="EMAIL", help="Who stands in.")],
    reason: Reason,
    until: Annotated[str, typer.Option(help="As 2026-12-01 or with a time.")],
    begins: Annotated[str, typer.Option("--from", help="From when; without: now.")] = "",
    admin: Annotated[
        str, typer.Option("--for", help="For whom, by e-mail; without: yourself.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Let another administrator answer credit requests meanwhile.

    Example: pedagio admin deputy set ana@example.com --from 2026-12-20 --until 2027-01-05 --reason holidays
    """
    request = pb.SetDeputyRequest(
        admin=admin, deputy=deputy, from_ms=read_moment("--from", begins),
        until_ms=read_moment("--until", until), reason=reason,
    )  # fmt: skip
    answer = call("SetDeputy", request)
    show(answer, as_json, lambda: _one(answer))


@app.command("list")
def list_deputies(
    past: Annotated[bool, typer.Option("--past", help="Those whose time is over, too.")] = False,
    as_json: Json = False,
) -> None:
    """Show who stands in for whom.

    Example: pedagio admin deputy list
    """
    answer = call("ListDeputies", pb.ListDeputiesRequest(past=past))
    body = {"deputies": [as_dict(each) for each in answer.deputies]}
    show(body, as_json, lambda: _table(answer.deputies))


@app.command("clear")
def clear(
    number: Annotated[int, typer.Argument(help="Its number in the list.")],
    reason: Reason,
    as_json: Json = False,
) -> None:
    """End it now.

    Example: pedagio admin deputy clear 3 --reason 'back early'
    """
    answer = call("ClearDeputy", pb.ClearDeputyRequest(id=number, reason=reason))
    show(answer, as_json, lambda: f"{answer.deputy} stands in for {answer.admin} no more")


def _one(found: pb.Deputy) -> Any:
    return facts(
        ("deputy", f"{found.deputy} for {found.admin}"),
        ("number", str(found.id)),
        ("from", moment(found.from_ms)),
        ("until", moment(found.until_ms)),
    )


def _table(found: Any) -> Any:
    columns = ("no.", "who", "stands in for", "from", "until", "now", "why")
    rows = (
        (
            str(each.id), each.deputy, each.admin, moment(each.from_ms)[:16],
            moment(each.until_ms)[:16], "yes" if each.active else "", each.reason,
        )
        for each in found
    )  # fmt: skip
    return table(columns, rows, "nobody stands in for anybody", right=("no.",), fold=("why",))
