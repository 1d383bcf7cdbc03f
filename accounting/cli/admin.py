"""`pedagio admin`: who administers, with which roles and tokens."""

from typing import Annotated, Any, Final

import typer

from accounting.cli.connection import call as call_service
from accounting.cli.connection import fail
from accounting.cli.output import Json, Reason, as_dict, facts, moment, show, table
from protos.pedagio.v1 import admins_pb2 as pb
from protos.pedagio.v1 import sign_in_pb2
from protos.pedagio.v1.admins_pb2_grpc import AdminsServiceStub
from protos.pedagio.v1.sign_in_pb2_grpc import SignInServiceStub

app = typer.Typer(help="Administrators: their roles, their tokens.", no_args_is_help=True)
token_app = typer.Typer(help="Tokens, each of one administrator.", no_args_is_help=True)
app.add_typer(token_app, name="token")

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The administrator's e-mail.")]
Roles = Annotated[
    list[str],
    typer.Option(
        "--role",
        help="viewer, support, treasurer, operator; approver:POOL, team_lead:POOL. Several: repeat.",
    ),
]
MINUTES: Final = slice(0, 16)


def call(method: str, request: Any) -> Any:
    """The answer of the AdminsService."""
    return call_service(method, request, stub=AdminsServiceStub)


@app.command("list")
def list_admins(
    removed: Annotated[bool, typer.Option("--removed", help="Those who are removed, too.")] = False,
    as_json: Json = False,
) -> None:
    """Show who administers.

    Example: pedagio admin list
    """
    answer = call("ListAdmins", pb.ListAdminsRequest(removed=removed))
    body = {"admins": [as_dict(each) for each in answer.admins]}
    show(body, as_json, lambda: _admins(answer.admins))


@app.command("whoami")
def who_am_i(as_json: Json = False) -> None:
    """Show whose token this is.

    Example: pedagio admin whoami
    """
    answer = call("WhoAmI", pb.WhoAmIRequest())
    show(answer, as_json, lambda: _one(answer))


@app.command("add")
def add(
    email: Email,
    role: Roles,
    reason: Reason,
    name: Annotated[str, typer.Option(help="What people call them; default: the e-mail.")] = "",
    as_json: Json = False,
) -> None:
    """Make somebody an administrator; `pedagio admin token new` or `invite` (pages) lets them in.

    Example: pedagio admin add bia@example.com --role approver:TI --role viewer --reason 'runs TI'
    """
    request = pb.AddAdminRequest(
        email=email, name=name or email, roles=_read_roles(role), reason=reason
    )
    answer = call("AddAdmin", request)
    show(answer, as_json, lambda: _one(answer))


@app.command("roles")
def set_roles(email: Email, role: Roles, reason: Reason, as_json: Json = False) -> None:
    """Give exactly these roles: what is not named is no longer held.

    Example: pedagio admin roles bia@example.com --role treasurer --reason 'moved to finance'
    """
    request = pb.SetRolesRequest(email=email, roles=_read_roles(role), reason=reason)
    answer = call("SetRoles", request)
    show(answer, as_json, lambda: _one(answer))


@app.command("remove")
def remove(email: Email, reason: Reason, as_json: Json = False) -> None:
    """Remove an administrator: none of their tokens opens anything any more.

    Example: pedagio admin remove bia@example.com --reason 'left the company'
    """
    answer = call("RemoveAdmin", pb.RemoveAdminRequest(email=email, reason=reason))
    show(answer, as_json, lambda: f"{answer.email} administers no more")


@app.command("invite")
def invite(email: Email, reason: Reason, as_json: Json = False) -> None:
    """Let an administrator set a password for the pages, first or forgotten: once, within 48 hours.

    Example: pedagio admin invite bia@example.com --reason 'first sign-in'
    """
    request = sign_in_pb2.InviteAdminRequest(email=email, reason=reason)
    answer = call_service("InviteAdmin", request, stub=SignInServiceStub)
    address = answer.address or f"/sign-in/{answer.code} of the pages (PEDAGIO_PUBLIC_URL is empty)"
    show(
        answer,
        as_json,
        lambda: facts(
            ("address", address),
            ("", "shown this once: hand it to them alone"),
            ("until", moment(answer.expires_at_ms)[MINUTES]),
        ),
    )


@token_app.command("new")
def new_token(
    email: Email,
    label: Annotated[str, typer.Option(help="Where it is used.")],
    reason: Reason,
    days: Annotated[int, typer.Option(min=1, max=366, help="How long it is good.")] = 90,
    as_json: Json = False,
) -> None:
    """Make a token; it is shown this once. One's own takes no role.

    Example: pedagio admin token new bia@example.com --label laptop --reason 'first token'
    """
    request = pb.NewTokenRequest(email=email, label=label, days=days, reason=reason)
    answer = call("NewToken", request)
    show(
        answer,
        as_json,
        lambda: facts(
            ("token", answer.token),
            ("", "shown this once: only its hash is kept"),
            ("number", str(answer.details.id)),
            ("until", moment(answer.details.expires_at_ms)[MINUTES]),
        ),
    )


@token_app.command("revoke")
def revoke_token(
    number: Annotated[int, typer.Argument(help="The token's number, as `admin list` shows it.")],
    reason: Reason,
    as_json: Json = False,
) -> None:
    """Revoke a token: it opens nothing from this moment on.

    Example: pedagio admin token revoke 7 --reason 'laptop lost'
    """
    answer = call("RevokeToken", pb.RevokeTokenRequest(id=number, reason=reason))
    show(answer, as_json, lambda: f"token {answer.id} ({answer.label}) opens nothing any more")


def _read_roles(words: list[str]) -> list[pb.Role]:
    parts = [word.partition(":") for word in words]
    if any(mark and not pool for _, mark, pool in parts):
        fail("--role team_lead:POOL needs the pool's name after the colon")
    return [pb.Role(role=role, pool=pool) for role, _, pool in parts]


def _admins(found: Any) -> Any:
    columns = ("e-mail", "name", "roles", "tokens")
    rows = ((each.email, each.name, _roles(each), _tokens(each)) for each in found)
    empty = "nobody but whoever has the installation's token"
    return table(columns, rows, empty, fold=("name", "roles", "tokens"))


def _one(admin: pb.Admin) -> Any:
    return facts(
        ("e-mail", admin.email or "none: this is the installation's own token"),
        ("name", admin.name),
        ("roles", _roles(admin)),
        ("tokens", _tokens(admin)),
    )


def _roles(admin: pb.Admin) -> str:
    if admin.removed_at_ms:
        return f"removed {moment(admin.removed_at_ms)[MINUTES]}"
    return ", ".join(f"{each.role}:{each.pool}" if each.pool else each.role for each in admin.roles)


def _tokens(admin: pb.Admin) -> str:
    live = (each for each in admin.tokens if not each.revoked_at_ms)
    return ", ".join(
        f"{each.id} {each.label} until {moment(each.expires_at_ms)[:10]}" for each in live
    )
