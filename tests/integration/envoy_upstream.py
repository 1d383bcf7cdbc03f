"""LiteLLM's stand-in behind the real Envoy: remembers what arrives, answers as it is told."""

import contextlib
import json
import socket
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from local.probe import HOST

WITHIN_S: Final = 10.0


@dataclass
class Arrived:
    """A request that reached LiteLLM's stand-in; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Upstream(ThreadingHTTPServer):
    """LiteLLM's stand-in. `go_on` holds back the second half of a stream, and a whole plain answer.

    While `breaks_off` it closes the connection instead of answering.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        """Listen on a free port."""
        self.arrived: list[Arrived] = []
        self.status = 200
        self.breaks_off = False
        self.go_on = threading.Event()
        self.go_on.set()
        super().__init__((HOST, 0), Handler)


class Handler(BaseHTTPRequestHandler):
    """Answers JSON, or two server-sent events when the body asks for a stream."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Upstream

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        """A client that leaves in the middle is no error here."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        """Remember the request and answer it."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self._chunks() if "transfer-encoding" in headers else self._sized()
        self.server.arrived.append(Arrived(self.command, self.path, headers, body))
        if self.server.breaks_off:
            self.connection.shutdown(socket.SHUT_RDWR)
        elif b'"stream":true' in body:
            self._stream()
        else:
            self._answer(json.dumps({"answered": True}).encode())

    do_POST = do_GET  # noqa: N815

    def _sized(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, body: bytes) -> None:
        self.server.go_on.wait(WITHIN_S)
        self.send_response(self.server.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-litellm-model-api-base", "http://provider.inside")
        self.send_header("llm_provider-server", "inside")
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in (b"data: 1\n\n", b"data: 2\n\n"):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
            self.server.go_on.wait(WITHIN_S)
        self.wfile.write(b"0\r\n\r\n")
