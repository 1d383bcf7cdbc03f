"""Ships the spool to accounting: in order, signed, at least once, for as long as it takes."""

from __future__ import annotations

import json
import logging
import math
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from .spool import Segment, Spool

BATCH_RECORDS = 500
BATCH_BYTES = 4 * 1024 * 1024 - 1024  # the ingest takes 4 MiB with the envelope
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10.0
LOOK_FOR_ORPHANS_EVERY_S = 5.0
ACCEPTED = (200, 202)  # recorded, or on accounting's own disk while its ledger is away
UNREADABLE = (400, 413)

log = logging.getLogger("pedagio")


class Post(Protocol):
    """Sends a signed body to accounting and says the HTTP status; raises OSError when it cannot."""

    def __call__(self, body: bytes) -> int:
        """Send one batch."""


class Shipper:
    """A thread that follows the spool. Memory is bounded by one batch."""

    def __init__(
        self,
        spool: Spool,
        post: Post,
        chores: Callable[[], None],
        look_every_s: float = LOOK_FOR_ORPHANS_EVERY_S,
        is_off: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_off`: whether the hooks stand aside; then calls begin of which nothing is written."""
        self._is_off = is_off
        self._name = spool.name()
        self._look_every_s = look_every_s
        self._spool = spool
        self._post = post
        self._chores = chores
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="pedagio-shipper", daemon=True)

    def start(self) -> None:
        """Begin; the thread dies with the process, what it had not shipped stays on disk."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Ship no more; used by tests."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(timeout_s)

    def notify(self) -> None:
        """Something was appended."""
        self._wake.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._chores()
                self._round()
            except Exception:  # the thread must outlive whatever surprises it
                log.exception("pedagio: the shipper stumbled and goes on")
                self._stopping.wait(FIRST_PAUSE_S)

    def _round(self) -> None:
        """Some seconds of shipping, the segments of the dead first; then the heartbeat."""
        began_s = time.monotonic()
        before = self._spool.sizes()
        self._spool.adopt_orphans()
        self._follow(began_s + self._look_every_s)
        # What was noted long ago says little of now, and accounting counts on now.
        if time.monotonic() - began_s < 2 * self._look_every_s:
            self.beat(before, began_s)

    def _follow(self, until_s: float) -> None:
        """Ship what is there and what comes, busy or not, until it is time to look for orphans again."""
        while not self._stopping.is_set():
            self._wake.clear()
            if not self.ship_all():
                self._pause()
                return
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return
            self._wake.wait(left_s)

    def beat(self, before: Mapping[Path, int], noted_s: float) -> None:
        """Tell accounting that everything up to `before`, of all processes here, is with it.

        `noted_s`: when that was noted, monotonic. Usually what is there now is shipped as well.

        Then a start that is missing there was never written. Nobody waits for the answer: what is
        not told now is told in a moment.
        """
        if self._stopping.is_set() or self._is_off():
            return
        now_s = time.monotonic()
        if self._spool.is_shipped(self._spool.sizes()):
            noted_s = now_s
        elif not self._spool.is_shipped(before):
            return
        looked_ms = math.ceil((time.monotonic() - noted_s) * 1000)
        self._send([], b',"looked_ms":%d' % looked_ms)

    def ship_all(self) -> bool:
        """Ship every segment to its end; False as soon as accounting did not take a batch."""
        for segment in list(self._spool.segments):
            while lines := read_batch(segment):
                if not self._ship(segment, lines):
                    return False
            if not self._spool.is_current(segment):
                keep_rest(segment)
                self._spool.finish(segment)
        return True

    def _ship(self, segment: Segment, lines: list[bytes]) -> bool:
        if not self._deliver(segment, lines):
            return False
        self._failures = 0
        segment.advance(segment.shipped_bytes + sum(len(line) + 1 for line in lines))
        return True

    def _deliver(self, segment: Segment, lines: list[bytes]) -> bool:
        """True when every line is either recorded there or set aside here."""
        status = self._send(lines)
        if status in ACCEPTED:
            return True
        if status not in UNREADABLE:
            return False
        if len(lines) == 1:
            set_aside(segment, lines[0])
            return True
        # One bad record must not take its neighbours with it.
        middle = len(lines) // 2
        return self._deliver(segment, lines[:middle]) and self._deliver(segment, lines[middle:])

    def _send(self, lines: list[bytes], more: bytes = b"") -> int:
        head = b'{"source":"callback","spool":"%s"' % self._name.encode()
        body = head + more + b',"records":[' + b",".join(lines) + b"]}"
        try:
            return self._post(body)
        except OSError as error:
            log.warning("pedagio: accounting cannot be reached (%s)", type(error).__name__)
            return 0

    def _pause(self) -> None:
        """Capped exponential backoff with full jitter."""
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self._failures, 10))
        self._failures += 1
        self._stopping.wait(random.uniform(FIRST_PAUSE_S / 2, longest))  # noqa: S311 - no secret


def read_batch(segment: Segment) -> list[bytes]:
    """The next whole lines of a segment, without their newlines; [] at its end.

    A last line without newline is still being written, or was cut by a crash: not read.
    """
    chunk = os.pread(segment.descriptor, BATCH_BYTES, segment.shipped_bytes)
    end = chunk.rfind(b"\n")
    if end < 0:
        return []
    return chunk[:end].split(b"\n")[:BATCH_RECORDS]


def keep_rest(segment: Segment) -> None:
    """Set aside what a crash left of a last line, so that nothing disappears unseen."""
    rest = os.pread(segment.descriptor, BATCH_BYTES, segment.shipped_bytes)
    if rest:
        set_aside(segment, rest)
        segment.advance(segment.shipped_bytes + len(rest))


def set_aside(segment: Segment, line: bytes) -> None:
    """Keep a line that accounting cannot read beside the spool, for a person to look at."""
    path = segment.path.with_suffix(".rejected")
    with path.open("ab") as file:
        file.write(line + b"\n")
        file.flush()
        os.fdatasync(file.fileno())
    log.error("pedagio: a record was set aside in %s", path.name)


def encode(record: dict[str, object]) -> bytes:
    """One record as one line. ASCII: no newline can hide in it, no surrogate can break it."""
    return json.dumps(record, separators=(",", ":")).encode()
