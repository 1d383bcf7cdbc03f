"""The gRPC face of authz: Envoy's Authorization service, health, graceful stop."""

import asyncio
from collections.abc import Awaitable, Callable

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from authz.request import Request, read
from authz.response import Allow, Answered, Known, Listed, Refuse, build
from protos import ext_authz_pb2 as pb
from protos import ext_authz_pb2_grpc as pb_grpc

SERVICE = "envoy.service.auth.v3.Authorization"
# What Envoy's filter pedagio.known_key says of its question (envoy/listener.yaml); no client can say it.
KEY_STAGE = ("x-pedagio-stage", "key")
# Envoy's health check needs this long to notice NOT_SERVING and route to the other replica (facts-envoy.md).
LEAVE_S = 3.0
DRAIN_S = 5.0
# A scalar field may be as long as the body that Envoy accepts (16 MiB): a bad request, to be refused
# in words. gRPC's default of 4 MiB would make it an error of ours.
MESSAGE_LIMIT_BYTES = 20 * 1024 * 1024

log = structlog.get_logger()


class Authorization(pb_grpc.AuthorizationServicer):
    """Translates in, asks the use case, translates out."""

    def __init__(
        self,
        decide: Callable[[Request], Awaitable[Allow | Refuse | Listed | Answered]],
        recognise: Callable[[Request], Known | Refuse],
    ) -> None:
        """`decide` and `recognise` are those of authz.check.Check."""
        self._decide = decide
        self._recognise = recognise

    async def Check(
        self,
        request: pb.CheckRequest,
        context: "grpc.aio.ServicerContext[pb.CheckRequest, pb.CheckResponse]",
    ) -> pb.CheckResponse:
        """Answer one question of Envoy; an error of ours is an error to Envoy, which fails closed."""
        if KEY_STAGE in (context.invocation_metadata() or ()):
            return build(self._recognise(read(request)))
        return build(await self._decide(read(request)))


class Server:
    """A grpc.aio server that says when it is ready and leaves without dropping anybody."""

    def __init__(self, servicer: Authorization, listen: str) -> None:
        """`listen` is host:port or unix:path."""
        self._server = grpc.aio.server(
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
            ]
        )
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]  # missing in the stubs
        pb_grpc.add_AuthorizationServicer_to_server(servicer, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if self._server.add_insecure_port(listen) == 0:
            raise OSError(f"cannot listen on {listen}")

    async def start(self) -> None:
        """Listen, not yet serving: Envoy waits for `serving`."""
        await self._say(health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._server.start()

    async def serving(self) -> None:
        """Tell Envoy's health check to send requests."""
        await self._say(health_pb2.HealthCheckResponse.SERVING)

    async def stop(self, leave_s: float = LEAVE_S) -> None:
        """Leave first, then drain: Envoy moves to the other replica before the door closes."""
        log.info("leaving", leave_s=leave_s)
        await self._say(health_pb2.HealthCheckResponse.NOT_SERVING)
        await asyncio.sleep(leave_s)
        await self._server.stop(DRAIN_S)

    async def _say(self, status: "health_pb2.HealthCheckResponse.ServingStatus.ValueType") -> None:
        for service in ("", SERVICE):
            await self._health.set(service, status)
