"""The part of the AdminService that looks after what is left open: holds by hand, exceptions."""

import asyncpg

from accounting.admin import exceptions, holds, messages
from accounting.admin.messages import Context
from protos.pedagio.v1 import admin_pb2 as pb


class HoldService:
    """Translates in, asks the use case, translates out."""

    _pool: asyncpg.Pool

    async def ReleaseHold(
        self, request: pb.ReleaseHoldRequest, context: Context
    ) -> pb.ReleaseHoldResponse:
        """Free what a call reserves; a late report is debited all the same."""
        change = messages.read_change(request.reason, context)
        released = await holds.release(self._pool, request.hold_id, change)
        return pb.ReleaseHoldResponse(
            hold_id=released.hold_id,
            account=messages.name_message(released.account),
            released_nanos=released.released_nanos,
            already_closed=released.already_closed,
        )

    async def ListExceptions(
        self, request: pb.ListExceptionsRequest, _context: Context
    ) -> pb.ListExceptionsResponse:
        """One page of what a person should look at."""
        found, token = await exceptions.list_page(
            self._pool,
            request.kind,
            request.page_size,
            request.page_token,
            resolved=request.resolved,
        )
        return pb.ListExceptionsResponse(
            exceptions=[exception_message(each) for each in found], next_page_token=token
        )

    async def ResolveException(
        self, request: pb.ResolveExceptionRequest, context: Context
    ) -> pb.Exception:
        """Say what came of one."""
        change = messages.read_change(request.reason, context)
        return exception_message(await exceptions.resolve(self._pool, request.id, change))


def exception_message(oddity: exceptions.Oddity) -> pb.Exception:
    """An exception."""
    resolved_at = oddity.resolved_at
    return pb.Exception(
        id=oddity.id, kind=oddity.kind, subject=oddity.subject, detail_json=oddity.detail_json,
        recorded_at_ms=messages.epoch_ms(oddity.recorded_at),
        resolved_at_ms=messages.epoch_ms(resolved_at) if resolved_at else 0,
        resolved_by=oddity.resolved_by, resolution=oddity.resolution,
    )  # fmt: skip
