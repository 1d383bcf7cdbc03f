"""The gate behind the interceptors: a call passes where the roles of its caller reach that far."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, cast

import asyncpg
import grpc
from google.protobuf.message import Message

from accounting.admin import four_eyes, giving, reach, roles, statements
from accounting.admin.caller import PRESENT, Caller, present
from accounting.admin.errors import AdminError, ConflictError, InvalidFieldError
from accounting.admin.messages import ACTOR_HEADER

OURS: Final = "/pedagio.v1."

# The stubs are generic where the classes are not: hence the quotes.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Found: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"  # None: there is no such method
Continuation: TypeAlias = Callable[[grpc.HandlerCallDetails], Awaitable[Found]]
Find: TypeAlias = Callable[[str], Awaitable[Found]]
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Behavior: TypeAlias = Callable[[Any, Context], Awaitable[Any]]


class Gate(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """The last interceptor: what it lets through, the service answers."""

    def __init__(self, pool: asyncpg.Pool, four_eyes_above: int) -> None:
        """`four_eyes_above` in nano-USD: what one gives alone in a day; 0: any amount."""
        self._pool = pool
        self._above = four_eyes_above

    async def intercept_service(
        self,
        continuation: Continuation,
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Wrap the handlers of our services; `find` finds those of others, for what is carried out later."""
        handler = await continuation(handler_call_details)
        if handler is None or not handler_call_details.method.startswith(OURS):
            return handler  # type: ignore[return-value]  # gRPC says UNIMPLEMENTED to None
        method = handler_call_details.method.removeprefix(OURS)
        behavior = cast("Behavior", handler.unary_unary)

        async def find(other: str) -> Found:
            # grpc makes these of a class of its own, and takes no other.
            details: Any = type(handler_call_details)
            metadata = handler_call_details.invocation_metadata
            return await continuation(details(f"{OURS}{other}", metadata))

        async def answer(request: Any, context: Context) -> Any:
            _CARRYING.set(Carrying(self, find, context))
            return await self.let_through(method, request, lambda: behavior(request, context))

        return grpc.unary_unary_rpc_method_handler(
            answer, handler.request_deserializer, handler.response_serializer
        )

    async def check(self, method: str, request: Message) -> frozenset[int] | None:
        """Raises ForbiddenError or NotFoundError where the caller may not; within which pools, else None."""
        caller = present()
        rule, pools = roles.admit(caller, method)
        if pools is not None and rule.of != roles.NOBODY:
            await reach.check_within(self._pool, rule, request, pools)
        await reach.check_not_own(self._pool, rule, request, caller)
        return pools

    async def let_through(self, method: str, request: Any, go: Callable[[], Awaitable[Any]]) -> Any:
        """Make a call of the present caller's, after all that stands before it."""
        pools = await self.check(method, request)
        rule, caller = roles.RULES[method], present()
        if caller.installation and "reason" in request.DESCRIPTOR.fields_by_name:
            await self._check_named(caller.actor)
        amount = await self.measure(method, request)
        if self._above and amount:
            await reach.check_there(self._pool, rule, request)
        async with four_eyes.counted(
            self._pool, caller, method, request, amount=amount, above=self._above
        ):
            answer = await go()
        if pools is not None and rule.shows:
            await reach.keep_own_pools(self._pool, answer, rule.shows, pools)
        return answer

    async def measure(self, method: str, request: Any) -> int:
        """Nano-USD that it gives; raises ForbiddenError where some of it is for the caller."""
        kind = roles.RULES[method].gives
        return await giving.MEASURES[kind](self._pool, request, present()) if kind else 0

    async def _check_named(self, actor: str) -> None:
        """Whoever has a token of their own is named by it alone."""
        row = await statements.row(self._pool, "is_admin_email", email=actor.strip())
        if row is not None and row["known"]:
            problem = "names an administrator, whom only a token of their own may name"
            raise InvalidFieldError(ACTOR_HEADER, problem)


