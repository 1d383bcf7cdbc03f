"""The server that Envoy tells how requests ended: envoy.service.accesslog.v3.AccessLogService."""

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final, TypeAlias

import grpc
import structlog

from accounting.access import entry as access_entry
from accounting.access.record import Row, row
from accounting.access.sink import AccessSink, Count, Outlets
from protos import access_log_pb2 as pb
from protos import access_log_pb2_grpc

# An entry is at most some 400 KiB: Envoy passes body values of up to 8 KiB, 38 of them, and drops longer ones.
MESSAGE_LIMIT_BYTES: Final = 4 * 1024 * 1024
STREAMS_LIMIT: Final = 256  # one for each worker of each Envoy
STOP_WITHIN_S: Final = 1.0
SCHEME: Final = "Bearer "
OPTIONS: Final = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
    ("grpc.max_concurrent_streams", STREAMS_LIMIT),
)

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

log = structlog.get_logger()


class AccessLogServicer(access_log_pb2_grpc.AccessLogServiceServicer):
    """Takes entries from whoever shows the key, and hands on the rows that are kept."""

    def __init__(
        self,
        sink: AccessSink,
        keys: Sequence[bytes],
        count: Count,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`keys`: the live secrets that Envoy may show; `count`: (result, how many) for the metrics."""
        self._sink = sink
        self._keys = keys
        self._count = count
        self._clock = clock

    async def StreamAccessLogs(
        self, request_iterator: AsyncIterator[pb.StreamAccessLogsMessage], context: Context
    ) -> pb.StreamAccessLogsResponse:
        """Read one stream until Envoy ends it."""
        if not self._may(context):
            log.warning("access_log_refused", peer=context.peer())
            self._count("refused_stream", 1)
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the access log needs its key")
        async for message in request_iterator:
            await self._sink.offer(self._rows(message))
        return pb.StreamAccessLogsResponse()

    def _rows(self, message: pb.StreamAccessLogsMessage) -> list[Row]:
        now_ms = int(self._clock() * 1000)
        entries = message.http_logs.log_entry
        rows = [row(access_entry.read(entry, now_ms)) for entry in entries]
        kept = [one for one in rows if one is not None]
        self._count("skipped", len(rows) - len(kept))
        return kept

    def _may(self, context: Context) -> bool:
        """Whether the stream shows a live key; every key is compared, each in constant time."""
        metadata = {str(name): value for name, value in context.invocation_metadata() or ()}
        shown = metadata.get("authorization", "")
        token = shown if isinstance(shown, bytes) else shown.encode()
        genuine = [hmac.compare_digest(token, SCHEME.encode() + key) for key in self._keys]
        return any(genuine)


def access_log_server(
    outlets: Outlets, keys: Sequence[bytes], clock: Callable[[], float] = time.time
) -> "AccessLogServer":
    """The whole way from Envoy's streams to the ledger, for these keys."""
    sink = AccessSink(outlets)
    return AccessLogServer(sink, AccessLogServicer(sink, keys, outlets.count, clock))


class AccessLogServer:
    """The server with its sink: started together, stopped so that what arrived is written."""

    def __init__(self, sink: AccessSink, servicer: AccessLogServicer) -> None:
        """Nothing listens until `start`."""
        self._sink = sink
        self._server = grpc.aio.server(options=OPTIONS)
        access_log_pb2_grpc.add_AccessLogServiceServicer_to_server(servicer, self._server)
        self._running: asyncio.Task[None] | None = None

    async def start(self, listen: str) -> int:
        """Listen on host:port, 0 for any; returns the port. Raises OSError where that is taken."""
        port = self._server.add_insecure_port(listen)
        if port == 0:
            raise OSError(f"cannot listen on {listen}")
        self._running = asyncio.create_task(self._sink.run())
        await self._server.start()
        return port

    async def stop(self) -> None:
        """Take no more, write what is queued."""
        await self._server.stop(STOP_WITHIN_S)
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self._sink.drain()
