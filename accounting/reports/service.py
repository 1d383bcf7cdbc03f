"""The ReportService: the one place where its protobufs become use cases, their results protobufs."""

from collections.abc import Awaitable, Callable

import asyncpg
import grpc

from accounting.admin.errors import InvalidFieldError
from accounting.admin.messages import Context, read_change
from accounting.reports import enforce, readiness, recompute, shadow
from accounting.reports.readiness import Readiness
from protos.pedagio.v1 import reports_pb2 as pb
from protos.pedagio.v1 import reports_pb2_grpc


class ReportServicer(reports_pb2_grpc.ReportServiceServicer):
    """Translates in, asks the use case, translates out; errors are mapped by the interceptors."""

    def __init__(self, pool: asyncpg.Pool, publish: Callable[[str], Awaitable[None]]) -> None:
        """`publish` names a topic that changed, so that replicas look at once; best effort."""
        self._pool = pool
        self._publish = publish

    async def Recompute(
        self, request: pb.RecomputeRequest, _context: Context
    ) -> pb.RecomputeResponse:
        """Whether stored refusals follow from their inputs."""
        if bool(request.ref) == bool(request.person):
            raise InvalidFieldError("ref", "or person must be given, not both")
        ref = request.ref or await recompute.find_newest(self._pool, request.person)
        found = await recompute.recompute(self._pool, ref)
        return pb.RecomputeResponse(
            recomputations=[
                pb.Recomputation(
                    hold_id=each.hold_id, kind=each.kind, verdict=each.verdict,
                    sentence=each.sentence,
                )
                for each in found
            ]
        )  # fmt: skip

    async def ShadowReport(
        self, request: pb.ShadowReportRequest, _context: Context
    ) -> pb.ShadowReportResponse:
        """What enforcement would have done."""
        return _report_message(await shadow.read(self._pool, request.days))

    async def Readiness(
        self, request: pb.ReadinessRequest, _context: Context
    ) -> pb.ReadinessResponse:
        """Whether enforcement may begin."""
        found = await readiness.read(self._pool, request.days, request.cohort)
        return _readiness_message(found)

    async def MatchRate(
        self, request: pb.MatchRateRequest, _context: Context
    ) -> pb.MatchRateResponse:
        """How many of the calls that closed both witnesses told of."""
        calls, matched = await readiness.count_matched(self._pool, request.days)
        return pb.MatchRateResponse(calls=calls, matched=matched)

    async def Enforce(self, request: pb.EnforceRequest, context: Context) -> pb.EnforceResponse:
        """Put enforcement in force; replicas take it within a second."""
        change = read_change(request.reason, context)
        done = await enforce.enforce(
            self._pool, request.days, request.cohort, change, force=request.force
        )
        await self._publish("mode")
        return pb.EnforceResponse(
            mode=done.mode, accounts=done.accounts, readiness=_readiness_message(done.readiness)
        )


def _report_message(found: shadow.ShadowReport) -> pb.ShadowReportResponse:
    return pb.ShadowReportResponse(
        days=found.days,
        requests=found.requests,
        would_refuse=found.would_refuse,
        people=len(found.known),
        people_refused=found.people_refused,
        saved_nanos=found.saved_nanos,
        near_misses=found.near_misses,
        reasons=[
            pb.ReasonCount(
                reason=row["reason"], requests=row["requests"], people=row["people"],
                saved_nanos=row["saved"],
            )
            for row in found.reasons
        ],
        persons=[
            pb.PersonReport(
                account_id=row["account_id"], client=row["client_id"],
                external_id=row["external_id"], email=row["email"], requests=row["requests"],
                would_refuse=row["would_refuse"], shortened=row["shortened"],
                spent_nanos=row["spent"], saved_nanos=row["saved"],
                available_nanos=row["available"], nearly_out=row["nearly_out"],
            )
            for row in found.known[: shadow.PERSONS_SHOWN]
        ],
    )  # fmt: skip


def _readiness_message(found: Readiness) -> pb.ReadinessResponse:
    lines = [
        pb.ReadinessLine(
            name=line.name, ready=line.ready, blocks=line.blocks, finding=line.finding,
            command=line.command,
        )
        for line in found.lines
    ]  # fmt: skip
    return pb.ReadinessResponse(days=found.days, ready=found.ready, lines=lines)


def add_report_service(
    server: grpc.aio.Server, pool: asyncpg.Pool, publish: Callable[[str], Awaitable[None]]
) -> None:
    """Serve the ReportService on a server that was made with `admin_interceptors(tokens)`."""
    reports_pb2_grpc.add_ReportServiceServicer_to_server(ReportServicer(pool, publish), server)
