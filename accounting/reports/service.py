"""The ReportService: the one place where its protobufs become use cases, their results protobufs."""

import asyncpg
import grpc

from accounting.admin.errors import InvalidFieldError
from accounting.admin.messages import Context
from accounting.reports import recompute
from protos.pedagio.v1 import reports_pb2 as pb
from protos.pedagio.v1 import reports_pb2_grpc


class ReportServicer(reports_pb2_grpc.ReportServiceServicer):
    """Translates in, asks the use case, translates out; errors are mapped by the interceptors."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """On the ledger behind `pool`."""
        self._pool = pool

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


def add_report_service(server: grpc.aio.Server, pool: asyncpg.Pool) -> None:
    """Serve the ReportService on a server that was made with `admin_interceptors(tokens)`."""
    reports_pb2_grpc.add_ReportServiceServicer_to_server(ReportServicer(pool), server)
