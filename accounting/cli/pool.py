"""`pedagio pool`: credit that a team shares."""

from typing import Annotated, Any

import typer
from rich.console import Group

from accounting.cli.account import account_name
from accounting.cli.cap import caps_table
from accounting.cli.grants import credit_facts
from accounting.cli.output import (
    ClientArgument,
    Json,
    Reason,
    UserArgument,
    as_dict,
    person,
    show,
    table,
    usd,
)
from accounting.cli.plan_service import call
from protos.pedagio.v1 import plans_pb2 as pb

app = typer.Typer(help="Pools: credit that a team shares.", no_args_is_help=True)
PoolArgument = Annotated[str, typer.Argument(metavar="POOL", help="The team's name.")]


@app.command("create")
def create_pool(pool: PoolArgument, reason: Reason, as_json: Json = False) -> None:
    """Open a pool, without credit or members.

    Example: pedagio pool create TI --reason 'new team'
    """
    answer = call("CreatePool", pb.CreatePoolRequest(name=pool, reason=reason))
    show(answer, as_json, lambda: _pools([answer]))


@app.command("list")
def list_pools(as_json: Json = False) -> None:
    """Show all pools.

    Example: pedagio pool list
    """
    answer = call("ListPools", pb.ListPoolsRequest())
    show({"pools": [as_dict(each) for each in answer.pools]}, as_json, lambda: _pools(answer.pools))


@app.command("show")
def show_pool(pool: PoolArgument, as_json: Json = False) -> None:
    """Show what a pool has, who draws on it, what bounds their draws.

    Example: pedagio pool show TI
    """
    answer = call("GetPool", pb.GetPoolRequest(name=pool))
    show(answer, as_json, lambda: _detail(answer))


@app.command("add")
def add_member(
    pool: PoolArgument,
    client: ClientArgument,
    user: UserArgument,
    reason: Reason,
    position: Annotated[
        int | None, typer.Option(min=0, help="Among the person's pools, smaller first (1).")
    ] = None,
    pool_first: Annotated[
        bool | None,
        typer.Option(
            "--pool-first/--own-first", help="Before or after the person's own credit (after)."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Let somebody draw on a pool, own credit first.

    Of a member, what is not named stays; a new one has what stands in brackets.

    Example: pedagio pool add TI librechat maria --reason 'joined the team'
    """
    account = account_name(client, user)
    members = call("GetPool", pb.GetPoolRequest(name=pool)).members
    present = next((each for each in members if each.account == account), pb.Member(position=1))
    request = pb.SetMemberRequest(
        pool=pool, account=account,
        position=present.position if position is None else position,
        pool_first=present.pool_first if pool_first is None else pool_first,
        reason=reason,
    )  # fmt: skip
    answer = call("SetMember", request)
    show(answer, as_json, lambda: _pools([answer]))


@app.command("remove")
def remove_member(
    pool: PoolArgument,
    client: ClientArgument,
    user: UserArgument,
    reason: Reason,
    as_json: Json = False,
) -> None:
    """Let somebody draw on a pool no more.

    Example: pedagio pool remove TI librechat maria --reason 'left the team'
    """
    request = pb.RemoveMemberRequest(pool=pool, account=account_name(client, user), reason=reason)
    answer = call("RemoveMember", request)
    show(answer, as_json, lambda: _pools([answer]))


def _detail(found: pb.PoolDetail) -> Any:
    status = "" if found.pool.status == "active" else f"{found.pool.status}: nobody draws on it"
    return Group(
        credit_facts(found.credit), *([status] if status else []), "", _members(found.members), "",
        caps_table(found.caps, "no caps on draws out of this pool"),
    )  # fmt: skip


def _members(members: Any) -> Any:
    columns = ("member", "position", "pays", "spent this month", "held")
    rows = (
        (
            _member(m), str(m.position),
            "before own credit" if m.pool_first else "after own credit", usd(m.spent_nanos),
            usd(m.held_nanos),
        )
        for m in members
    )  # fmt: skip
    empty = "no members yet: `pedagio pool add` lets somebody draw on it"
    return table(
        columns, rows, empty, right=("position", "spent this month", "held"), fold=("member",)
    )


def _member(member: pb.Member) -> str:
    name = person(member.account.client, member.account.external_id)
    return f"{member.label} ({name})" if member.label else name


def _pools(pools: Any) -> Any:
    columns = ("pool", "available", "held", "members", "plan", "status")
    rows = (
        (
            p.name, usd(p.posted_nanos - p.held_nanos), usd(p.held_nanos), str(p.members), p.plan,
            p.status,
        )
        for p in pools
    )  # fmt: skip
    return table(columns, rows, "no pools yet", right=("available", "held", "members"))
