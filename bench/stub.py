"""An upstream that answers every request at once, so that only what stands before it is measured."""

import argparse
import asyncio
import signal
from typing import cast

import uvloop

from local.probe import HOST

ANSWER = b'{"id":"chatcmpl-bench","object":"chat.completion","choices":[]}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
RESPONSE = HEAD % len(ANSWER) + ANSWER
END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length:"


class Upstream(asyncio.Protocol):
    """One connection: reads heads and sized bodies (what Envoy sends), answers each."""

    def __init__(self) -> None:
        """Nothing received yet."""
        self._head = b""
        self._body_left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer when a body is complete; it is counted, never kept."""
        while data:
            if self._body_left:
                taken = min(self._body_left, len(data))
                self._body_left -= taken
                data = data[taken:]
            else:
                head, found, data = (self._head + data).partition(END_OF_HEAD)
                self._head = b"" if found else head
                if not found:
                    return
                self._body_left = _length(head)
            if not self._body_left:
                self._transport.write(RESPONSE)


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(LENGTH)
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def serve(port: int) -> None:
    """Run until told to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await loop.create_server(Upstream, HOST, port)
    await stop.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    uvloop.run(serve(parser.parse_args().port))