@dataclass(frozen=True, slots=True)
class Carrying:
    """Makes a call that was stored, in place of whoever proposed it."""

    gate: Gate
    find: Find
    context: Context

    async def check(self, found: four_eyes.Proposal) -> Any:
        """The request; raises what the present caller would be refused with, made by them."""
        request = (await self._handler(found)).request_deserializer(found.request)
        await self.gate.check(found.method, request)
        return request

    async def run(self, found: four_eyes.Proposal, confirmed_by: Caller) -> None:
        """Make the call; raises AdminError as its service does."""
        handler = await self._handler(found)
        request = handler.request_deserializer(found.request)
        who = Caller(found.proposed_by, found.proposer, {})
        before = PRESENT.set(replace(who, confirmed_by=confirmed_by.actor))
        try:
            await cast("Behavior", handler.unary_unary)(request, self.context)
        finally:
            PRESENT.reset(before)

    async def act(self, method: str, request: Any) -> Any:
        """Make a call in the name of the present caller; raises AdminError as its service does."""
        handler = await self.find(method)
        assert handler is not None, f"{method} is served with what asks for it"
        behavior = cast("Behavior", handler.unary_unary)
        return await self.gate.let_through(method, request, lambda: behavior(request, self.context))

    async def _handler(self, found: four_eyes.Proposal) -> Any:
        handler = await self.find(found.method)
        if handler is None:
            raise ConflictError(f"{found.method} is not served by this release")
        return handler


_CARRYING: ContextVar[Carrying] = ContextVar("carrying")


async def check_as(caller: Caller, method: str, request: Message) -> None:
    """Raises what somebody would be refused with at this moment."""
    before = PRESENT.set(caller)
    try:
        await _CARRYING.get().gate.check(method, request)
    finally:
        PRESENT.reset(before)


async def act_as(caller: Caller, method: str, request: Any) -> Any:
    """Make a call in somebody's name, with their rights, counted as theirs."""
    before = PRESENT.set(caller)
    try:
        return await _CARRYING.get().act(method, request)
    finally:
        PRESENT.reset(before)


async def confirm(pool: asyncpg.Pool, proposal_id: int, reason: str) -> four_eyes.Proposal:
    """Make the call of a proposal, exactly once: a crash on the way is mended by confirming again.

    The service itself knows the request id, so that what was made before the crash is not made again.
    """
    caller, carrying = present(), _CARRYING.get()
    async with four_eyes.alone(pool, proposal_id):
        found = await four_eyes.find(pool, proposal_id)
        request = await carrying.check(found)
        four_eyes.check_other(found, caller)
        if found.status != "confirmed":
            await carrying.gate.measure(found.method, request)  # nor may it be for who confirms
        if found.status != "confirmed":
            await four_eyes.decide(pool, found, caller, reason, confirmed=True)
        try:
            await carrying.run(found, caller)
        except AdminError as error:
            await four_eyes.end(pool, found, str(error))
            raise
        await four_eyes.end(pool, found)
    return await four_eyes.find(pool, proposal_id)


async def deny(pool: asyncpg.Pool, proposal_id: int, reason: str) -> four_eyes.Proposal:
    """Whoever could confirm it says no; whoever proposed it takes it back."""
    found = await four_eyes.find(pool, proposal_id)
    await _CARRYING.get().check(found)
    await four_eyes.decide(pool, found, present(), reason, confirmed=False)
    return await four_eyes.find(pool, proposal_id)


async def list_own(pool: asyncpg.Pool, *, decided: bool) -> list[tuple[four_eyes.Proposal, Any]]:
    """The proposals that the caller could have made, each with its request."""
    shown = []
    for each in await four_eyes.list_proposals(pool, decided=decided):
        try:
            shown.append((each, await _CARRYING.get().check(each)))
        except AdminError:
            continue
    return shown
