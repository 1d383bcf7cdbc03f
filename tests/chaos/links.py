"""The process that stands on every connection of a chaos run: TCP proxies, the reports' proxy.

`python -m tests.chaos.links`, configured by CHAOS_LINKS, a JSON object: {"control": port, "report_key":
text, "tcp": {name: [port, target port]}, "reports": [port, url], "seed": text}. `POST /control` takes
{"link": name, "delay_s": float, "stalled": bool, "cut": bool} or {"mischief": name}.
"""

import asyncio
import json
import os
import signal
from random import Random
from typing import Any

import uvloop
from aiohttp import web

from tests.chaos.proxy import HOST, Proxy
from tests.chaos.reports_proxy import BODY_LIMIT_BYTES, ReportsProxy


class Links:
    """All proxies of one run."""

    def __init__(self, plan: dict[str, Any]) -> None:
        """`plan` as in CHAOS_LINKS."""
        self._plan = plan
        self._proxies = {name: Proxy(target) for name, (_, target) in plan["tcp"].items()}
        self._reports = ReportsProxy(plan["reports"][1], plan["report_key"], Random(plan["seed"]))

    async def start(self) -> None:
        """Listen everywhere, control last."""
        for name, (port, _) in self._plan["tcp"].items():
            await self._proxies[name].start(port)
        reports = web.Application(client_max_size=BODY_LIMIT_BYTES)
        reports.router.add_route("*", "/{tail:.*}", self._reports.handle)
        await _listen(reports, self._plan["reports"][0])
        control = web.Application()
        control.router.add_post("/control", self._change)
        control.router.add_get("/healthz", self._show)
        await _listen(control, self._plan["control"])

    async def _change(self, request: web.Request) -> web.Response:
        order = await request.json()
        if "mischief" in order:
            self._reports.mischief = order["mischief"]
            return await self._show(request)
        proxy = self._proxies[order["link"]]
        proxy.change(delay_s=order.get("delay_s", 0.0), stalled=order.get("stalled", False))
        if order.get("cut"):
            proxy.cut()
        return await self._show(request)

    async def _show(self, _: web.Request) -> web.Response:
        connections = {name: proxy.connections for name, proxy in self._proxies.items()}
        return web.json_response({"connections": connections, "meddled": self._reports.meddled})


async def _listen(app: web.Application, port: int) -> None:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, HOST, port, backlog=1024).start()


async def _serve() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Links(json.loads(os.environ["CHAOS_LINKS"])).start()
    await stop.wait()


if __name__ == "__main__":
    uvloop.run(_serve())
