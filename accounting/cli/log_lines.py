"""The lines of a log file, plain or compressed, damaged ones too."""

import contextlib
import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, Any, Final

# A line of ours has some 1,200 characters; what is longer is no line, and no reason to fill the memory.
LINE_LIMIT_BYTES: Final = 16_384
# As a path: what is piped into the command.
STDIN: Final = Path("-")
GZIP_MAGIC: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Line:
    """One line, its end included; `place` is file:line, counted from 1."""

    place: str
    text: str
    readable: bool = True


class LogFile:
    """A file that is read once, line by line; `position` tells how many of its bytes have been."""

    def __init__(self, path: Path) -> None:
        """Nothing is opened until `lines`."""
        self._path = path
        self.position = 0

    def lines(self) -> Iterator[Line]:
        """Every line. A compressed file that is cut off ends with a line that cannot be read."""
        name = "stdin" if self._path == STDIN else self._path.name
        with _open(self._path) as raw:
            compressed = raw.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)  # a pipe cannot go back
            stream: Any = gzip.GzipFile(fileobj=raw) if compressed else raw
            for number in count(1):
                place = f"{name}:{number}"
                try:
                    octets = _read_line(stream)
                except (EOFError, zlib.error, gzip.BadGzipFile):
                    yield Line(place, "", readable=False)
                    return
                self.position = raw.tell() if raw.seekable() else 0
                if not octets:
                    return
                text = octets.decode(errors="replace")
                yield Line(place, text, readable=len(octets) < LINE_LIMIT_BYTES)


def _open(path: Path) -> contextlib.AbstractContextManager[io.BufferedReader]:
    """A file to be closed, or stdin, which is not ours to close."""
    if path != STDIN:
        return path.open("rb")
    octets: Any = sys.stdin.buffer
    return contextlib.nullcontext(io.BufferedReader(octets))


def _read_line(stream: IO[bytes]) -> bytes:
    """The next line; of one that is too long its beginning, the rest is passed over."""
    octets = rest = stream.readline(LINE_LIMIT_BYTES)
    while len(rest) == LINE_LIMIT_BYTES and not rest.endswith(b"\n"):
        rest = stream.readline(LINE_LIMIT_BYTES)
    return octets
