"""A stand-in for LiteLLM: our callback package around a direct call to the provider.

It calls the gate, the evidence, the spool and the shipper as `litellm/callback.py` does, and leaves
the same records in the same situations (measured with LiteLLM), at a fraction of its processor time.
Run as `python -m tests.chaos.standin`, configured by the PEDAGIO_* variables of LiteLLM's callback,
OPENAI_API_BASE, and CHAOS_STANDIN: {"port", "workers", "price_file", "model_ids": {name: id}}.
"""

import asyncio
import contextlib
import functools
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import uvloop
from aiohttp import web

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "litellm"))

from pedagio_callback.assembly import Parts, assemble  # noqa: E402
from pedagio_callback.calls import Call  # noqa: E402
from pedagio_callback.gate import Request  # noqa: E402
from pedagio_callback.refusal import Refusal, RefusedCallError  # noqa: E402

from tests.chaos.pieces import Piece, cost_usd, parse_piece  # noqa: E402

HOST: Final = "127.0.0.1"
UPSTREAM_BOUND_S: Final = 60.0
LEAVE_S: Final = 2.0
PARENT_LOOK_S: Final = 0.2
CLIENT_LEFT: Final = "499"
CHARS_PER_TOKEN: Final = 4
DATA: Final = b"data: "
DONE: Final = b"data: [DONE]"


class UpstreamError(Exception):
    """The provider answered with an error."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(str(status))
        self.status_code = status
        self.body = body


@dataclass(frozen=True)
class Plan:
    """What the stand-in is told; `prices` is LiteLLM's price file."""

    provider_url: str
    prices: Mapping[str, Any]
    model_ids: Mapping[str, str]


class StandIn:
    """Answers chat completions, streamed or whole."""

    def __init__(self, parts: Parts, plan: Plan) -> None:
        """`parts` as LiteLLM's hooks have them."""
        self._parts = parts
        self._plan = plan
        self._session: aiohttp.ClientSession | None = None
        self._background: set[asyncio.Task[Any]] = set()

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """One call, from the pre-call hook to its cost event."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.json()
        hold = headers.get("x-litellm-call-id", "")
        data = dict(body)
        asked = Request(hold, "chat", headers, body, data)
        refusal = await self._admit(asked)
        if refusal is not None:
            return web.json_response(dict(refusal.error), status=refusal.status)
        call = self._parts.evidence.call_of(hold, headers)
        call.model_id = self._plan.model_ids.get(str(body["model"]))
        if body.get("stream") is True:
            return await self._stream(request, call, data)
        # LiteLLM goes on when the client of a whole answer leaves, and reports it in full.
        task = asyncio.create_task(self._whole(call, data))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return await asyncio.shield(task)

    async def alive(self, _: web.Request) -> web.Response:
        """LiteLLM's liveness path."""
        return web.json_response("alive")

    async def drain(self) -> None:
        """Let what goes on in the background end, within the bound."""
        if self._background:
            await asyncio.wait(self._background, timeout=LEAVE_S)
        if self._session is not None:
            await self._session.close()

    async def _admit(self, request: Request) -> Refusal | None:
        if self._parts.switch.is_off():
            return None
        try:
            await self._parts.gate.admit(request)
        except RefusedCallError as error:
            return error.refusal
        except Exception:  # noqa: BLE001 (as callback.py: a bug of ours fails closed in enforce)
            return self._parts.gate.stumbled(request)
        return None

    async def _whole(self, call: Call, data: Mapping[str, Any]) -> web.Response:
        evidence = self._parts.evidence
        try:
            async with self._post(call, data) as upstream:
                body = await upstream.read()
                _check(upstream.status, body)
        except (aiohttp.ClientError, TimeoutError, UpstreamError) as error:
            evidence.failed(call, error)
            evidence.cost(call, self._payload(call, data, status="failure"), None)
            return _failed(error)
        answer = parse_piece(body)
        evidence.answered(call, answer)
        await asyncio.sleep(0)
        self._charge(call, data, answer)
        return web.Response(body=answer.to_json().encode(), content_type="application/json")

    async def _stream(
        self, request: web.Request, call: Call, data: dict[str, Any]
    ) -> web.StreamResponse:
        data["stream_options"] = {"include_usage": True}
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        pieces = self._parts.evidence.watch(call, self._chunks(call, data))
        last: Piece | None = None
        try:
            async for piece in pieces:
                if not response.prepared:
                    await response.prepare(request)
                last = piece
                await response.write(DATA + piece.to_json().encode() + b"\n\n")
            await response.write(DONE + b"\n\n")
            await response.write_eof()
        except (aiohttp.ClientError, UpstreamError, TimeoutError) as error:
            # The client is gone when writing failed; else the provider broke off.
            if isinstance(error, aiohttp.ClientConnectionResetError):
                self._guess(call, data, last)
                raise
            self._parts.evidence.cost(call, self._payload(call, data, status="failure"), None)
            return response if response.prepared else _failed(error)
        except (OSError, asyncio.CancelledError):
            self._guess(call, data, last)
            raise
        finally:
            await pieces.aclose()  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        self._charge(call, data, last)
        return response

    async def _chunks(self, call: Call, data: Mapping[str, Any]) -> AsyncIterator[Piece]:
        async with self._post(call, data) as upstream:
            if upstream.status != 200:
                _check(upstream.status, await upstream.read())
            async for line in upstream.content:
                if line.startswith(DATA) and not line.startswith(DONE):
                    yield parse_piece(line.removeprefix(DATA))

    def _post(self, call: Call, data: Mapping[str, Any]) -> Any:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=UPSTREAM_BOUND_S)
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(timeout=timeout, connector=connector)
        url = f"{self._plan.provider_url}/chat/completions"
        return self._session.post(url, json=data, headers={"x-litellm-call-id": call.hold})

    def _charge(self, call: Call, data: Mapping[str, Any], answer: Piece | None) -> None:
        """The success event of a whole answer, or of a stream that came to its end."""
        usage = getattr(answer, "usage", None)
        if answer is None or usage is None:
            return
        payload = self._payload(call, data, status="success") | {
            "id": answer.id,
            "metadata": {"usage_object": usage.to_plain()},
            "response_cost": cost_usd(self._plan.prices[str(data["model"])], usage),
        }
        self._parts.evidence.cost(call, payload, getattr(answer, "service_tier", None))

    def _guess(self, call: Call, data: Mapping[str, Any], last: Piece | None) -> None:
        """The success event of a stream that the client left: figures by the text delivered."""
        if call.token is None or last is None:
            return
        tokens = {
            "prompt_tokens": len(json.dumps(data["messages"])) // CHARS_PER_TOKEN,
            "completion_tokens": call.seen.output_chars // CHARS_PER_TOKEN,
        }
        payload = self._payload(call, data, status="success") | {
            "id": last.id,
            "metadata": {"usage_object": tokens},
            "error_information": {"error_code": CLIENT_LEFT},
            "response_cost": cost_usd(self._plan.prices[str(data["model"])], Piece(**tokens)),
        }
        # Written when the end is: LiteLLM's logging runs after the iterator was closed.
        asyncio.get_running_loop().call_soon(
            self._parts.evidence.cost, call, payload, getattr(last, "service_tier", None)
        )

    def _payload(self, call: Call, data: Mapping[str, Any], *, status: str) -> dict[str, Any]:
        model = str(data["model"])
        return {
            "status": status,
            "id": call.hold,
            "litellm_call_id": call.hold,
            "model_group": model,
            "model": model,
            "model_id": self._plan.model_ids.get(model),
            "custom_llm_provider": "openai",
            "response_cost": 0.0,
            "startTime": time.time(),
            "endTime": time.time(),
        }


