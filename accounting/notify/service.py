"""The NoticeService: what was told, what could not be, and trying anew."""

from typing import Final

import asyncpg
import grpc

from accounting.admin import fields, statements, trial
from accounting.admin.errors import InvalidFieldError, NotFoundError
from accounting.admin.messages import Context, epoch_ms, read_change
from protos.pedagio.v1 import notices_pb2 as pb
from protos.pedagio.v1 import notices_pb2_grpc

ALL_OF_IT: Final = 100
MOST_THRESHOLDS: Final = 10
STATES: Final = ("", "pending", "sent", "skipped", "failed")


class NoticeServicer(notices_pb2_grpc.NoticeServiceServicer):
    """Translates in, asks the statements, translates out."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """`pool`: the ledger's."""
        self._pool = pool

    async def ListNotices(
        self, request: pb.ListNoticesRequest, _context: Context
    ) -> pb.ListNoticesResponse:
        """The newest, one row for each channel."""
        state = fields.choice("state", request.state, STATES)
        size = fields.page_size("page_size", request.page_size)
        rows = await statements.rows(self._pool, "list_notices", state=state, page_size=size)
        return pb.ListNoticesResponse(notices=[_notice(row) for row in rows])

    async def RetryNotice(
        self, request: pb.RetryNoticeRequest, context: Context
    ) -> pb.RetryNoticeResponse:
        """Try anew what was given up."""
        change = read_change(request.reason, context)
        found = await statements.row(
            self._pool, "retry_notice", id=request.id, actor=change.actor, reason=change.reason
        )
        if found is None or found["deliveries"] is None:
            raise NotFoundError(f"there is no notice {request.id}: `pedagio notices list`")
        return pb.RetryNoticeResponse(deliveries=found["deliveries"])

    async def SetThresholds(
        self, request: pb.SetThresholdsRequest, context: Context
    ) -> pb.Thresholds:
        """At how much used the people of a plan are told; from their next debit on."""
        change = read_change(request.reason, context)
        percents = sorted(set(request.percents))
        if len(percents) > MOST_THRESHOLDS:
            raise InvalidFieldError("percents", f"must be {MOST_THRESHOLDS} at most")
        if wrong := [each for each in percents if not 1 <= each <= ALL_OF_IT]:
            raise InvalidFieldError("percents", f"must be from 1 to {ALL_OF_IT}; one is {wrong[0]}")
        row = await statements.row(
            self._pool, "set_thresholds", plan=request.plan, percents=percents, actor=change.actor,
            reason=change.reason,
        )  # fmt: skip
        if row is None:
            raise NotFoundError(f"there is no plan {request.plan[:40]!r}: `pedagio plan list`")
        return pb.Thresholds(plan=row["id"], percents=percents)


def add_notice_service(server: grpc.aio.Server, pool: asyncpg.Pool) -> None:
    """Serve it on a server that was made with `admin_interceptors(tokens)`."""
    notices_pb2_grpc.add_NoticeServiceServicer_to_server(NoticeServicer(trial.over(pool)), server)


def _notice(row: asyncpg.Record) -> pb.Notice:
    return pb.Notice(
        id=row["id"],
        kind=row["kind"],
        audience=row["audience"],
        account_id=row["account_id"] or 0,
        subject=row["subject"],
        created_at_ms=epoch_ms(row["created_at"]),
        channel=row["channel"] or "",
        state=row["state"] or "pending",
        attempts=row["attempts"] or 0,
        problem=row["problem"] or "",
    )
