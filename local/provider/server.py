"""The HTTP face of the simulated provider: routes, errors, disconnects, control."""

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from local.provider.behaviour import Defaults, Faults, changed
from local.provider.chat import complete_chat
from local.provider.embeddings import embed
from local.provider.media import draw, moderate, speak, transcribe
from local.provider.models import FAMILIES
from local.provider.provider import ApiError, ConnectionCutError, Provider
from local.provider.responses import respond
from local.provider.truth import TruthCall

MAX_BODY_BYTES = 64 * 1024 * 1024
STOP_S = 2.0  # seconds that calls in flight get when the provider stops
PROVIDER = web.AppKey("provider", Provider)

Work = Callable[[Provider, web.Request, TruthCall, dict[str, Any]], Awaitable[web.StreamResponse]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build_app(provider: Provider) -> web.Application:
    """The application; run it with handler cancellation on, or disconnects go unseen."""
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app[PROVIDER] = provider
    app.router.add_post("/v1/chat/completions", _metered("chat", complete_chat))
    app.router.add_post("/v1/responses", _metered("responses", respond))
    app.router.add_post("/v1/embeddings", _metered("embeddings", embed))
    app.router.add_post("/v1/images/generations", _metered("images", draw))
    app.router.add_post("/v1/images/edits", _metered("image_edits", draw))
    app.router.add_post("/v1/audio/speech", _metered("speech", speak))
    app.router.add_post("/v1/audio/transcriptions", _metered("transcriptions", transcribe))
    app.router.add_post("/v1/moderations", _metered("moderations", moderate))
    app.router.add_get("/v1/models", _models)
    app.router.add_get("/health", _health)
    app.router.add_get("/control", _show_control)
    app.router.add_post("/control", _change_control)
    return app


def _metered(endpoint: str, work: Work) -> Handler:
    """A handler that leaves one line of truth whatever happens."""

    async def handle(request: web.Request) -> web.StreamResponse:
        provider = request.app[PROVIDER]
        try:
            with provider.record(request, endpoint) as truth:
                body = await _read_body(request)
                truth.model = body["model"]
                return await work(provider, request, truth, body)
        except ApiError as error:
            return web.json_response(error.body, status=error.status)
        except ConnectionCutError:
            if request.transport:
                request.transport.abort()
            return web.Response(status=500)  # goes nowhere: the connection is gone

    return handle


async def _read_body(request: web.Request) -> dict[str, Any]:
    """The body as an object with a model; the fields of a form likewise. Raises ApiError 400."""
    if request.content_type == "multipart/form-data":
        return _with_model(dict(await request.post()))
    try:
        body = await request.json()
    except ValueError as error:
        raise ApiError(400, "The body is not JSON.", "invalid_json") from error
    return _with_model(body)


def _with_model(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        raise ApiError(400, "You must provide a model parameter.", "missing", "model")
    return body


async def _models(_: web.Request) -> web.Response:
    data = [{"id": m, "object": "model", "created": 0, "owned_by": "openai"} for m in FAMILIES]
    return web.json_response({"object": "list", "data": data})


async def _health(request: web.Request) -> web.Response:
    provider = request.app[PROVIDER]
    return web.json_response({"status": "ok", "tokenizer": provider.counter.name})


async def _show_control(request: web.Request) -> web.Response:
    provider = request.app[PROVIDER]
    return web.json_response(
        {
            "defaults": dataclasses.asdict(provider.defaults),
            "faults": dataclasses.asdict(provider.faults),
            "calls": provider.calls,
        }
    )


async def _change_control(request: web.Request) -> web.Response:
    """`{"reset": true, "defaults": {…}, "faults": {…}, "remember": {response id: tokens}}`."""
    provider = request.app[PROVIDER]
    order = await request.json()
    if order.get("reset"):
        provider.faults = Faults()
    try:
        defaults: Defaults = changed(provider.defaults, order.get("defaults", {}))
        provider.faults = changed(provider.faults, order.get("faults", {}))
    except TypeError as error:
        return web.json_response({"error": str(error)}, status=400)
    provider.defaults = defaults
    for response_id, tokens in order.get("remember", {}).items():
        provider.remember(response_id, int(tokens))
    return await _show_control(request)


async def start_server(provider: Provider, port: int) -> tuple[web.AppRunner, int]:
    """Listen on 127.0.0.1 (`port` 0: a free one) and return the runner with the real port."""
    runner = web.AppRunner(
        build_app(provider),
        handler_cancellation=True,
        access_log=None,
        shutdown_timeout=STOP_S,
    )
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024)
    await site.start()
    return runner, int(runner.addresses[0][1])
