"""`pedagio request`: credit that people ask for, and the answers."""

import uuid
from functools import partial
from typing import Annotated, Any, Final

import typer

from accounting.cli import connection
from accounting.cli.account import account_name
from accounting.cli.amount import BrlPerUsd, read_amount
from accounting.cli.connection import fail
from accounting.cli.holder import HolderClient, HolderUser
from accounting.cli.output import Json, Reason, as_dict, facts, moment, person, show, table, usd
from accounting.cli.spreadsheet import write_csv
from protos.pedagio.v1 import requests_pb2 as pb
from protos.pedagio.v1.requests_pb2_grpc import RequestServiceStub

app = typer.Typer(help="Requests for credit.", no_args_is_help=True)
call: Final = partial(connection.call, stub=RequestServiceStub)
Number = Annotated[int, typer.Argument(help="The request's number in the list.")]
Amount = Annotated[str, typer.Argument(metavar="AMOUNT", help="'US$20', 'R$ 50' or 500cr.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be; change nothing.")]
PAGE: Final = 500
COLUMNS: Final = (
    "id", "client", "user", "name", "amount_nanos", "advance", "state", "why", "approved_nanos",
    "decider", "answer", "requested_at_ms", "decided_at_ms", "grant_id",
)  # fmt: skip


@app.command()
def submit(
    amount: Amount,
    reason: Reason,
    why: Annotated[str, typer.Option(help="The person's words, for whoever decides.")],
    client: HolderClient = "",
    user: HolderUser = "",
    advance: Annotated[
        bool, typer.Option("--advance", help="A part of the next allowance, at once.")
    ] = False,
    request_id: Annotated[str, typer.Option(help="The same twice is one request.")] = "",
    brl_per_usd: BrlPerUsd = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Ask for credit on somebody's behalf.

    Example: pedagio request submit 'US$5' maria@example.com --why 'report for Friday' --reason 'she called'
    """
    request = pb.SubmitRequestRequest(
        account=_account(client, user), asked_nanos=read_amount(amount, brl_per_usd), why=why,
        advance=advance, request_id=request_id or str(uuid.uuid4()), validate_only=dry_run,
        reason=reason,
    )  # fmt: skip
    answer = call("SubmitRequest", request)
    show(answer, as_json, lambda: _one(answer, dry_run=dry_run))


@app.command("list")
def list_requests(
    client: HolderClient = "",
    user: HolderUser = "",
    waiting: Annotated[bool, typer.Option("--open", help="Only those that wait.")] = False,
    pool: Annotated[str, typer.Option("--pool", help="Only of people who draw on it.")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="For a spreadsheet.")] = False,
    as_json: Json = False,
) -> None:
    """List requests, newest first, with who has those that wait.

    Example: pedagio request list --open
    """
    request = pb.ListRequestsRequest(open=waiting, pool=pool, page_size=PAGE)
    if client:
        request.account.CopyFrom(_account(client, user))
    found: list[pb.CreditRequest] = []
    while True:
        answer: pb.ListRequestsResponse = call("ListRequests", request)
        found += answer.requests
        request.page_token = answer.next_page_token
        if not request.page_token:
            break
    if as_csv:
        write_csv(COLUMNS, (_cells(each) for each in found))
        return
    shown = {"requests": [as_dict(each) for each in found]}
    show(shown, as_json, lambda: _table(found))


@app.command("show")
def show_request(number: Number, as_json: Json = False) -> None:
    """Show one request: who has it, or what became of it.

    Example: pedagio request show 7
    """
    answer = call("GetRequest", pb.GetRequestRequest(id=number))
    show(answer, as_json, lambda: _one(answer))


@app.command()
def terms(client: HolderClient = "", user: HolderUser = "", as_json: Json = False) -> None:
    """Show what somebody may ask for now.

    Example: pedagio request terms maria@example.com
    """
    answer = call("GetRequestTerms", _account(client, user))
    pairs = (
        ("may ask", "yes" if answer.may_ask else answer.problem),
        ("at most", usd(answer.most_nanos)),
        ("at once up to", usd(answer.at_once_nanos) if answer.at_once_nanos else ""),
        ("in advance", usd(answer.advance_nanos) if answer.advance_nanos else ""),
        ("asked", f"{answer.asked} of {answer.most_asked}, until {_day(answer.period_ends_at_ms)}"),
        ("next allowance", usd(answer.next_allowance_nanos) if answer.next_allowance_nanos else ""),
    )
    show(answer, as_json, lambda: facts(*pairs))


@app.command()
def approve(
    number: Number,
    reason: Reason,
    amount: Annotated[str, typer.Option(help="Less than was asked for, as 'US$2'.")] = "",
    brl_per_usd: BrlPerUsd = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Say yes: one grant, to the end of the period unless the policy names days.

    Example: pedagio request approve 7 --amount 'US$2' --reason 'until the budget is clear'
    """
    nanos = read_amount(amount, brl_per_usd) if amount else 0
    request = pb.ApproveRequestRequest(
        id=number, approved_nanos=nanos, reason=reason, validate_only=dry_run
    )
    answer = call("ApproveRequest", request)
    show(answer, as_json, lambda: _one(answer, dry_run=dry_run))


@app.command()
def deny(
    number: Number,
    reason: Annotated[str, typer.Option("--reason", help="Why: the person reads it.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Say no; the person is mailed the reason.

    Example: pedagio request deny 7 --reason 'the project has a pool of its own'
    """
    request = pb.DenyRequestRequest(id=number, reason=reason, validate_only=dry_run)
    answer = call("DenyRequest", request)
    show(answer, as_json, lambda: _one(answer, dry_run=dry_run))


@app.command()
def withdraw(number: Number, reason: Reason, as_json: Json = False) -> None:
    """Take a request back before it is answered.

    Example: pedagio request withdraw 7 --reason 'she asked twice'
    """
    answer = call("WithdrawRequest", pb.WithdrawRequestRequest(id=number, reason=reason))
    show(answer, as_json, lambda: _one(answer))


def _account(client: str, user: str) -> Any:
    if not client:
        fail("say who asks: CLIENT and USER, or an e-mail")
    return account_name(client, user)


def _one(found: pb.CreditRequest, *, dry_run: bool = False) -> Any:
    asked = f"{usd(found.amount_nanos)}{' of the next allowance' if found.advance else ''}"
    return facts(
        ("request", str(found.id) if found.id else ""),
        ("who", _who(found)),
        ("asks for", asked),
        ("why", found.why),
        ("state", _state(found)),
        ("", "nothing was written (--dry-run)" if dry_run else ""),
        ("granted", usd(found.approved_nanos) if found.approved_nanos else ""),
        ("until", moment(found.valid_until_ms) if found.valid_until_ms else ""),
        ("because", found.answer),
        ("has it", ", ".join(found.approvers)),
        ("expires", moment(found.expires_at_ms) if found.state == "requested" and found.id else ""),
        ("available", usd(found.available_nanos) if found.id else ""),
        ("spent this month", usd(found.spent_nanos) if found.id else ""),
    )


def _table(found: list[pb.CreditRequest]) -> Any:
    columns = ("no.", "who", "asks for", "why", "state", "has it", "asked")
    rows = (
        (
            str(each.id), _who(each), usd(each.amount_nanos), each.why, _state(each),
            ", ".join(each.approvers), moment(each.requested_at_ms)[:16],
        )
        for each in found
    )  # fmt: skip
    return table(
        columns, rows, "nobody asks for credit", right=("no.", "asks for"),
        fold=("who", "why", "state", "has it"),
    )  # fmt: skip


def _who(found: pb.CreditRequest) -> str:
    name = person(found.account.client, found.account.external_id)
    return f"{found.display_name} ({name})" if found.display_name else name


def _state(found: pb.CreditRequest) -> str:
    by = "the policy" if found.by_policy else found.decider
    return f"{found.state} by {by}" if by else found.state


def _cells(each: pb.CreditRequest) -> list[Any]:
    own = {
        "client": each.account.client,
        "user": each.account.external_id,
        "name": each.display_name,
        "advance": "yes" if each.advance else "",
    }
    return [own[name] if name in own else getattr(each, name) for name in COLUMNS]


def _day(at_ms: int) -> str:
    return moment(at_ms)[:10]
