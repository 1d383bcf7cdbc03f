"""`pedagio settings`: what a person sets for themselves."""

import uuid
from functools import partial
from typing import Annotated, Final

import typer
from rich.table import Table

from accounting.cli import connection
from accounting.cli.account import account_name
from accounting.cli.amount import BrlPerUsd, read_amount
from accounting.cli.connection import fail
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
from protos.pedagio.v1 import settings_pb2 as pb
from protos.pedagio.v1.settings_pb2_grpc import SettingsServiceStub

app = typer.Typer(help="What a person sets for themselves.", no_args_is_help=True)
call: Final = partial(connection.call, stub=SettingsServiceStub)
NONE: Final = "none"
LIMIT_HELP: Final = "The person's own: 'US$2', 'R$ 10', 200cr; none takes it away."


@app.command("show")
def show_settings(client: ClientArgument, user: UserArgument, as_json: Json = False) -> None:
    """Show what a person has set, and what holds where nothing is set.

    Example: pedagio settings show librechat maria
    """
    _show(call("GetSettings", account_name(client, user)), as_json)


@app.command("set")
def set_settings(
    client: ClientArgument,
    user: UserArgument,
    reason: Reason,
    language: Annotated[str | None, typer.Option(help="pt-BR, en; none: the client's.")] = None,
    notices: Annotated[bool | None, typer.Option(help="Whether warnings are mailed.")] = None,
    daily_limit: Annotated[str | None, typer.Option(help=LIMIT_HELP)] = None,
    monthly_limit: Annotated[str | None, typer.Option(help=LIMIT_HELP)] = None,
    first_pool: Annotated[
        str | None, typer.Option(help="The team that pays before the others; none: by position.")
    ] = None,
    request_id: Annotated[
        str, typer.Option(help="The same id changes once; of its own if absent.")
    ] = "",
    brl_per_usd: BrlPerUsd = "",
    as_json: Json = False,
) -> None:
    """Change settings as the person asks; what is not named stays.

    Example: pedagio settings set librechat maria --language en --daily-limit 'US$2' --reason 'asked by mail'
    """  # fmt: skip
    request = pb.SetSettingsRequest(
        account=account_name(client, user), reason=reason,
        request_id=request_id or str(uuid.uuid4()), notices=notices,
        language=_taken(language), first_pool=_taken(first_pool),
        daily_limit_nanos=_limit(daily_limit, brl_per_usd),
        monthly_limit_nanos=_limit(monthly_limit, brl_per_usd),
    )  # fmt: skip
    if (language, notices, daily_limit, monthly_limit, first_pool) == (None,) * 5:
        fail("say what to change: --language, --notices, --daily-limit, --monthly-limit, ...")
    _show(call("SetSettings", request), as_json)


def _taken(text: str | None) -> str | None:
    return "" if text == NONE else text


def _limit(text: str | None, brl_per_usd: str) -> int | None:
    if text is None or text == NONE:
        return None if text is None else 0
    nanos = read_amount(text, brl_per_usd)
    if nanos == 0:
        fail(
            "a limit of nothing refuses everything: give an amount, or none to take the limit away"
        )
    return nanos


def _show(found: pb.Settings, as_json: bool) -> None:
    show(found, as_json, lambda: _facts(found))


def _facts(found: pb.Settings) -> Table:
    default = f"{found.client_language} (the client's)"
    return facts(
        ("account", person(found.account.client, found.account.external_id)),
        ("language", found.language or default),
        ("notices", "on" if found.notices else "off"),
        ("daily limit", _bounded(found.daily_limit_nanos, found.daily_left_nanos)),
        ("monthly limit", _bounded(found.monthly_limit_nanos, found.monthly_left_nanos)),
        ("pays first", found.first_pool or ("by position" if found.pools else "")),
        ("teams", ", ".join(found.pools)),
        ("kept by the policy", ", ".join(found.locked)),
        ("replayed", "an earlier request with this id had done it" if found.replayed else ""),
    )


def _bounded(limit_nanos: int, left_nanos: int) -> str:
    return f"{usd(limit_nanos)}, of which {usd(left_nanos)} are left" if limit_nanos else "none"
