"""The real Envoy between stand-ins for authz, for LiteLLM, which do as they are told."""

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from local import envoy_config
from local.probe import HOST, free_ports, http_ok, tcp_open
from local.process import Child, Command
from local.services import ENVOY_LOG_AT_ONCE
from protos import ext_authz_pb2 as pb
from protos import ext_authz_pb2_grpc
from tests.integration.envoy_upstream import WITHIN_S, Upstream

LITELLM_KEY: Final = "sk-of-litellm"
ACCESS_LOG_KEY: Final = "key-of-the-access-log"
CLIENT_KEY: Final = "Bearer sk-of-client"
POLL_S: Final = 0.02

# What Envoy's filter pedagio.known_key says of its question, and the answer that lets it go on.
KEY_STAGE: Final = ("x-pedagio-stage", "key")
KNOWN: Final = pb.CheckResponse(status=pb.Status(code=0), ok_response=pb.OkHttpResponse())

Answer = Callable[[pb.CheckRequest], pb.CheckResponse]
Headers = Sequence[tuple[str, str]]


def allow(*removed: str, **headers: str) -> pb.CheckResponse:
    """An approval that sets headers (`_` stands for `-`) and removes others."""
    answer = pb.CheckResponse(status=pb.Status(code=0))
    answer.ok_response.headers_to_remove.extend(removed)
    for name, value in {"x_pedagio_hold": "token", **headers}.items():
        header = pb.HeaderValue(key=name.replace("_", "-"), value=value)
        answer.ok_response.headers.add(header=header)
    answer.dynamic_metadata.update(
        {"client": "librechat", "account": "7", "mode": "enforce", "decision": "allow"}
    )
    return answer


def refuse(status: int, body: str) -> pb.CheckResponse:
    """A refusal as authz builds it."""
    denied = pb.DeniedHttpResponse(status=pb.HttpStatus(code=status), body=body)
    denied.headers.add(header=pb.HeaderValue(key="content-type", value="application/json"))
    denied.headers.add(header=pb.HeaderValue(key="x-should-retry", value="false"))
    answer = pb.CheckResponse(status=pb.Status(code=7), denied_response=denied)
    answer.dynamic_metadata.update(
        {"client": "librechat", "decision": "refuse", "reason": "insufficient_credit"}
    )
    return answer


