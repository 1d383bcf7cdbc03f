"""What surrounds every call of the AdminService: authentication before it, status codes after it."""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

import grpc
import structlog

from accounting.admin.errors import (
    AdminError,
    AlreadyExistsError,
    ConflictError,
    InvalidFieldError,
    NotFoundError,
    UpstreamError,
)
from credit.away import is_away

# Health checks share the port and carry no token.
GUARDED = "/pedagio.v1."
TOKEN_HEADER = "authorization"  # noqa: S105 (the name of a header)
STATUS: Mapping[type[AdminError], grpc.StatusCode] = {
    InvalidFieldError: grpc.StatusCode.INVALID_ARGUMENT,
    NotFoundError: grpc.StatusCode.NOT_FOUND,
    AlreadyExistsError: grpc.StatusCode.ALREADY_EXISTS,
    ConflictError: grpc.StatusCode.FAILED_PRECONDITION,
    UpstreamError: grpc.StatusCode.UNAVAILABLE,
}
# Tells a sentence of ours from gRPC's own UNAVAILABLE, which means that nobody was there to answer.
ANSWERED = (("x-pedagio-answered", "yes"),)
LEDGER_AWAY = "the ledger cannot be reached now: nothing was changed, try again"
LEDGER_LOST = "the ledger cannot be reached now: whether anything was changed is unknown"
# An administrator who is told at once that the ledger is away can do something about it.
ASK_WITHIN_S = 3.0

# The stubs are generic where the classes are not: hence the quotes, and the ignores below.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Continuation: TypeAlias = Callable[[grpc.HandlerCallDetails], Awaitable[Handler]]
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Behavior: TypeAlias = Callable[[Any, Context], Awaitable[Any]]
Ask: TypeAlias = Callable[[], Awaitable[object]]

log = structlog.get_logger()


class Authenticator(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Lets a call of the AdminService pass only with one of the bearer tokens."""

    def __init__(self, tokens: Sequence[str]) -> None:
        """`tokens`: the live ones; several while one is being replaced."""
        self._digests = [_digest(token) for token in tokens]

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        """Refuse before the request is even read."""
        if handler_call_details.method.startswith(GUARDED):
            problem = self._problem(handler_call_details)
            if problem is not None:
                return _refuse(problem)
        return await continuation(handler_call_details)

    def _problem(self, details: grpc.HandlerCallDetails) -> str | None:
        metadata = {str(name): value for name, value in details.invocation_metadata or ()}
        scheme, _, token = str(metadata.get(TOKEN_HEADER, "")).partition(" ")
        if scheme.lower() != "bearer" or not token:
            return "an administrator's token is required: metadata `authorization: Bearer <token>`"
        # All are compared, in constant time: neither which one nor how much of it matched shows.
        given = _digest(token.strip())
        matches = [hmac.compare_digest(given, digest) for digest in self._digests]
        if any(matches):
            return None
        return "this is not an administrator's token"


class StatusMapper(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Turns what use cases raise into a gRPC status with a sentence: the one place for it."""

    def __init__(self, ask_ledger: Ask) -> None:
        """`ask_ledger` raises while Postgres is away: nothing is begun then."""
        self._ask_ledger = ask_ledger

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        """Wrap the handlers of the AdminService."""
        handler = await continuation(handler_call_details)
        if not handler_call_details.method.startswith(GUARDED):
            return handler
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
                await context.abort(STATUS[type(error)], str(error), ANSWERED)
            except Exception as error:
                if is_away(error):
                    _say_away(method, error)
                    await context.abort(grpc.StatusCode.UNAVAILABLE, LEDGER_LOST, ANSWERED)
                log.exception("admin_call_failed", method=method)
                text = "accounting failed on this request; its log says why"
                await context.abort(grpc.StatusCode.INTERNAL, text)

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
    tokens: Sequence[str], ask_ledger: Ask
) -> "tuple[grpc.aio.ServerInterceptor[Any, Any], ...]":
    """What a server of the AdminService must be made with; `tokens` must not be empty."""
    if not all(tokens) or not tokens:
        raise ValueError("at least one administrator's token is needed, and none may be empty")
    return Authenticator(tokens), StatusMapper(ask_ledger)


def _say_away(method: str, error: Exception) -> None:
    log.warning("admin_ledger_away", method=method, error=type(error).__name__)


def _refuse(problem: str) -> Handler:
    async def abort(_: Any, context: Context) -> None:
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, problem)

    return grpc.unary_unary_rpc_method_handler(abort)


def _digest(token: str) -> bytes:
    """Of equal length for every token, so that its length does not show either."""
    return hashlib.sha256(token.encode()).digest()
