"""`pedagio approvals`: what waits for a second pair of eyes."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from accounting.cli.admin import call
from accounting.cli.output import Json, Reason, as_dict, facts, moment, show, table, usd
from protos.pedagio.v1 import admins_pb2 as pb

app = typer.Typer(help="What waits for a second pair of eyes.", no_args_is_help=True)
Number = Annotated[int, typer.Argument(help="The proposal's number.")]


@app.command("list")
def list_proposals(
    decided: Annotated[
        bool, typer.Option("--decided", help="Those that wait no more, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what waits; nobody confirms their own.

    Example: pedagio approvals list
    """
    answer = call("ListProposals", pb.ListProposalsRequest(decided=decided))
    body = {"proposals": [as_dict(each) for each in answer.proposals]}
    show(body, as_json, lambda: _proposals(answer.proposals))


@app.command("confirm")
def confirm(number: Number, reason: Reason, as_json: Json = False) -> None:
    """Make what somebody else proposed, exactly once.

    Example: pedagio approvals confirm 7 --reason 'agreed with Ana'
    """
    answer = call("ConfirmProposal", pb.DecideProposalRequest(id=number, reason=reason))
    show(answer, as_json, lambda: _one(answer))


@app.command("deny")
def deny(number: Number, reason: Reason, as_json: Json = False) -> None:
    """Say no; whoever proposed it takes it back this way.

    Example: pedagio approvals deny 7 --reason 'not this month'
    """
    answer = call("DenyProposal", pb.DecideProposalRequest(id=number, reason=reason))
    show(answer, as_json, lambda: _one(answer))


def _proposals(found: Any) -> Any:
    columns = ("no.", "amount", "what", "whom", "why", "proposed by", "status", "until")
    rows = (
        (
            str(each.id), usd(each.amount_nanos), each.method.partition("/")[2], _whom(each),
            each.reason, each.proposer, each.status, moment(each.expires_at_ms)[:16],
        )
        for each in found
    )  # fmt: skip
    return table(columns, rows, "nothing waits", right=("no.", "amount"), fold=("whom", "why"))


def _whom(each: pb.Proposal) -> str:
    """What the request says, but for what stands in a column of its own."""
    said = {"amount_nanos", "reason", "request_id"}
    found = json.loads(each.request_json or "{}")
    return " ".join(_leaves({key: value for key, value in found.items() if key not in said}))


def _leaves(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _leaves(below, key)
    else:
        yield f"{name}={value}"


def _one(each: pb.Proposal) -> Any:
    return facts(
        ("proposal", str(each.id)),
        ("what", each.method),
        ("amount", usd(each.amount_nanos)),
        ("proposed by", each.proposer),
        ("status", f"{each.status} by {each.decider}" if each.decider else each.status),
        ("because", each.outcome),
    )