class Authz(ext_authz_pb2_grpc.AuthorizationServicer):
    """One replica: keeps what it was asked, answers what it is told, may dawdle."""

    def __init__(self, port: int) -> None:
        """Prepare; `start` listens."""
        self.port = port
        self.asked: list[pb.CheckRequest] = []
        self.keys_asked: list[pb.CheckRequest] = []
        self.recognise: Answer = lambda _: KNOWN
        self.answer: Answer = lambda _: allow("authorization")
        self.free = threading.Event()
        self.free.set()
        self._server: grpc.Server | None = None

    def start(self) -> None:
        """Listen and report SERVING."""
        self._server = grpc.server(futures.ThreadPoolExecutor(16))
        ext_authz_pb2_grpc.add_AuthorizationServicer_to_server(self, self._server)
        state = health.HealthServicer()
        state.set("", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(state, self._server)
        self._server.add_insecure_port(f"{HOST}:{self.port}")
        self._server.start()

    def stop(self) -> None:
        """Stop at once, as a crash would."""
        self.free.set()
        if self._server is not None:
            self._server.stop(None).wait()
            self._server = None

    def Check(self, request: pb.CheckRequest, context: Any) -> pb.CheckResponse:  # noqa: N802
        """Answer one check, late while `free` is clear."""
        if KEY_STAGE in context.invocation_metadata():
            self.keys_asked.append(request)
            return self.recognise(request)
        self.asked.append(request)
        self.free.wait(WITHIN_S)
        return self.answer(request)


@dataclass
class Got:
    """An answer as the client saw it; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """The OpenAI error object of the body."""
        found: dict[str, Any] = json.loads(self.body)["error"]
        return found


@dataclass
class Stage:
    """Everything on stage. `render` writes Envoy's files anew, with other arguments if given."""

    port: int
    access_log_port: int
    folder: Path
    authz: list[Authz]
    upstream: Upstream
    child: Child
    render: Callable[..., Path]
    pause: threading.Event

    def send(self, method: str, path: str, headers: Headers = (), body: bytes = b"") -> Got:
        """Send exactly this path and these headers (duplicates too), on a connection of its own."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=WITHIN_S)
        try:
            answer = self.begin(connection, method, path, headers, body)
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Got(answer.status, found, answer.read())
        finally:
            connection.close()

    def begin(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: Headers = (),
        body: bytes = b"",
    ) -> http.client.HTTPResponse:
        """Send a request and return the answer as soon as its headers are there."""
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body or None)
        return connection.getresponse()

    def chat(
        self, body: object, *headers: tuple[str, str], path: str = "/v1/chat/completions"
    ) -> Got:
        """POST JSON with the client's key."""
        text = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
        mine = {"content-type": "application/json", "authorization": CLIENT_KEY}
        mine = {name: value for name, value in mine.items() if name not in dict(headers)}
        return self.send("POST", path, (*mine.items(), *headers), text)

    def eventually(self, holds: Callable[[], bool]) -> bool:
        """Whether something becomes true within the bound, asked again and again."""
        deadline = time.monotonic() + WITHIN_S
        while not holds():
            if time.monotonic() > deadline:
                return False
            self.pause.wait(POLL_S)
        return True

    @property
    def asked(self) -> list[pb.CheckRequest]:
        """What both replicas were asked."""
        return [request for replica in self.authz for request in replica.asked]

    def last_asked(self) -> Any:
        """The attributes of the only check since the last `forget`."""
        (request,) = self.asked
        return request.attributes

    def forget(self) -> None:
        """Start anew between tests: nothing asked, nothing arrived, everything allowed."""
        self.upstream.arrived.clear()
        self.upstream.status = 200
        self.upstream.breaks_off = False
        self.upstream.go_on.set()
        for replica in self.authz:
            replica.asked.clear()
            replica.keys_asked.clear()
            replica.recognise = lambda _: KNOWN
            replica.free.set()
            replica.answer = lambda _: allow("authorization")


@contextmanager
def stage(folder: Path, source: Path = envoy_config.SOURCE) -> Iterator[Stage]:
    """Set everything up on free ports, Envoy last; take it all down again.

    Nothing listens where Envoy sends its access log, unless a test puts something there.
    """
    for name in ("logs", "processes"):
        (folder / name).mkdir(parents=True)
    upstream = Upstream()
    thread = threading.Thread(target=upstream.serve_forever, args=(0.05,))
    thread.start()
    port, access_log_port, *authz_ports = free_ports(4)
    authz = [Authz(number) for number in authz_ports]
    socket = folder / "admin.sock"

    def render(litellm_key: str = LITELLM_KEY, litellm_port: int = 0) -> Path:
        return envoy_config.render(
            folder / "envoy",
            listen=(HOST, port),
            authz=[(HOST, replica.port) for replica in authz],
            litellm=envoy_config.Keyed(
                (HOST, litellm_port or upstream.server_address[1]), litellm_key
            ),
            access_log=envoy_config.Keyed((HOST, access_log_port), ACCESS_LOG_KEY),
            admin_socket=socket,
            source=source,
        )

    async def ready() -> bool:
        return await http_ok("http://envoy/ready", unix_socket=str(socket)) and await tcp_open(port)

    argv = (*envoy_config.command(render()), *ENVOY_LOG_AT_ONCE)
    child = Child(Command("envoy", argv, {}, ready), folder)
    try:
        for replica in authz:
            replica.start()
        asyncio.run(child.start())
        yield Stage(
            port, access_log_port, folder, authz, upstream, child, render, threading.Event()
        )
    finally:
        asyncio.run(child.stop())
        for replica in authz:
            replica.stop()
        upstream.shutdown()
        thread.join()
        upstream.server_close()
