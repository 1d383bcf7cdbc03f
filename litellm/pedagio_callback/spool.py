"""The spool: evidence on this machine's disk, synced, before anything else happens.

One process writes one chain of segment files `<process>-<number>.jsonl`, a JSON record a line,
and holds a lock on each. Beside a segment, `<name>.offset` says how many bytes are shipped.
A segment whose lock is free belongs to a dead process: whoever takes the lock ships the rest.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SEGMENT_BYTES = 8 * 1024 * 1024
OPEN_ATTEMPTS = 10
SUFFIX = ".jsonl"
OFFSET_SUFFIX = ".offset"
NAME_FILE = "name"
NAME = re.compile("[0-9a-f]{32}")


@dataclass
class Segment:
    """One locked file of the spool. `shipped_bytes` is durable in the offset file beside it."""

    path: Path
    descriptor: int
    shipped_bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def offset_path(self) -> Path:
        """Where the progress is kept."""
        return self.path.with_suffix(OFFSET_SUFFIX)

    def size_bytes(self) -> int:
        """How much is written so far."""
        return os.fstat(self.descriptor).st_size

    def advance(self, shipped_bytes: int) -> None:
        """Remember durably that everything before `shipped_bytes` has arrived."""
        fresh = self.path.with_suffix(".offset-new")
        with fresh.open("wb") as file:
            file.write(str(shipped_bytes).encode())
            file.flush()
            os.fdatasync(file.fileno())
        fresh.rename(self.offset_path)
        self.shipped_bytes = shipped_bytes

    def remove(self) -> None:
        """Delete a segment that is shipped to its end, and let go of its lock."""
        self.path.unlink(missing_ok=True)
        self.offset_path.unlink(missing_ok=True)
        os.close(self.descriptor)


class Spool:
    """Appends records durably, and hands out segments to ship: own ones and orphans.

    Raises OSError from `append` when the disk is full or away: the caller decides what that
    means. Nothing is kept in memory but file descriptors.
    """

    def __init__(
        self, folder: Path, new_id: Callable[[], str], sync: Callable[[int], None] = os.fdatasync
    ) -> None:
        self._sync = sync
        self._folder = folder
        self._new_id = new_id
        self._name = f"{os.getpid()}-{new_id()}"
        self._lock = threading.Lock()
        self._number = 0
        self._current: Segment | None = None
        self.segments: deque[Segment] = deque()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def append(self, line: bytes) -> None:
        """Write one record (no newline inside) and return when it is on the disk."""
        with self._lock:
            segment = self._writable()
            before = segment.size_bytes()
            try:
                _write(segment.descriptor, line + b"\n", self._sync)
            except OSError:
                # Half a line would glue itself to the next record.
                os.ftruncate(segment.descriptor, before)
                raise

    def _writable(self) -> Segment:
        current = self._current
        if current is None or current.size_bytes() >= SEGMENT_BYTES:
            current = self._open_next()
            self._current = current
            self.segments.append(current)
        return current

    def _open_next(self) -> Segment:
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        for _ in range(OPEN_ATTEMPTS):
            path = self._folder / f"{self._name}-{self._number:06d}{SUFFIX}"
            self._number += 1
            descriptor = os.open(path, flags, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # Whoever looks for the segments of dead processes was faster than our lock: this empty one is theirs.
                os.close(descriptor)
                continue
            _sync_folder(self._folder)
            return Segment(path, descriptor)
        raise OSError(errno.EAGAIN, "no segment of the spool could be locked")

    def is_current(self, segment: Segment) -> bool:
        """True while records may still be appended to the segment."""
        return segment is self._current

    def finish(self, segment: Segment) -> bool:
        """Drop a segment that is shipped to its end, unless records may still come."""
        with self._lock:
            if segment is self._current:
                return False
            self.segments.remove(segment)
        segment.remove()
        return True

    def name(self) -> str:
        """The name of this folder, for all processes that share it and for ever: 32 hex digits."""
        path = self._folder / NAME_FILE
        fresh = self._folder / f"{self._name}.{NAME_FILE}"
        name = uuid.uuid4().hex
        try:
            if path.exists() and not NAME.fullmatch(_text(path)):
                path.unlink()  # cut short by a crash
            fresh.write_text(name, encoding="ascii")
            # Of several processes that begin at once the first names it.
            with contextlib.suppress(FileExistsError):
                os.link(fresh, path)
            fresh.unlink()
            return _text(path)
        except OSError:  # a disk that is full: one process vouches for itself
            return name

    def sizes(self) -> dict[Path, int]:
        """How much is written in each segment of the folder, of this and of other processes."""
        found: dict[Path, int] = {}
        for path in self._folder.glob(f"*{SUFFIX}"):
            with contextlib.suppress(FileNotFoundError):  # shipped to its end just now
                found[path] = path.stat().st_size
        return found

    def is_shipped(self, sizes: Mapping[Path, int]) -> bool:
        """Whether so much of each segment is with accounting; one that is gone was shipped whole.

        A line without its end, at the size noted, was still being written: it is no record yet.
        """
        return all(
            not path.exists() or _offset(path.with_suffix(OFFSET_SUFFIX)) >= size
            for path, size in sizes.items()
        )

    def adopt_orphans(self) -> int:
        """Take over the segments of dead processes; says how many."""
        mine = {segment.path for segment in list(self.segments)}
        found = sorted(path for path in self._folder.glob(f"*{SUFFIX}") if path not in mine)
        adopted = [segment for segment in map(_adopt, found) if segment is not None]
        with self._lock:
            self.segments.extendleft(reversed(adopted))
        return len(adopted)


def _write(descriptor: int, data: bytes, sync: Callable[[int], None]) -> None:
    """Write all of it and sync; a short write means that the disk is full."""
    if os.write(descriptor, data) != len(data):
        raise OSError(errno.ENOSPC, "the spool's disk is full")
    sync(descriptor)


def _adopt(path: Path) -> Segment | None:
    """Lock a segment if its owner is dead; None when it lives, or the file is gone."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Another process may have shipped and removed it between the listing and the lock.
        alive = os.fstat(descriptor).st_nlink > 0
    except OSError:
        alive = False
    if not alive:
        os.close(descriptor)
        return None
    segment = Segment(path, descriptor)
    segment.shipped_bytes = min(_offset(segment.offset_path), segment.size_bytes())
    return segment


def _text(path: Path) -> str:
    return path.read_bytes().decode("ascii", "replace")


def _offset(path: Path) -> int:
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return 0
    return int(text) if text.isdigit() else 0


def _sync_folder(folder: Path) -> None:
    """Make a new file's name as durable as its content."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