def _check(status: int, body: bytes) -> None:
    if status != 200:
        raise UpstreamError(status, body)


def _failed(error: Exception) -> web.Response:
    if isinstance(error, UpstreamError):
        return web.Response(
            status=error.status_code, body=error.body, content_type="application/json"
        )
    return web.json_response({"error": {"message": "upstream", "code": "upstream"}}, status=500)


async def _serve(port: int, plan: Plan, parent: int) -> None:
    parts = assemble(
        os.environ,
        rules_file=ROOT / "litellm" / "allowed_body.json",
        router=lambda: None,
        model_info=lambda _model: {},
        clock=time.monotonic,
        now_s=time.time,
        new_id=lambda: uuid.uuid4().hex,
    )
    stand_in = StandIn(parts, plan)
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/v1/chat/completions", stand_in.chat)
    app.router.add_get("/health/liveliness", stand_in.alive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=LEAVE_S)
    await runner.setup()
    await web.TCPSite(runner, HOST, port, backlog=1024, reuse_port=True).start()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # A worker whose parent was killed must not serve on beside the next one.
    while os.getppid() == parent:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), PARENT_LOOK_S)
            break
    await runner.cleanup()
    await stand_in.drain()


def _pass_on(workers: list[int], number: int, _frame: object) -> None:
    for pid in workers:
        os.kill(pid, number)


def main() -> int:
    """Fork the workers and wait for them; a signal to stop is passed on."""
    told = json.loads(os.environ["CHAOS_STANDIN"])
    prices = json.loads(Path(told["price_file"]).read_text(encoding="utf-8"))
    plan = Plan(os.environ["OPENAI_API_BASE"], prices, told["model_ids"])
    if told["workers"] == 1:
        uvloop.run(_serve(told["port"], plan, os.getppid()))
        return 0
    parent, workers = os.getpid(), []
    for _ in range(told["workers"]):
        pid = os.fork()
        if pid == 0:
            uvloop.run(_serve(told["port"], plan, parent))
            return 0
        workers.append(pid)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, functools.partial(_pass_on, workers))
    for pid in workers:
        os.waitpid(pid, 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
