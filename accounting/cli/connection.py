"""One call of the service; what goes wrong becomes a sentence on stderr, exit code 1."""

import contextlib
import getpass
import os
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import grpc
import typer

from accounting import error_details
from accounting.cli import profiles, tls
from protos.pedagio.v1.admin_pb2_grpc import AdminServiceStub

ADDRESS: Final = "PEDAGIO_ADMIN_ADDRESS"
TOKEN: Final = "PEDAGIO_ADMIN_TOKEN"  # noqa: S105 (the name of a variable)
ACTOR: Final = "PEDAGIO_ADMIN_ACTOR"
# PEDAGIO_ADMIN_CA_FILE names the authority of the service; the others the client's certificate with its key.
FILES: Final = ("CA", "CERT", "KEY")
DEFAULT_ADDRESS: Final = "127.0.0.1:9002"
CALL_BOUND_S: Final = 10.0
# Nothing failed, nothing is done: somebody else has to confirm it.
PROPOSED_EXIT: Final = 3
# The service says with it that a sentence is its own (accounting.admin.interceptors.ANSWERED).
ANSWERED: Final = "x-pedagio-answered"
# A proxy for the web (http_proxy) has no business between an administrator and the service.
# The service that a method belongs to, made of a channel.
Stub = Callable[[grpc.Channel], Any]
OPTIONS: Final = (("grpc.enable_http_proxy", 0),)


# What is done in place of a write: a dry run.
Instead = Callable[[str, Any, float], Any]
_INSTEAD: ContextVar[Instead | None] = ContextVar("instead", default=None)


class CallError(Exception):
    """The service refused or was not reached; the text is a sentence for the person."""

    def __init__(self, sentence: str, *, unknown: bool, proposed: bool = False) -> None:
        """`unknown`: whether a mutation happened all the same cannot be told; `proposed`: it waits."""
        super().__init__(sentence)
        self.unknown = unknown
        self.exit_code = PROPOSED_EXIT if proposed else 1


def call(
    method: str, request: Any, bound_s: float = CALL_BOUND_S, *, stub: Stub = AdminServiceStub
) -> Any:
    """The answer of one method; on any error a sentence on stderr, exit code 1, or 3 where it waits."""
    try:
        return ask(method, request, bound_s, stub=stub)
    except CallError as error:
        fail(str(error), error.exit_code)


def ask(
    method: str, request: Any, bound_s: float = CALL_BOUND_S, *, stub: Stub = AdminServiceStub
) -> Any:
    """The answer of one method; CallError with a sentence."""
    instead = _INSTEAD.get()
    if instead is not None and "reason" in request.DESCRIPTOR.fields_by_name:
        return instead(method, request, bound_s)
    where = _where()
    address = where.address
    metadata = [("x-pedagio-actor", _actor())]
    if where.token:
        metadata.append(("authorization", f"Bearer {where.token}"))
    with where.channel() as channel:
        try:
            return getattr(stub(channel), method)(request, metadata=metadata, timeout=bound_s)
        except grpc.RpcError as error:
            # Also where the service says that it lost the ledger: it cannot know either.
            unknown = not _answered(error) or error.code() is grpc.StatusCode.UNAVAILABLE
            named, proposed = error_details.read(error)
            fields = "; ".join(f"{name} {problem}" for name, problem in named.items())
            sentence = fields or _sentence(error, address, bound_s)
            raise CallError(sentence, unknown=unknown, proposed=proposed) from error


@contextlib.contextmanager
def writes_become(instead: Instead) -> Iterator[None]:
    """Within it a call that takes a reason, as each write does, becomes this."""
    before = _INSTEAD.set(instead)
    try:
        yield
    finally:
        _INSTEAD.reset(before)


def fail(sentence: str, code: int = 1) -> NoReturn:
    """End with one readable sentence on stderr."""
    typer.echo(f"pedagio: {sentence}", err=True)
    raise typer.Exit(code)


@dataclass(frozen=True, slots=True)
class Where:
    """Whom to ask; without a token the client certificate says who asks."""

    address: str
    token: str
    files: tls.Files

    def channel(self) -> grpc.Channel:
        """To be closed; a sentence and the end where a certificate cannot be used."""
        try:
            credentials = tls.credentials(self.files)
        except tls.TlsError as error:
            fail(str(error))
        if credentials is None:
            return grpc.insecure_channel(self.address, options=OPTIONS)
        return grpc.secure_channel(self.address, credentials, options=OPTIONS)


def _where() -> Where:
    """Of the profile that is named, else of the environment."""
    try:
        profile = profiles.chosen()
    except profiles.ProfileError as error:
        fail(str(error))
    if profile is not None:
        files = tls.Files(profile.ca, profile.cert, profile.key)
        token = _token(profile.token, profile.token_file, "token_file", files)
        return Where(profile.address, token, files)
    files = tls.Files(*(os.environ.get(f"PEDAGIO_ADMIN_{name}_FILE", "") for name in FILES))
    token, path = os.environ.get(TOKEN, ""), os.environ.get(f"{TOKEN}_FILE", "")
    address = os.environ.get(ADDRESS) or DEFAULT_ADDRESS
    return Where(address, _token(token, path, f"{TOKEN}_FILE", files), files)


def _token(token: str, path: str, named: str, files: tls.Files) -> str:
    """The token given, or that in the file named; of several (one is being replaced) the newest."""
    if not (token or path) and files.cert:
        return ""
    if not token and path:
        try:
            token = Path(path).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            fail(f"{named} names {path}, which cannot be read ({type(error).__name__})")
    token = token.partition(",")[0].strip()
    if not token:
        fail(f"no administrator's token: set {TOKEN}, or {TOKEN}_FILE to a file that holds it")
    if not (token.isascii() and token.isprintable()):
        fail(f"{TOKEN} is no token: it must be one line of ASCII characters")
    return token


def _actor() -> str:
    """Who stands in the audit: PEDAGIO_ADMIN_ACTOR, else the user of this machine."""
    try:
        actor = os.environ.get(ACTOR) or getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        actor = "admin"
    if not (actor.isascii() and actor.isprintable()):
        fail(f"{ACTOR} must be one line of ASCII characters")
    return actor


def _answered(error: grpc.RpcError) -> bool:
    """Whether the service itself said this: then nothing else happened."""
    trailers: Any = error.trailing_metadata() or ()
    said = any(trailer.key == ANSWERED for trailer in trailers)
    return said or error.code() is grpc.StatusCode.UNAUTHENTICATED


def _sentence(error: grpc.RpcError, address: str, bound_s: float) -> str:
    code, details = error.code(), str(error.details() or "")
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return f"the service at {address} does not accept this token: check {TOKEN} ({details})"
    if _answered(error):
        return details
    if code is grpc.StatusCode.UNAVAILABLE:
        if any(word in details.lower() for word in ("ssl", "tls", "handshake")):
            return f"no TLS connection to {address}: {details}"
        return f"no admin service answers at {address}: is accounting running? ({ADDRESS})"
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"the admin service at {address} did not answer within {bound_s:.0f} s"
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return f"the service at {address} does not know this command: is it of another release?"
    return f"{address} answered {code.name}: {details}"
