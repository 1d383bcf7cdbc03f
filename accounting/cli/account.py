"""`pedagio account`: whose credit it is, what they may do."""

from typing import Annotated

import typer
from rich.table import Table

from accounting.cli.connection import call, fail
from accounting.cli.output import (
    ClientArgument,
    Json,
    Reason,
    UserArgument,
    facts,
    person,
    show,
    usd,
)
from protos.pedagio.v1 import admin_pb2 as pb
from protos.pedagio.v1 import settings_pb2 as settings
from protos.pedagio.v1.settings_pb2_grpc import SettingsServiceStub

app = typer.Typer(help="Accounts of persons.", no_args_is_help=True)


@app.command("open")
def open_account(
    client: ClientArgument,
    user: UserArgument,
    reason: Reason,
    name: Annotated[str, typer.Option(help="Display name.")] = "",
    email: Annotated[str, typer.Option(help="Where mails go.")] = "",
    as_json: Json = False,
) -> None:
    """Open the account of a person, with no credit.

    Example: pedagio account open librechat maria --name 'Maria Silva' --reason 'joined sales'
    """
    request = pb.OpenAccountRequest(
        name=account_name(client, user), display_name=name, email=email, reason=reason
    )
    _show(call("OpenAccount", request), as_json)


@app.command()
def suspend(
    client: ClientArgument, user: UserArgument, reason: Reason, as_json: Json = False
) -> None:
    """Refuse every request of a person until resumed.

    Example: pedagio account suspend librechat maria --reason 'left the company'
    """
    _set_status(client, user, reason, as_json, status="suspended")


@app.command()
def resume(
    client: ClientArgument, user: UserArgument, reason: Reason, as_json: Json = False
) -> None:
    """End a suspension.

    Example: pedagio account resume librechat maria --reason 'back from leave'
    """
    _set_status(client, user, reason, as_json, status="active")


@app.command()
def shadow(
    client: ClientArgument,
    user: UserArgument,
    reason: Reason,
    off: Annotated[bool, typer.Option("--off", help="Follow the ledger's mode again.")] = False,
    as_json: Json = False,
) -> None:
    """Decide and record for a person, but refuse nothing, also in mode enforce.

    Example: pedagio account shadow librechat maria --reason 'second cohort' (--off ends it)
    """
    _set_status(client, user, reason, as_json, mode_override="" if off else "shadow")


@app.command()
def email(
    client: ClientArgument,
    user: UserArgument,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where mails go; -: nowhere.")],
    reason: Reason,
    as_json: Json = False,
) -> None:
    """Set where mails to a person go.

    Example: pedagio account email librechat maria maria@example.com --reason 'new address'
    """
    request = settings.SetEmailRequest(
        account=account_name(client, user), email="" if address == "-" else address, reason=reason
    )
    _show(call("SetEmail", request, stub=SettingsServiceStub), as_json)


def account_name(client: str, user: str) -> pb.AccountName:
    """The name of an account; `-` stands for the client's own, an e-mail alone for a person's."""
    if "@" in client and user in {"", "-"}:
        return pb.AccountName(external_id=client)
    if not user:
        fail("say whose account it is: CLIENT and USER, or an e-mail")
    return pb.AccountName(client=client, external_id="" if user == "-" else user)


def account_facts(account: pb.Account) -> Table:
    """An account for people."""
    labels = " ".join(filter(None, (account.display_name, account.email)))
    return facts(
        ("account", person(account.name.client, account.name.external_id)),
        ("person", labels),
        ("available", usd(account.available_nanos)),
        ("posted", usd(account.posted_nanos)),
        ("held", usd(account.held_nanos)),
        ("overdraft", usd(account.overdraft_nanos) if account.overdraft_nanos else ""),
        ("status", account.status),
        ("override", account.mode_override),
    )


def _set_status(client: str, user: str, reason: str, as_json: bool, **change: str) -> None:
    request = pb.SetAccountStatusRequest(name=account_name(client, user), reason=reason, **change)
    _show(call("SetAccountStatus", request), as_json)


def _show(account: pb.Account, as_json: bool) -> None:
    show(account, as_json, lambda: account_facts(account))
