"""The yardstick: a grpc.aio ext_authz server that allows everything and looks at nothing."""

import argparse

import grpc
import uvloop
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from protos import ext_authz_pb2 as pb
from protos import ext_authz_pb2_grpc as pb_grpc


class AllowAll(pb_grpc.AuthorizationServicer):
    """Allows."""

    async def Check(  # noqa: N802 (named by Envoy's proto)
        self,
        request: pb.CheckRequest,  # noqa: ARG002
        context: "grpc.aio.ServicerContext[pb.CheckRequest, pb.CheckResponse]",  # noqa: ARG002
    ) -> pb.CheckResponse:
        """Answer without a thought."""
        return pb.CheckResponse(status=pb.Status(code=0), ok_response=pb.OkHttpResponse())


async def serve(listen: str) -> None:
    """Run until killed: it holds nothing that could be lost."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    pb_grpc.add_AuthorizationServicer_to_server(AllowAll(), server)
    checker = health.aio.HealthServicer()  # type: ignore[attr-defined]  # missing in the stubs
    health_pb2_grpc.add_HealthServicer_to_server(checker, server)
    await checker.set("", health_pb2.HealthCheckResponse.SERVING)
    server.add_insecure_port(listen)
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("listen", help="host:port")
    uvloop.run(serve(parser.parse_args().listen))
