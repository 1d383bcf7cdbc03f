"""A spool: lines kept on this machine's disk, in order, until somebody has taken them.

One process writes one chain of segment files `<name>-<number>.jsonl` and holds a lock on each. Beside a
segment, `<name>-<number>.taken` says how many of its bytes were taken. A segment whose lock is free belongs
to a dead process: whoever takes the lock owns it. Both services keep here what Postgres must learn later.
"""

import asyncio
import errno
import os
import secrets
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from credit.spool_segment import LINE_LIMIT_BYTES, Segment, Sync, adopt, create

SEGMENT_BYTES: Final = 8 * 1024 * 1024
LIMIT_BYTES: Final = 1024 * 1024 * 1024
SUFFIX: Final = ".jsonl"
REJECTED: Final = "rejected.txt"


class Spool:
    """Appends lines durably, hands them out oldest first, forgets what was taken. For one event loop.

    Lines come back at least once: what was taken but not yet marked so when the process died is read again.
    """

    def __init__(
        self, folder: Path, *, limit_bytes: int = LIMIT_BYTES, sync: Sync = os.fdatasync
    ) -> None:
        """`limit_bytes`: how much may wait here; more is refused like a full disk."""
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._sync = sync
        # By the time it began, so that what dead processes left is read in the order it was written.
        self._name = f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}"
        self._number = 0
        self._current: Segment | None = None
        self._reading: Segment | None = None
        self._segments: deque[Segment] = deque()
        self._queue: list[tuple[bytes, asyncio.Future[None]]] = []
        self._queued_bytes = 0
        self._flusher: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Make the folder, try to write in it, take over what dead processes left; raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        trial = self._folder / f"{self._name}.trial"
        try:
            with trial.open("wb") as file:
                file.write(b"\n")
                file.flush()
                self._sync(file.fileno())
        finally:
            trial.unlink(missing_ok=True)
        self.adopt_orphans()

    @property
    def size_bytes(self) -> int:
        """How much is on the disk and not taken."""
        return sum(segment.whole_bytes - segment.taken_bytes for segment in self._segments)

    @property
    def empty(self) -> bool:
        """Whether nothing waits: neither on the disk nor on its way to it."""
        return self.size_bytes == 0 and not self._queue and self._flusher is None

    async def append(self, *lines: bytes) -> None:
        """Return when these lines are on the disk, all of them; raises OSError when none is.

        Lines that arrive while others are being synced share the next sync. A cancelled caller
        does not undo it: the lines may be kept all the same.
        """
        data = b"".join(line + b"\n" for line in lines)
        if any(b"\n" in line or len(line) >= LINE_LIMIT_BYTES for line in lines):
            raise ValueError("a line of the spool holds no newline and is not that long")
        if self.size_bytes + self._queued_bytes + len(data) > self._limit_bytes:
            raise OSError(errno.ENOSPC, "the spool is as large as it may be")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((data, future))
        self._queued_bytes += len(data)
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        await asyncio.shield(future)

    def read(self) -> list[bytes]:
        """The oldest lines that are not taken, up to a mebibyte; [] when there are none."""
        for segment in self._segments:
            if segment.whole_bytes > segment.taken_bytes:
                self._reading = segment
                return segment.read(LINE_LIMIT_BYTES)
        return []

    def all_lines(self) -> list[bytes]:
        """Every line that is not taken, oldest first: what a process must know when it starts."""
        lines: list[bytes] = []
        for segment in self._segments:
            lines += segment.read(segment.whole_bytes)
        return lines

    def take(self, lines: Sequence[bytes]) -> None:
        """Mark as taken the first of what `read` returned. At once, so that nothing comes in between."""
        segment = self._reading
        assert segment is not None, "what is taken was read before"
        taken_bytes = segment.taken_bytes + sum(len(line) + 1 for line in lines)
        segment.advance(taken_bytes, self._sync)
        if segment.taken_bytes == segment.whole_bytes and self._is_finished(segment):
            self._drop(segment)

    async def reject(self, line: bytes) -> None:
        """Keep a line that nobody can take beside the spool, for a person to look at."""
        await asyncio.to_thread(self._write_rejected, line)

    def adopt_orphans(self) -> int:
        """Take over the segments of dead processes; says how many."""
        mine = {segment.path for segment in self._segments}
        found = sorted(path for path in self._folder.glob(f"*{SUFFIX}") if path not in mine)
        adopted = [segment for path in found if (segment := adopt(path)) is not None]
        self._segments.extendleft(reversed(adopted))
        for segment in adopted:
            if segment.whole_bytes == segment.taken_bytes:
                self._drop(segment)
        return len(adopted)

    def close(self) -> None:
        """Let go of every segment; what was not taken stays for the next process."""
        for segment in self._segments:
            os.close(segment.descriptor)
        self._segments.clear()
        self._current = None

    def _is_finished(self, segment: Segment) -> bool:
        """Whether no more lines may come to it. An idle current segment ends here as well."""
        if segment is not self._current:
            return True
        if self._flusher is not None:
            return False
        self._current = None
        return True

    def _drop(self, segment: Segment) -> None:
        self._segments.remove(segment)
        segment.remove()

    async def _flush(self) -> None:
        try:
            while self._queue:
                await self._write_batch()
        finally:
            self._flusher = None

    async def _write_batch(self) -> None:
        batch, self._queue = self._queue, []
        data = b"".join(one for one, _ in batch)
        failure: Exception | None = None
        try:
            segment = await self._writable()
            await asyncio.to_thread(segment.write, data, self._sync)
        except Exception as error:  # noqa: BLE001 (each waiter must hear of it)
            failure = error
        self._queued_bytes -= len(data)
        for _, future in batch:
            if future.done():
                continue
            if failure is None:
                future.set_result(None)
            else:
                future.set_exception(failure)
                future.exception()  # a caller that left must not turn this into a warning

    async def _writable(self) -> Segment:
        segment = self._current
        if segment is None or segment.whole_bytes >= SEGMENT_BYTES or segment.is_torn:
            path = self._folder / f"{self._name}-{self._number:06d}{SUFFIX}"
            self._number += 1
            segment = self._current = await asyncio.to_thread(create, path)
            self._segments.append(segment)
        return segment

    def _write_rejected(self, line: bytes) -> None:
        with (self._folder / REJECTED).open("ab") as file:
            file.write(line + b"\n")
            file.flush()
            self._sync(file.fileno())
