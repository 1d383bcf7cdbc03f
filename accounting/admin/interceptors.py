"""What surrounds every call of the AdminService: authentication before it, status codes after it."""

import asyncio
import functools
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

import asyncpg
import grpc
import structlog

from accounting.admin import admins, details, trial
from accounting.admin.caller import INSTALLATION, PRESENT, Caller, UnknownError
from accounting.admin.certificates import Certificates
from accounting.admin.errors import (
    AdminError,
    AlreadyExistsError,
    ConflictError,
    ForbiddenError,
    InvalidFieldError,
    NotFoundError,
    ProposedError,
    TooManyError,
    UpstreamError,
)
from accounting.admin.gate import OURS, Behavior, Context, Continuation, Gate, Handler
from accounting.admin.messages import ACTOR_HEADER, DEFAULT_ACTOR
from accounting.admin.roles import OPERATOR
from credit.away import is_away

# Health checks share the port and carry no token; whatever else is served there takes one.
OPEN = "/grpc.health."
TOKEN_HEADER = "authorization"  # noqa: S105 (the name of a header)
STATUS: Mapping[type[AdminError], grpc.StatusCode] = {
    InvalidFieldError: grpc.StatusCode.INVALID_ARGUMENT,
    NotFoundError: grpc.StatusCode.NOT_FOUND,
    AlreadyExistsError: grpc.StatusCode.ALREADY_EXISTS,
    ConflictError: grpc.StatusCode.FAILED_PRECONDITION,
    ProposedError: grpc.StatusCode.FAILED_PRECONDITION,
    ForbiddenError: grpc.StatusCode.PERMISSION_DENIED,
    TooManyError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    UpstreamError: grpc.StatusCode.UNAVAILABLE,
}
# Tells a sentence of ours from gRPC's own UNAVAILABLE, which means that nobody was there to answer.
ANSWERED = (("x-pedagio-answered", "yes"),)
REQUIRED = "an administrator's token is required: metadata `authorization: Bearer <token>`"
LEDGER_AWAY = "the ledger cannot be reached now: nothing was changed, try again"
LEDGER_LOST = "the ledger cannot be reached now: whether anything was changed is unknown"
FAILED = "accounting failed on this request; its log says why"
# An administrator who is told at once that the ledger is away can do something about it.
ASK_WITHIN_S = 3.0

Trailers: TypeAlias = tuple[tuple[str, str | bytes], ...]
Ask: TypeAlias = Callable[[], Awaitable[object]]
# The administrator of a personal token, or None.
Whose: TypeAlias = Callable[[str], Awaitable[Caller | None]]

log = structlog.get_logger()


