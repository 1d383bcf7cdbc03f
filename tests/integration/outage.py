"""Replicas of authz over a ledger that can be cut off, or fall silent; their state as Prometheus sees it."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from local import redis as local_redis
from local.probe import HOST, free_ports
from local.process import Child
from tests.integration.doors import WANT, Replica, Wire, until

CAP = 5 * WANT


@asynccontextmanager
async def running_redis(folder: Path) -> AsyncIterator[tuple[Child, str]]:
    """A Redis of the test's own, empty: the process, its address."""
    server = local_redis.find_server()
    assert server is not None
    (port,) = free_ports(1)
    for part in ("logs", "processes"):
        (folder / part).mkdir(exist_ok=True)
    command = local_redis.command(server, folder, port, {"PATH": os.environ["PATH"]})
    child = Child(command, folder)
    await child.start()
    try:
        yield child, local_redis.url(port)
    finally:
        await child.kill()


class Mute(Wire):
    """A wire on which everything may fall silent: nothing is refused, nothing arrives."""

    def __init__(self, database_url: str) -> None:
        super().__init__(database_url)
        self.speaks = asyncio.Event()
        self.speaks.set()

    async def _pump(  # type: ignore[override]  # it needs the event
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while data := await reader.read(65_536):
                await self.speaks.wait()
                writer.write(data)
        finally:
            writer.close()


class Watched(Replica):
    """A replica with a folder to grant from, a cap of five calls, and metrics."""

    def __init__(self, folder: Path, wire: Wire, name: str = "authz", **more: str) -> None:
        (port,) = free_ports(1)
        self._metrics_url = f"http://{HOST}:{port}/metrics"
        settings = {
            "bounded_dir": str(folder / "bounded"),
            "bounded_cap_nanos": str(CAP),
            "authz_metrics_listen": f"{HOST}:{port}",
        }
        super().__init__(folder, wire.url, name, **(settings | more))

    async def metric(self, line: str) -> float | None:
        """The value of one line of the metrics."""
        async with httpx.AsyncClient() as http:
            text = (await http.get(self._metrics_url)).text
        found = [row.rpartition(" ")[2] for row in text.splitlines() if row.startswith(f"{line} ")]
        return float(found[0]) if found else None

    async def until_state(self, state: str) -> None:
        """Wait for a state that the replica shows."""

        async def shown() -> bool:
            return await self.metric(f'pedagio_store_state{{state="{state}"}}') == 1

        await until(shown)
