"""uvicorn as this process runs it: it stops when it is told, and leaves the signals alone."""

import asyncio
import contextlib
from collections.abc import Generator
from typing import Any, Final

import uvicorn

DRAIN_S: Final = 5.0


class HttpServer(uvicorn.Server):
    """One HTTP face of the process."""

    def __init__(self, app: Any, listen: str, trusted_proxies: str = "") -> None:
        """`app`: an ASGI application; `listen`: host:port; `trusted_proxies`: whose X-Forwarded-For counts."""
        host, _, port = listen.rpartition(":")
        config = uvicorn.Config(
            app,
            host=host,
            port=int(port),
            log_level="warning",
            access_log=False,
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=trusted_proxies or None,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=int(DRAIN_S),
        )
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Take no signal: the process stops its faces in order."""
        yield


class Faces:
    """Every HTTP face of a process, run and stopped together."""

    def __init__(self, *servers: HttpServer) -> None:
        """Nothing listens until `run`."""
        self._servers = servers
        self._tasks: list[asyncio.Task[None]] = []

    def run(self) -> None:
        """Begin to listen."""
        self._tasks = [asyncio.create_task(each.serve()) for each in self._servers]

    async def stop(self) -> None:
        """Take no further request; those under way have a few seconds."""
        for each in self._servers:
            each.should_exit = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=DRAIN_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
