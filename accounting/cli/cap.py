"""`pedagio cap`: what a person, or everybody together, may spend in a period."""

from typing import Annotated, Any

import typer

from accounting.cli.account import account_name
from accounting.cli.amount import BrlPerUsd, read_amount
from accounting.cli.holder import HolderClient, HolderUser
from accounting.cli.output import Json, Reason, as_dict, moment, person, show, table, usd
from accounting.cli.plan_service import call
from protos.pedagio.v1 import plans_pb2 as pb

app = typer.Typer(help="Caps: limits of a day, week or month.", no_args_is_help=True)
PeriodArgument = Annotated[str, typer.Argument(metavar="PERIOD", help="day, week or month.")]
Pool = Annotated[str, typer.Option("--pool", help="Only what the person draws out of this pool.")]


@app.command("set")
def set_cap(
    period: PeriodArgument,
    limit: Annotated[str, typer.Argument(metavar="LIMIT", help="'US$20', 'R$ 50' or 500cr.")],
    reason: Reason,
    client: HolderClient = "",
    user: HolderUser = "-",
    pool: Pool = "",
    zone: Annotated[str, typer.Option(help="Whose midnight counts.")] = "America/Sao_Paulo",
    brl_per_usd: BrlPerUsd = "",
    as_json: Json = False,
) -> None:
    """Bound what a person spends; without a person: the whole organisation.

    Example: pedagio cap set day 'US$5' librechat maria --reason 'policy'
    """
    cap = _cap(period, client, user, pool)
    cap.time_zone, cap.limit_nanos = zone, read_amount(limit, brl_per_usd)
    answer = call("SetCap", pb.SetCapRequest(cap=cap, reason=reason))
    show(answer, as_json, lambda: caps_table([answer]))


@app.command("clear")
def clear_cap(
    period: PeriodArgument,
    reason: Reason,
    client: HolderClient = "",
    user: HolderUser = "-",
    pool: Pool = "",
    as_json: Json = False,
) -> None:
    """Bound it no more.

    Example: pedagio cap clear day librechat maria --reason 'project week'
    """
    answer = call(
        "ClearCap", pb.ClearCapRequest(cap=_cap(period, client, user, pool), reason=reason)
    )
    show(answer, as_json, lambda: "cleared")


@app.command("list")
def list_caps(as_json: Json = False) -> None:
    """Show all caps, and what is left of them.

    Example: pedagio cap list
    """
    answer = call("ListCaps", pb.ListCapsRequest())
    show(
        {"caps": [as_dict(each) for each in answer.caps]}, as_json, lambda: caps_table(answer.caps)
    )


def _cap(period: str, client: str, user: str, pool: str) -> pb.Cap:
    account = account_name(client, user) if client else None
    return pb.Cap(account=account, pool=pool, period=period)


def caps_table(caps: Any, empty: str = "no caps") -> Any:
    """Caps with what is left of them."""
    columns = ("who", "each", "limit", "left", "held", "renews")
    rows = (
        (
            _whose(c), c.period, usd(c.limit_nanos), usd(c.left_nanos - c.held_nanos),
            usd(c.held_nanos), moment(c.renews_at_ms),
        )
        for c in caps
    )  # fmt: skip
    return table(columns, rows, empty, right=("limit", "left", "held"), fold=("who",))


def _whose(cap: pb.Cap) -> str:
    if not cap.HasField("account"):
        return "everybody"
    who = person(cap.account.client, cap.account.external_id)
    if cap.own:
        return f"{who}, by their own setting"
    return f"{who}, out of {cap.pool}" if cap.pool else who
