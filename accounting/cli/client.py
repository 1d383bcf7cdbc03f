"""`pedagio client`: the applications that hold a key."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from accounting.cli.connection import call, fail
from accounting.cli.output import ClientArgument, Json, Reason, facts, show, table
from protos.pedagio.v1 import admin_pb2 as pb

app = typer.Typer(help="Applications that hold a key.", no_args_is_help=True)


@app.command()
def create(
    client: ClientArgument,
    reason: Reason,
    kind: Annotated[
        str, typer.Option(help="trusted: names the person in x-user-id; service: a fixed account.")
    ] = "trusted",
    litellm_key: Annotated[
        str, typer.Option(help="inject: Envoy adds LiteLLM's key; pass_through: it has its own.")
    ] = "inject",
    key_file: Annotated[
        Path | None, typer.Option(help="pass_through: file with its LiteLLM key; - reads stdin.")
    ] = None,
    unknown_users: Annotated[str, typer.Option(help="create or refuse.")] = "refuse",
    style: Annotated[str, typer.Option(help="librechat or plain: form of a refusal.")] = "plain",
    language: Annotated[str, typer.Option(help="pt-BR or en: language of refusals.")] = "pt-BR",
    as_json: Json = False,
) -> None:
    """Create a client; its key is shown this once.

    Example: pedagio client create librechat --style librechat --unknown-users create --reason pilot
    """
    wanted = pb.Client(
        id=client, kind=kind, litellm_key=litellm_key, unknown_users=unknown_users, style=style,
        language=language,
    )  # fmt: skip
    key = _read_key(key_file) if key_file else ""
    answer = call("CreateClient", pb.CreateClientRequest(client=wanted, key=key, reason=reason))
    shown = answer.key and f"{answer.key}  (shown this once: keep it now)"
    made = answer.client
    show(
        answer, as_json, lambda: facts(("client", made.id), ("kind", made.kind), ("key", shown))
    )  # fmt: skip


@app.command("list")
def list_clients(as_json: Json = False) -> None:
    """List the clients. Keys are not kept, so none is shown.

    Example: pedagio client list
    """
    answer = call("ListClients", pb.ListClientsRequest())
    columns = ("client", "kind", "LiteLLM key", "unknown users", "style", "language", "enabled")
    rows = (
        (c.id, c.kind, c.litellm_key, c.unknown_users, c.style, c.language, _yes(c.enabled))
        for c in answer.clients
    )
    empty = "no clients yet: `pedagio client create`"
    show(answer, as_json, lambda: table(columns, rows, empty, fold=("client",)))


@app.command()
def disable(client: ClientArgument, reason: Reason, as_json: Json = False) -> None:
    """Make a client's key open nothing any more, within a second.

    Example: pedagio client disable librechat --reason 'key leaked'
    """
    _set_enabled(client, reason, as_json, enabled=False)


@app.command()
def enable(client: ClientArgument, reason: Reason, as_json: Json = False) -> None:
    """Make a disabled client's key good again.

    Example: pedagio client enable librechat --reason 'false alarm'
    """
    _set_enabled(client, reason, as_json, enabled=True)


def _set_enabled(client: str, reason: str, as_json: bool, *, enabled: bool) -> None:
    request = pb.SetClientEnabledRequest(id=client, enabled=enabled, reason=reason)
    answer = call("SetClientEnabled", request)
    show(answer, as_json, lambda: f"{answer.id} is {'enabled' if answer.enabled else 'disabled'}")


def _read_key(path: Path) -> str:
    """A key comes from a file: on the command line every user of the machine could read it."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"the key file {path} cannot be read ({type(error).__name__})")
    return text.strip()


def _yes(value: bool) -> str:
    return "yes" if value else "no"
