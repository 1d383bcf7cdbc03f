"""A real LiteLLM with our callback, the simulated provider, and a stand-in for accounting."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx

from local.litellm import Litellm, find_python
from local.probe import free_ports, http_ok
from local.process import Child, Command
from local.provider.truth import TruthCall, read_truth

ROOT: Final = Path(__file__).parents[2]
TOKEN_KEY: Final = b"token-secret"
REPORT_KEY: Final = b"report-secret"
MASTER_KEY: Final = "sk-litellm"
WITHIN_S: Final = 10.0

# Callbacks of other people in the same process: one dawdles, one breaks, in every hook.
NEIGHBOURS: Final = """
import asyncio
from litellm.integrations.custom_logger import CustomLogger


class Slow(CustomLogger):
    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        await asyncio.sleep(0.02)

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        await asyncio.sleep(0.3)


class Raising(CustomLogger):
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        raise RuntimeError("a neighbour broke")

    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time):
        raise RuntimeError("a neighbour broke")

    async def async_post_call_failure_hook(
        self, request_data, original_exception, user_api_key_dict, traceback_str=None
    ):
        raise RuntimeError("a neighbour broke")


slow, raising = Slow(), Raising()
"""


class AccountingStub:
    """Takes reports and extensions like accounting; `answer_extend` and `down` order faults."""

    def __init__(self, port: int) -> None:
        self.records: list[dict[str, Any]] = []
        self.extends: list[dict[str, Any]] = []
        self.bad_signatures = 0
        self.latencies_ms: list[float] = []
        self.down = False
        self.answer_extend: Callable[[dict[str, Any]], dict[str, Any] | None] = self.grant_all
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @staticmethod
    def grant_all(asked: dict[str, Any]) -> dict[str, Any] | None:
        """Extend to the full wish."""
        return {"result": "extended", "granted_nanos": asked["want_total_nanos"]}

    def stop(self) -> None:
        """Close the port."""
        self._server.shutdown()
        self._server.server_close()

    def of(self, hold: str, kind: str) -> list[dict[str, Any]]:
        """The records of one kind about one hold, as they came."""
        return [r for r in list(self.records) if r["hold"] == hold and r["record"] == kind]

    def take(self, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, Any] | None]:
        """Answer one request: status and body; None: no answer at all."""
        signed = f"{headers['x-pedagio-timestamp']}.{headers['x-pedagio-nonce']}.".encode() + body
        mark = "v1=" + hmac.new(REPORT_KEY, signed, hashlib.sha256).hexdigest()
        if headers["x-pedagio-signature"] != mark:
            self.bad_signatures += 1
            return 401, {}
        if self.down:
            return 503, {}
        read = json.loads(body)
        if path == "/v1/extend":
            self.extends.append(read)
            return 200, self.answer_extend(read)
        now_ms = time.time() * 1000
        self.latencies_ms += [now_ms - record["at_ms"] for record in read["records"]]
        self.records += read["records"]
        return 200, {"recorded": len(read["records"]), "duplicates": 0, "quarantined": 0}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments: Any) -> None:
                """Say nothing on the terminal."""

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status, answer = stub.take(self.path, self.headers, body)
                if answer is None:
                    self.close_connection = True
                    time.sleep(0.5)  # longer than the callback waits
                    return
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        return Handler


def make_token(hold: str, key: bytes = TOKEN_KEY, **changes: Any) -> str:
    """A hold token as authz makes it, for a generous gpt-4o-mini call unless changed."""
    fields: dict[str, Any] = {
        "hold": hold, "account": "7", "client": "librechat", "mode": "enforce", "route": "chat",
        "model": "gpt-4o-mini", "granted": 10**9, "in": 150_000, "out": 600_000, "above": None,
        "audio_in": 0, "audio_out": 0, "fee": 0, "context": 128_000, "max_out": 16_384,
        "min_out": 256, "image": 1_100, "style": "librechat", "lang": "pt-BR",
        "issued": int(time.time()),
    }  # fmt: skip
    payload = json.dumps(fields | changes, separators=(",", ":")).encode()
    signed = "v1." + base64.urlsafe_b64encode(payload).decode().rstrip("=")
    mark = hmac.new(key, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(mark).decode().rstrip('=')}"


async def until(condition: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    """Wait for a condition, with a bound."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.02)


