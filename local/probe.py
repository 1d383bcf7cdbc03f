"""Free loopback ports, and the questions that tell whether a part is healthy."""

import asyncio
import contextlib
import random
import socket
import ssl
from typing import Final

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

HOST: Final = "127.0.0.1"
# Below the range from which systems pick ports for outgoing connections: a port that is free now
# stays free until the part that shall listen on it has started, and across its restarts.
PORTS: Final = range(15_000, 32_000)
PORT_TRIES: Final = 200
PROBE_TIMEOUT_S: Final = 1.0
# Probes speak plain HTTP. httpx would read all of the system's certificates for each (50 ms of a
# core that LiteLLM needs to start); this context trusts nobody, and costs nothing.
NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def free_ports(count: int) -> list[int]:
    """Find distinct loopback ports on which nothing listens."""
    found: set[int] = set()
    for _ in range(PORT_TRIES):
        if len(found) == count:
            return list(found)
        port = random.choice(PORTS)
        with socket.socket() as candidate, contextlib.suppress(OSError):
            candidate.bind((HOST, port))
            found.add(port)
    raise RuntimeError(f"no {count} free ports on {HOST} after {PORT_TRIES} tries")


async def tcp_open(port: int) -> bool:
    """Whether something accepts connections on a loopback port."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            _, writer = await asyncio.open_connection(HOST, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def http_ok(url: str, *, unix_socket: str | None = None) -> bool:
    """Whether GET on the URL (over a Unix socket, if named) answers 200."""
    transport = httpx.AsyncHTTPTransport(uds=unix_socket, verify=NO_TLS)
    async with httpx.AsyncClient(transport=transport, timeout=PROBE_TIMEOUT_S) as client:
        try:
            return (await client.get(url)).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False


async def grpc_serving(address: str) -> bool:
    """Whether the gRPC health service at host:port says SERVING."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=PROBE_TIMEOUT_S)
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
