"""`pedagio grants`: what somebody's credit is made of, in the order in which it burns."""

import uuid
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Group

from accounting.cli.amount import BrlPerUsd, read_amount
from accounting.cli.connection import fail
from accounting.cli.holder import HolderClient, HolderUser, PoolOption, holder_text, read_holder
from accounting.cli.output import Json, Reason, facts, moment, show, table, usd
from accounting.cli.plan_service import call
from protos.pedagio.v1 import plans_pb2 as pb

app = typer.Typer(help="Grants: credit with a source and an end.", no_args_is_help=True)


@app.command("list")
def list_grants(
    client: HolderClient = "", user: HolderUser = "", pool: PoolOption = "", as_json: Json = False
) -> None:
    """Show what somebody's credit is made of, in burn order, and what comes next.

    Example: pedagio grants list librechat maria
    """
    answer = call("GetCredit", read_holder(client, user, pool))
    show(answer, as_json, lambda: credit_facts(answer))


@app.command("give")
def give(
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="'US$20', 'R$ 50' or 500cr.")],
    reason: Reason,
    client: HolderClient = "",
    user: HolderUser = "",
    pool: PoolOption = "",
    source: Annotated[
        str,
        typer.Option(help="purchase, request, goodwill or correction (goodwill)."),
    ] = "",
    purchase: Annotated[
        int, typer.Option(help="Which purchase backs it: its number in `pedagio purchase list`.")
    ] = 0,
    corrects: Annotated[
        str,
        typer.Option(
            metavar="HOLD",
            help="The call whose debit was wrong: at most what it cost is given back.",
        ),
    ] = "",
    priority: Annotated[int, typer.Option(help="Smaller burns first.")] = 100,
    begins: Annotated[str, typer.Option("--from", help="As 2026-12-01 or with a time.")] = "",
    until: Annotated[str, typer.Option(help="When it ends; without: never.")] = "",
    request_id: Annotated[
        str, typer.Option(help="Repeat a grant whose answer was lost: the same id grants once.")
    ] = "",
    brl_per_usd: BrlPerUsd = "",
    as_json: Json = False,
) -> None:
    """Give credit to a person or a pool.

    Example: pedagio grants give 'US$500' --pool TI --until 2027-01-01 --reason 'project X'
    """
    request = pb.GiveCreditRequest(
        holder=read_holder(client, user, pool), amount_nanos=read_amount(amount, brl_per_usd),
        source=source, priority=priority, valid_from_ms=read_moment("--from", begins),
        valid_until_ms=read_moment("--until", until), reason=reason,
        request_id=request_id or str(uuid.uuid4()), purchase=purchase, corrects=corrects,
    )  # fmt: skip
    answer = call("GiveCredit", request)
    show(answer, as_json, lambda: credit_facts(answer))


@app.command("revoke")
def revoke(
    grant: Annotated[int, typer.Argument(metavar="GRANT", help="Its number in the list.")],
    reason: Reason,
    client: HolderClient = "",
    user: HolderUser = "",
    pool: PoolOption = "",
    as_json: Json = False,
) -> None:
    """Take back what is left of a grant; calls that run are still paid by it.

    With CLIENT and USER, or --pool, only if it is theirs.

    Example: pedagio grants revoke 17 librechat maria --reason 'wrong person'
    """
    request = pb.RevokeGrantRequest(grant_id=grant, reason=reason)
    if client or pool:
        request.holder.CopyFrom(read_holder(client, user, pool))
    answer = call("RevokeGrant", request)
    whose = holder_text(answer.holder)
    show(answer, as_json, lambda: facts(("taken back", usd(answer.revoked_nanos)), ("from", whose)))


def credit_facts(credit: pb.Credit) -> Any:
    """What may be spent, and of what it is made."""
    available = credit.posted_nanos + credit.overdraft_nanos - credit.held_nanos
    coming = f"{usd(credit.next_nanos)} on {moment(credit.next_at_ms)}"
    head = facts(
        ("who", holder_text(credit.holder)),
        ("available", usd(available)),
        ("posted", usd(credit.posted_nanos)),
        ("held", usd(credit.held_nanos)),
        ("plan", credit.plan),
        ("next", coming if credit.next_at_ms else ""),
    )
    columns = ("grant", "source", "left", "of", "from", "until", "reason")
    rows = (
        (
            str(g.id), g.source if g.state == "active" else f"{g.source} ({g.state})",
            usd(g.remaining_nanos), usd(g.amount_nanos), moment(g.valid_from_ms),
            moment(g.valid_until_ms) if g.valid_until_ms else "-", g.reason,
        )
        for g in credit.grants
    )  # fmt: skip
    return Group(
        head, "", table(columns, rows, "no credit", right=("left", "of"), fold=("reason",))
    )


def read_moment(option: str, text: str) -> int:
    """Epoch milliseconds of a day or a moment; 0 for none."""
    if not text:
        return 0
    try:
        return round(datetime.fromisoformat(text).astimezone().timestamp() * 1000)
    except ValueError:
        fail(f"{option} is no moment: {text}; an example is 2026-12-01")
