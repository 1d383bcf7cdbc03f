"""One file of a spool: whole lines, how far they were taken, and the lock of its owner."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LINE_LIMIT_BYTES: Final = 1024 * 1024
TAKEN_SUFFIX: Final = ".taken"

Sync = Callable[[int], None]


@dataclass(slots=True)
class Segment:
    """One locked file. `taken_bytes` and `whole_bytes` are on the disk; what lies between is to be taken."""

    path: Path
    descriptor: int
    taken_bytes: int = 0
    whole_bytes: int = 0

    @property
    def taken_path(self) -> Path:
        """Where the progress is kept."""
        return self.path.with_suffix(TAKEN_SUFFIX)

    def write(self, data: bytes, sync: Sync) -> None:
        """Add whole lines and sync; raises OSError and leaves the file as it was."""
        try:
            _write_all(self.descriptor, data)
            sync(self.descriptor)
        except OSError:
            # Half a line would glue itself to the next one.
            os.ftruncate(self.descriptor, self.whole_bytes)
            raise
        self.whole_bytes += len(data)

    @property
    def is_torn(self) -> bool:
        """Whether half a line could not be removed: nothing may be written after it."""
        return os.fstat(self.descriptor).st_size != self.whole_bytes

    def read(self, at_most_bytes: int) -> list[bytes]:
        """The next lines that are not taken, without their newlines."""
        wanted = min(at_most_bytes, self.whole_bytes - self.taken_bytes)
        chunk = os.pread(self.descriptor, wanted, self.taken_bytes)
        return chunk.split(b"\n")[:-1]

    def advance(self, taken_bytes: int, sync: Sync) -> None:
        """Remember that everything before `taken_bytes` was taken; durably, where the disk lets us.

        On a full disk the progress is kept in memory: after a crash these lines are read again.
        """
        self.taken_bytes = taken_bytes
        fresh = self.path.with_suffix(".taken-new")
        with contextlib.suppress(OSError):
            with fresh.open("wb") as file:
                file.write(b"%d" % taken_bytes)
                file.flush()
                sync(file.fileno())
            fresh.rename(self.taken_path)

    def remove(self) -> None:
        """Delete a segment that is taken to its end, and let go of its lock."""
        self.path.unlink(missing_ok=True)
        self.taken_path.unlink(missing_ok=True)
        self.path.with_suffix(".taken-new").unlink(missing_ok=True)
        os.close(self.descriptor)


def create(path: Path) -> Segment:
    """A new, locked segment; its name is as durable as its content."""
    # Locked before it has the name of a segment: in between, another process would take it for an orphan.
    fresh = path.with_suffix(".new")
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
    descriptor = os.open(fresh, flags, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fresh.rename(path)
    _sync_folder(path.parent)
    return Segment(path, descriptor)


def adopt(path: Path) -> Segment | None:
    """Lock a segment if its owner is dead; None when it lives, or the file is gone."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Another process may have emptied and removed it between the listing and the lock.
        alive = os.fstat(descriptor).st_nlink > 0
    except OSError:
        alive = False
    if not alive:
        os.close(descriptor)
        return None
    segment = Segment(path, descriptor)
    segment.whole_bytes = _whole_bytes(descriptor)
    segment.taken_bytes = min(_taken_bytes(segment.taken_path), segment.whole_bytes)
    return segment


def _whole_bytes(descriptor: int) -> int:
    """Up to the last newline: a crash may have cut the last line, which nobody was told is kept."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - LINE_LIMIT_BYTES)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _taken_bytes(path: Path) -> int:
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return 0
    return int(text) if text.isdigit() else 0


def _write_all(descriptor: int, data: bytes) -> None:
    """A short write means that the disk is full."""
    if os.write(descriptor, data) != len(data):
        raise OSError(errno.ENOSPC, "the spool's disk is full")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