class CallbackSystem:
    """The parts, and calls through them as Envoy would send them on."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder = folder
        provider_port, litellm_port, accounting_port = free_ports(3)
        self.accounting = AccountingStub(accounting_port)
        self.provider_url = f"http://127.0.0.1:{provider_port}"
        self.switch_file = folder / "switch"
        self.spool_dir = folder / "spool"
        self.truth_path = folder / "truth.jsonl"
        (folder / "logs").mkdir(parents=True)
        (folder / "processes").mkdir()
        self._provider = Child(self._provider_command(provider_port), folder)
        litellm = Litellm(
            python=find_python(),
            config=self._config(),
            port=litellm_port,
            workers=workers,
            environment=self._environment(provider_port, accounting_port),
        )
        self.url = litellm.url
        self.litellm = Child(litellm.command(), folder)
        self.client = httpx.AsyncClient(base_url=self.url, timeout=60)

    def _config(self) -> Path:
        """Our folder as it is, with the neighbours behind our callback."""
        copy = self.folder / "litellm"
        shutil.copytree(ROOT / "litellm", copy, ignore=shutil.ignore_patterns("__pycache__"))
        (copy / "neighbours.py").write_text(NEIGHBOURS)
        config = copy / "config.yaml"
        ours = 'callbacks: ["callback.pedagio"]'
        all_three = 'callbacks: ["callback.pedagio", "neighbours.slow", "neighbours.raising"]'
        text = config.read_text()
        assert ours in text
        # Seconds, not ten minutes: a hanging provider is one of the tests.
        text = re.sub(r"timeout: 600", "timeout: 3", text.replace(ours, all_three))
        config.write_text(text)
        return config

    def _provider_command(self, port: int) -> Command:
        where = ("--port", str(port), "--log", str(self.truth_path))
        return Command(
            name="provider",
            argv=(str(find_python()), "-m", "local.provider", *where),
            environment={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            ready=lambda: http_ok(f"http://127.0.0.1:{port}/control"),
            folder=ROOT,
        )

    def _environment(self, provider_port: int, accounting_port: int) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "OPENAI_API_BASE": f"http://127.0.0.1:{provider_port}/v1",
            "OPENAI_API_KEY": "provider-key",
            "LITELLM_MASTER_KEY": MASTER_KEY,
            "PEDAGIO_TOKEN_KEYS": f"{TOKEN_KEY.decode()},older-secret",
            "PEDAGIO_REPORT_KEYS": REPORT_KEY.decode(),
            "PEDAGIO_ACCOUNTING_URL": f"http://127.0.0.1:{accounting_port}",
            "PEDAGIO_SPOOL_DIR": str(self.spool_dir),
            "PEDAGIO_SWITCH_FILE": str(self.switch_file),
            "PEDAGIO_SENTENCES": str(ROOT / "credit" / "sentences.json"),
        }

    async def start(self) -> None:
        """Start provider and LiteLLM."""
        await asyncio.gather(self._provider.start(), self.litellm.start())

    async def stop(self) -> None:
        """Stop everything."""
        await self.client.aclose()
        await self.litellm.stop()
        await self._provider.stop()
        self.accounting.stop()

    def headers(self, hold: str, route: str, model: Any, /, **token: Any) -> dict[str, str]:
        """What authz adds to a request."""
        return {
            "authorization": f"Bearer {MASTER_KEY}",
            "x-litellm-call-id": hold,
            "x-pedagio-hold": make_token(hold, **({"route": route, "model": model} | token)),
        }

    async def chat(self, text: str, hold: str | None = None, **extra: Any) -> httpx.Response:
        """A chat call; `token` changes the hold token, everything else the body."""
        token = extra.pop("token", {})
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]} | extra
        return await self.post("chat/completions", "chat", body, hold, **token)

    async def post(
        self, path: str, route: str, body: dict[str, Any], hold: str | None = None, **token: Any
    ) -> httpx.Response:
        """A call to a metered path; its hold id is the response's `x-litellm-call-id`."""
        hold = hold or str(uuid.uuid4())
        headers = self.headers(hold, route, body.get("model"), **token)
        response = await self.client.post(f"/v1/{path}", json=body, headers=headers)
        response.extensions["hold"] = hold
        return response

    @asynccontextmanager
    async def stream(
        self, hold: str, path: str, route: str, body: dict[str, Any], **token: Any
    ) -> AsyncIterator[httpx.Response]:
        """A streaming call that the test may leave early."""
        headers = self.headers(hold, route, body.get("model"), **token)
        request = self.client.stream("POST", f"/v1/{path}", json=body, headers=headers)
        async with request as response:
            yield response

    async def order(self, faults: dict[str, Any]) -> None:
        """Tell the provider to fail; `{}` ends all faults."""
        wish = {"faults": faults} if faults else {"reset": True}
        response = await self.client.post(f"{self.provider_url}/control", json=wish)
        assert response.status_code == 200, response.text

    async def end(self, hold: str) -> dict[str, Any]:
        """The end record of a hold, once it has arrived."""
        await until(lambda: bool(self.accounting.of(hold, "end")))
        return self.accounting.of(hold, "end")[0]

    async def cost(self, hold: str) -> dict[str, Any]:
        """The cost record of a hold that says success, once it has arrived."""

        def found() -> list[dict[str, Any]]:
            costs = self.accounting.of(hold, "cost")
            return [cost for cost in costs if cost["status"] == "success"]

        await until(lambda: bool(found()))
        return found()[0]

    def truth(self, tag: str) -> list[TruthCall]:
        """What the provider saw of the calls with a tag."""
        return [call for call in read_truth(self.truth_path) if call.tag == tag]
