"""Stands in for LiteLLM's three listings, in the shapes that LiteLLM 1.109 answers with."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "sk-master"


def deployment(name: str, model: str, model_id: str, **info: Any) -> dict[str, Any]:
    """One item of `/model/info`; `info` are prices and the like."""
    return {
        "model_name": name,
        "litellm_params": {"model": model},
        "model_info": {"id": model_id, "key": model.removeprefix("openai/"), **info},
    }


def priced(input_usd: float, output_usd: float) -> dict[str, Any]:
    """What LiteLLM adds to the item of a chat model with prices, USD per token."""
    return {
        "input_cost_per_token": input_usd,
        "output_cost_per_token": output_usd,
        "max_input_tokens": 128_000,
        "max_output_tokens": 16_384,
        "litellm_provider": "openai",
        "mode": "chat",
    }


@dataclass
class Listing:
    """What LiteLLM says; tests change it between calls. `raw` replaces every answer."""

    url: str = ""
    deployments: list[dict[str, Any]] = field(default_factory=list)
    router: dict[str, Any] = field(default_factory=dict)
    general_fallbacks: list[str] = field(default_factory=list)
    raw: tuple[int, str] | None = None

    async def answer(self, request: web.Request) -> web.Response:
        """Any of the three paths."""
        if self.raw is not None:
            return web.Response(status=self.raw[0], text=self.raw[1])
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return web.Response(status=401)
        if request.path == "/model/info":
            return _json({"data": self.deployments})
        if request.path == "/router/settings":
            return _json({"current_values": self.router})
        assert request.path.startswith("/fallback/")
        if not self.general_fallbacks:
            return web.Response(status=404)
        return _json({"fallback_models": self.general_fallbacks})


@contextlib.asynccontextmanager
async def listing() -> AsyncIterator[Listing]:
    """Serve a listing on a free loopback port."""
    said = Listing()
    application = web.Application()
    application.router.add_get("/{path:.*}", said.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    said.url = f"http://{host}:{port}"
    try:
        yield said
    finally:
        await runner.cleanup()


def _json(body: dict[str, Any]) -> web.Response:
    return web.Response(text=json.dumps(body), content_type="application/json")
