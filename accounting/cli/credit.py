"""`pedagio grant`, `balance`, `statement`: credit given, left, moved."""

import uuid
from functools import partial
from typing import Annotated, Any, Final

import typer

from accounting.cli import plan_service
from accounting.cli.account import account_facts, account_name
from accounting.cli.amount import BrlPerUsd, read_amount
from accounting.cli.connection import CallError, ask, call, fail
from accounting.cli.holder import HolderClient, PoolOption, read_holder
from accounting.cli.output import (
    ClientArgument,
    Json,
    Reason,
    as_dict,
    moment,
    person,
    short,
    show,
    table,
    usd,
)
from accounting.cli.progress import counting
from protos.pedagio.v1 import admin_pb2 as pb
from protos.pedagio.v1 import plans_pb2 as plans

OwnOrUser = Annotated[
    str,
    typer.Argument(metavar="USER", show_default=False, help="Without: the client's own account."),
]
PAGE_LIMIT: Final = 500
PAGES_BOUND: Final = 2000  # of --all: a million entries


def grant(
    client: ClientArgument,
    user: Annotated[str, typer.Argument(metavar="USER", help="The person; -: a service's own.")],
    amount: Annotated[
        str,
        typer.Argument(
            metavar="AMOUNT",
            default_factory=str,
            show_default=False,
            help="'US$20', 'R$ 50' or 500cr.",
        ),
    ],
    reason: Reason,
    brl_per_usd: BrlPerUsd = "",
    request_id: Annotated[
        str, typer.Option(help="Repeat a grant whose answer was lost: the same id grants once.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Give credit.

    Example: pedagio grant librechat maria 'US$20' --reason 'October', or: pedagio grant maria@example.org 'US$20' ...
    """
    if "@" in client and not amount:
        user, amount = "", user  # an e-mail stands for client and user
    nanos = read_amount(amount, brl_per_usd)
    request_id = request_id or str(uuid.uuid4())
    request = pb.GrantRequest(
        name=account_name(client, user), amount_nanos=nanos, reason=reason, request_id=request_id
    )
    try:
        answer = ask("Grant", request)
    except CallError as error:
        again = f"; repeat it with --request-id {request_id}, it then counts once"
        fail(f"{error}{again if error.unknown else ''}", error.exit_code)
    show(answer, as_json, lambda: account_facts(answer.account))
    if answer.replayed and not as_json:
        typer.echo(f"nothing new was granted: transfer {answer.transfer_id} was that request")


def balance(client: ClientArgument, user: OwnOrUser = "-", as_json: Json = False) -> None:
    """Show what an account has: posted, held, available.

    Example: pedagio balance librechat maria
    """
    answer = call("GetBalance", account_name(client, user))
    show(answer, as_json, lambda: account_facts(answer))


def statement(
    client: HolderClient = "",
    user: OwnOrUser = "-",
    pool: PoolOption = "",
    page_size: Annotated[int, typer.Option(min=1, max=PAGE_LIMIT)] = 50,
    page_token: Annotated[str, typer.Option(help="From the page before.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="All pages.")] = False,
    as_json: Json = False,
) -> None:
    """Show the transfers of an account, or of a pool with whose calls they were; newest first.

    Example: pedagio statement librechat maria --page-size 20 (or: pedagio statement --pool TI)
    """
    who = read_holder(client, user, pool)
    paged: dict[str, Any] = {
        "page_size": PAGE_LIMIT if everything else page_size,
        "page_token": page_token,
    }
    if pool:
        ask_page = partial(plan_service.call, "ListPoolStatement")
        request: Any = plans.ListPoolStatementRequest(pool=pool, **paged)
    else:
        ask_page = partial(call, "ListStatement")
        request = pb.ListStatementRequest(name=who.account, **paged)
    with counting("entries", as_json) as advance:
        pages = [ask_page(request)]
        while everything and pages[-1].next_page_token and len(pages) < PAGES_BOUND:
            advance(len(pages[-1].entries))
            request.page_token = pages[-1].next_page_token
            pages.append(ask_page(request))
    entries = [entry for page in pages for entry in page.entries]
    token = pages[-1].next_page_token
    head = "pool" if pool else "account"
    body = {
        head: as_dict(getattr(pages[0], head)),
        "entries": [as_dict(entry) for entry in entries],
        "next_page_token": token,
    }
    show(body, as_json, lambda: _pool_entries(entries) if pool else _entries(entries))
    if token and not as_json:
        typer.echo(f"more: --page-token {token} (or --all)")


def _pool_entries(entries: list[plans.PoolEntry]) -> Any:
    """What moved, and by whose calls; JSON: `entry` and `person`."""
    columns = ("when", "kind", "amount", "person", "ref", "by", "reason")
    rows = (
        (when, kind, amount, _whose(each), *rest)
        for each in entries
        for when, kind, amount, *rest in [_cells(each.entry)]
    )
    return table(columns, rows, "no transfers yet", right=("amount",), fold=("reason", "person"))


def _whose(each: plans.PoolEntry) -> str:
    return person(each.person.client, each.person.external_id) if each.HasField("person") else ""


def _entries(entries: list[pb.Entry]) -> Any:
    """What moved; the number of each transfer is in the JSON."""
    columns = ("when", "kind", "amount", "ref", "by", "reason")
    rows = map(_cells, entries)
    return table(columns, rows, "no transfers yet", right=("amount",), fold=("reason",))


def _cells(entry: pb.Entry) -> tuple[str, ...]:
    return (
        moment(entry.event_at_ms), entry.kind, usd(entry.amount_nanos), entry.hold_id[:6],
        short(entry.actor), " ".join(filter(None, (entry.model, entry.reason))),
    )  # fmt: skip
