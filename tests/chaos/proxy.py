"""A TCP proxy that can be slow, stall, or cut what passes through it."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Final

HOST: Final = "127.0.0.1"
PIECE_BYTES: Final = 64 * 1024


@dataclass
class Weather:
    """What a connection meets: a delay in seconds each way, or no progress at all."""

    delay_s: float = 0.0
    stalled: bool = False


class Proxy:
    """Passes connections on to one address. `weather` rules old and new connections alike."""

    def __init__(self, target_port: int) -> None:
        """`target_port`: a loopback port; it need not listen yet."""
        self.weather = Weather()
        self.connections = 0
        self._target_port = target_port
        self._calm = asyncio.Event()
        self._calm.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> int:
        """Listen; returns the port."""
        self._server = await asyncio.start_server(self._serve, HOST, port, backlog=1024)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Listen no more, and cut what is open."""
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def change(self, *, delay_s: float = 0.0, stalled: bool = False) -> None:
        """Change the weather; without arguments everything passes at once again."""
        self.weather = Weather(delay_s, stalled)
        if stalled:
            self._calm.clear()
        else:
            self._calm.set()

    def cut(self) -> None:
        """Reset every open connection, as a failing network device would."""
        for writer in self._writers:
            with contextlib.suppress(OSError):
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._relay(reader, writer)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._tasks.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._pass_weather()
        there_reader, there_writer = await asyncio.open_connection(HOST, self._target_port)
        both = {writer, there_writer}
        self._writers |= both
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, there_writer))
                group.create_task(self._pump(there_reader, writer))
        except* OSError:
            pass
        finally:
            self._writers -= both
            for each in both:
                each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE_BYTES):
            await self._pass_weather()
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    async def _pass_weather(self) -> None:
        if self.weather.delay_s:
            await asyncio.sleep(self.weather.delay_s)
        await self._calm.wait()
