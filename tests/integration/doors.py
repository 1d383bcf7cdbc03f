"""authz as Envoy meets it: real processes on loopback ports, over a ledger that can be cut off."""

import asyncio
import json
import os
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from credit.bounds import REQUEST_TOKENS
from credit.token import Claims, verify
from local.probe import HOST, free_ports, grpc_serving
from local.process import Child, Command
from protos import ext_authz_pb2 as pb
from protos import ext_authz_pb2_grpc as pb_grpc
from tests.books import Books
from tests.unit.door import a_check, a_model_map

ROOT = Path(__file__).parents[2]
TOKEN_KEY = "t" * 32
# What Maria has, and what a call of 2,000 bytes and 100 tokens of gpt-4o wants, in nano-USD.
CREDIT = 100_000_000
WANT = (2_000 + REQUEST_TOKENS) * 2_500 + 100 * 10_000
WITHIN_S = 10.0
RPC_WITHIN_S = 5.0


async def until(condition: Callable[[], Awaitable[bool]], within_s: float = WITHIN_S) -> None:
    """Wait for a condition, with a bound."""
    deadline = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.02)


async def open_for_business(pool: asyncpg.Pool, mode: str = "enforce") -> None:
    """The model map and the mode, as accounting would have left them."""
    await pool.execute("INSERT INTO price_book (digest, source) VALUES ('d', 'test')")
    await pool.execute(
        "INSERT INTO model_map (price_book, digest, map) SELECT version, 'd', $1 FROM price_book",
        a_model_map().to_json(),
    )
    await pool.execute("UPDATE enforcement SET mode = $1", mode)


class Replica:
    """One authz process, with a channel to it."""

    def __init__(self, folder: Path, database_url: str, name: str = "authz", **more: str) -> None:
        """`more`: further PEDAGIO_ settings by lower-case name."""
        (port,) = free_ports(1)
        self.address = f"{HOST}:{port}"
        for part in ("logs", "processes"):
            (folder / part).mkdir(exist_ok=True)
        settings = {
            "database_url": database_url,
            "token_keys": TOKEN_KEY,
            "authz_listen": self.address,
        }
        environment = {f"PEDAGIO_{k.upper()}": v for k, v in (settings | more).items()}
        command = Command(
            name,
            (sys.executable, "-m", "authz"),
            {"PATH": os.environ["PATH"], **environment},
            ready=lambda: grpc_serving(self.address),
            folder=ROOT,
        )
        self.child = Child(command, folder)

    async def __aenter__(self) -> Self:
        """Start it and wait until it says SERVING."""
        await self.child.start()
        self.channel = grpc.aio.insecure_channel(self.address)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop it, whatever happened."""
        await self.channel.close(None)
        await self.child.kill()

    def check(self, request: pb.CheckRequest) -> Any:
        """One call of Envoy; await it, or cancel it."""
        return pb_grpc.AuthorizationStub(self.channel).Check(request, timeout=RPC_WITHIN_S)

    async def ask(self, hold_id: str, **more: Any) -> pb.CheckResponse:
        """Maria asks gpt-4o for 100 tokens, unless told otherwise."""
        body = more.pop("body", {"model": "gpt-4o", "max_tokens": 100})
        asked = a_check(body, authorization="Bearer librechat", x_request_id=hold_id, **more)
        answer: pb.CheckResponse = await self.check(asked)
        return answer

    async def health(self) -> str:
        """What it tells Envoy's health check; `gone` when it does not answer."""
        stub = health_pb2_grpc.HealthStub(self.channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=1.0)
        except grpc.aio.AioRpcError:
            return "gone"
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


class Wire:
    """A wire to Postgres that can be cut, and mended."""

    def __init__(self, database_url: str) -> None:
        """Starts whole at the first `mend`."""
        parts = urlsplit(database_url)
        (self._port,) = free_ports(1)
        self._far = (parts.hostname or HOST, parts.port or 5432)
        account = parts.netloc.rpartition("@")[0]
        self.url = urlunsplit(parts._replace(netloc=f"{account}@{HOST}:{self._port}"))
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def mend(self) -> None:
        """Let connections through."""
        self._server = await asyncio.start_server(self._carry, HOST, self._port)

    async def cut(self) -> None:
        """Drop every connection, accept none."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._far)
        ends = {writer, far_writer}
        self._open |= ends
        await asyncio.gather(
            self._pump(reader, far_writer), self._pump(far_reader, writer), return_exceptions=True
        )
        self._open -= ends

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
        finally:
            writer.close()


def claims_of(answer: pb.CheckResponse) -> Claims:
    """What the token of an allowed request says."""
    assert answer.status.code == 0, answer
    headers = {h.header.key: h.header.value for h in answer.ok_response.headers}
    return verify(headers["x-pedagio-hold"], [TOKEN_KEY.encode()])


def refusal_of(answer: pb.CheckResponse) -> tuple[int, Any]:
    """HTTP status and reason of a refused request."""
    assert answer.status.code != 0
    denied = answer.denied_response
    return denied.status.code, json.loads(denied.body)["error"]["code"]


def new_id() -> str:
    """What Envoy makes for each request."""
    return str(uuid.uuid4())


async def held(books: Books) -> int:
    """What is reserved on Maria's account; the books add up."""
    await books.check()
    return int(await books.pool.fetchval("SELECT held FROM account WHERE external_id = 'maria'"))


async def counted(books: Books, statement: str, at_least: int) -> bool:
    """Whether a counting statement has come so far."""
    return int(await books.pool.fetchval(statement)) >= at_least