class Authenticator(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Lets a call pass only with a bearer token, which says who calls, or with the certificate of one who may."""

    def __init__(
        self, tokens: Sequence[str], whose: Whose, certificates: Certificates | None = None
    ) -> None:
        """`tokens`: the installation's own, several while one is being replaced; `whose`: personal ones."""
        self._digests = [_digest(token) for token in tokens]
        self._whose = whose
        self._certificates = certificates

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        """Refuse before the request is even read."""
        method = handler_call_details.method
        if method.startswith(OPEN):
            return await continuation(handler_call_details)  # type: ignore[return-value]
        caller: Caller | None = None
        try:
            async with asyncio.timeout(ASK_WITHIN_S):
                caller = await self._caller(handler_call_details)
        except Exception as error:  # noqa: BLE001 (each has its status)
            return _refuse(*_problem(error, method), method)
        handler = await continuation(handler_call_details)
        if handler is None or (self._certificates is None and handler.unary_unary is None):
            return handler  # type: ignore[return-value]  # gRPC says UNIMPLEMENTED to None

        async def identify(context: Context) -> Caller:
            try:
                async with asyncio.timeout(ASK_WITHIN_S):
                    return await self._known(caller, context)
            except Exception as error:  # noqa: BLE001 (each has its status)
                status, sentence = _problem(error, method)
                await context.abort(status, sentence, _trailers(status))
            raise AssertionError("abort raises")

        return _as(identify, handler)

    async def _known(self, caller: Caller | None, context: Context) -> Caller:
        """By the token; by the certificate where there is none; by both where they name the same."""
        if self._certificates is None:
            assert caller is not None, "without certificates, who has no token was refused"
            return caller
        if caller is None:
            return await self._certificates.find_caller(context)
        self._certificates.check(context, caller)
        return caller

    async def _caller(self, details: grpc.HandlerCallDetails) -> Caller | None:
        """None: there is no token, but there may be a certificate."""
        metadata = {str(name): value for name, value in details.invocation_metadata or ()}
        scheme, _, token = str(metadata.get(TOKEN_HEADER, "")).partition(" ")
        if self._certificates is not None and TOKEN_HEADER not in metadata:
            return None
        if scheme.lower() != "bearer" or not token:
            raise UnknownError(REQUIRED)
        # All are compared, in constant time: neither which one nor how much of it matched shows.
        given = _digest(token.strip())
        matches = [hmac.compare_digest(given, digest) for digest in self._digests]
        if any(matches):
            actor = str(metadata.get(ACTOR_HEADER, DEFAULT_ACTOR))
            return Caller(INSTALLATION, actor, dict.fromkeys(OPERATOR, frozenset[int]()))
        caller = await self._whose(token.strip())
        if caller is None:
            raise UnknownError("this is not an administrator's token")
        return caller


class StatusMapper(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Turns what use cases raise into a gRPC status with a sentence: the one place for it."""

    def __init__(self, ask_ledger: Ask) -> None:
        """`ask_ledger` raises while Postgres is away: nothing is begun then."""
        self._ask_ledger = ask_ledger

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        """Wrap the handlers of our services."""
        handler = await continuation(handler_call_details)
        if handler is None or not handler_call_details.method.startswith(OURS):
            return handler  # type: ignore[return-value]
        return grpc.unary_unary_rpc_method_handler(
            self._mapped(cast("Behavior", handler.unary_unary), handler_call_details.method),
            handler.request_deserializer,
            handler.response_serializer,
        )

    def _mapped(self, behavior: Behavior, method: str) -> Behavior:
        async def answer(request: Any, context: Context) -> Any:
            if not await self._there(method):
                await context.abort(grpc.StatusCode.UNAVAILABLE, LEDGER_AWAY, ANSWERED)
            try:
                return await behavior(request, context)
            except AdminError as error:
                trailers: Trailers = (*ANSWERED, *details.trailers(error))
                await context.abort(STATUS[type(error)], str(error), trailers)
            except Exception as error:
                if is_away(error):
                    _say_away(method, error)
                    await context.abort(grpc.StatusCode.UNAVAILABLE, LEDGER_LOST, ANSWERED)
                log.exception("admin_call_failed", method=method)
                await context.abort(grpc.StatusCode.INTERNAL, FAILED)

        return answer

    async def _there(self, method: str) -> bool:
        """Whether the ledger answers now."""
        try:
            async with asyncio.timeout(ASK_WITHIN_S):
                await self._ask_ledger()
        except Exception as error:
            if not is_away(error):
                raise
            _say_away(method, error)
            return False
        return True


def admin_interceptors(
    tokens: Sequence[str],
    ask_ledger: Ask,
    pool: asyncpg.Pool,
    four_eyes_above: int = 0,
    certificates: Certificates | None = None,
) -> "tuple[grpc.aio.ServerInterceptor[Any, Any], ...]":
    """What a server of the administrators' services must be made with; `tokens` must not be empty.

    `four_eyes_above` in nano-USD: what one administrator gives alone in a day; 0: any amount.
    `certificates`: None where clients show none.
    """
    if not all(tokens) or not tokens:
        raise ValueError("at least one administrator's token is needed, and none may be empty")
    authenticator = Authenticator(tokens, functools.partial(admins.find_caller, pool), certificates)
    return authenticator, StatusMapper(ask_ledger), Gate(trial.over(pool), four_eyes_above)


def _as(identify: Callable[[Context], Awaitable[Caller]], handler: Handler) -> Handler:
    """What the handler does, it does for this caller; what is not ours (reflection) is asked in streams."""
    one, many = cast("Behavior", handler.unary_unary), cast("Any", handler.stream_stream)
    coded = (handler.request_deserializer, handler.response_serializer)

    async def answer(request: Any, context: Context) -> Any:
        PRESENT.set(await identify(context))
        return await one(request, context)

    async def answer_all(requests: Any, context: Context) -> Any:
        PRESENT.set(await identify(context))
        async for each in many(requests, context):
            yield each

    if handler.unary_unary is not None:
        return grpc.unary_unary_rpc_method_handler(answer, *coded)
    return grpc.stream_stream_rpc_method_handler(answer_all, *coded)


def _problem(error: Exception, method: str) -> tuple[grpc.StatusCode, str]:
    """What is said to who could not be identified."""
    if isinstance(error, UnknownError):
        return grpc.StatusCode.UNAUTHENTICATED, str(error) or REQUIRED
    if is_away(error):
        _say_away(method, error)
        return grpc.StatusCode.UNAVAILABLE, LEDGER_AWAY
    log.error("admin_call_failed", method=method, exc_info=error)
    return grpc.StatusCode.INTERNAL, FAILED


def _trailers(status: grpc.StatusCode) -> Trailers:
    return ANSWERED if status is grpc.StatusCode.UNAVAILABLE else ()


def _say_away(method: str, error: Exception) -> None:
    log.warning("admin_ledger_away", method=method, error=type(error).__name__)


def _refuse(status: grpc.StatusCode, problem: str, method: str) -> Handler:
    """A handler that refuses; what is not ours (reflection) is asked in streams."""
    trailers = _trailers(status)

    async def abort(_: Any, context: Context) -> None:
        await context.abort(status, problem, trailers)

    async def abort_stream(_: Any, context: Context) -> Any:
        await context.abort(status, problem, trailers)
        yield  # type: ignore[unreachable]  # a generator, as gRPC wants of a stream

    if method.startswith(OURS):
        return grpc.unary_unary_rpc_method_handler(abort)
    return grpc.stream_stream_rpc_method_handler(abort_stream)


def _digest(token: str) -> bytes:
    """Of equal length for every token, so that its length does not show either."""
    return hashlib.sha256(token.encode()).digest()
