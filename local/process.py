"""Child processes: start, wait until healthy, stop cleanly, and the faults that tests inject.

A child has its own process group and one log file, and dies with us (`local.leash`). It is watched
by polling, not by an event loop: one child serves tests that each have a loop of their own.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.state import record_process

POLL_S: Final = 0.02
KILL_WAIT_S: Final = 5.0
LOG_TAIL_LINES: Final = 12
REVIVE_TRIES: Final = 20
REVIVE_PAUSE_S: Final = 0.25
LEASH: Final = Path(__file__).with_name("leash.py")

Probe = Callable[[], Awaitable[bool]]


class ChildError(RuntimeError):
    """A child did not start, was never healthy, or ended by itself; the text names its log."""


@dataclass(frozen=True)
class Command:
    """How to run one child. `environment` is complete: nothing is inherited."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    ready: Probe
    ready_within_s: float = 20.0
    folder: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within_s: float = 10.0


def tail(path: Path, lines: int = LOG_TAIL_LINES) -> str:
    """Return the last lines of a log, indented, or a note that it is empty."""
    try:
        text = path.read_text(errors="replace").strip()
    except OSError:
        text = ""
    last = text.splitlines()[-lines:] or ["(the log is empty)"]
    return "\n".join(f"    {line[:300]}" for line in last)


class Child:
    """One running program, known by its name: `authz-1`, `litellm`, and so on."""

    def __init__(self, command: Command, state: Path) -> None:
        """Prepare; nothing runs until `start`. `state` holds the logs and process files."""
        self.command = command
        self.name = command.name
        self.log_path = state / "logs" / f"{command.name}.log"
        self._pid_path = state / "processes" / f"{command.name}.json"
        self._process: subprocess.Popen[bytes] | None = None
        self._end_expected = False

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The operating system's handle; raises ChildError when nothing was started."""
        if self._process is None:
            raise ChildError(f"{self.name} was not started")
        return self._process

    @property
    def pid(self) -> int:
        """Process id, which is also its process group."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether the program runs now (a frozen one does)."""
        return self._process is not None and self._process.poll() is None

    @property
    def ended_by_itself(self) -> bool:
        """Whether it ended though neither `stop` nor `kill` was asked for."""
        return self._process is not None and not self._end_expected and not self.running

    async def start(self) -> None:
        """Run the program and wait until it is healthy; ChildError quotes the log if not."""
        self._launch()
        deadline = time.monotonic() + self.command.ready_within_s
        while not await self.command.ready():
            if not self.running:
                raise ChildError(self.complaint())
            if time.monotonic() > deadline:
                bound_s = self.command.ready_within_s
                raise ChildError(self._complaint(f"was not ready after {bound_s:.0f} s"))
            await asyncio.sleep(POLL_S)

    async def stop(self) -> None:
        """Ask it to end, wait within the bound, then kill the whole group. Idempotent."""
        self._end_expected = True
        if self.running:
            self.process.send_signal(self.command.stop_signal)
            self.thaw()  # a frozen process acts on a signal only once it runs again
            await self._wait_end(self.command.stop_within_s)
        # Also when the leader is gone: its workers share the group and must not outlive it.
        self._signal_group(signal.SIGKILL)
        await self._wait_end(KILL_WAIT_S)
        self._pid_path.unlink(missing_ok=True)

    async def kill(self) -> None:
        """`kill -9` the whole group, as a crash would."""
        self._end_expected = True
        self._signal_group(signal.SIGKILL)
        if not await self._wait_end(KILL_WAIT_S):
            raise ChildError(f"{self.name} survived SIGKILL for {KILL_WAIT_S:.0f} s")

    def freeze(self) -> None:
        """SIGSTOP the group: alive, holding its connections, answering nobody."""
        self._signal_group(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT the group."""
        self._signal_group(signal.SIGCONT)

    async def restart(self) -> None:
        """Run the same command again: same ports, same files. A running one is stopped first."""
        await self.stop()
        await self.start()

    async def revive(self) -> None:
        """Start it, again and again, as a supervisor would: what it needs may itself be coming back."""
        for tries_left in reversed(range(REVIVE_TRIES)):
            try:
                await self.restart()
            except ChildError:
                if not tries_left:
                    raise
                await asyncio.sleep(REVIVE_PAUSE_S)
            else:
                return

    def complaint(self) -> str:
        """Say how it ended, where its log is, and the last lines."""
        return self._complaint(f"ended by itself with code {self.process.poll()}")

    def _launch(self) -> None:
        if self.running:
            raise ChildError(f"{self.name} runs already")
        self._end_expected = False
        leash = (sys.executable, "-I", "-S", str(LEASH), str(int(self.command.stop_signal)))
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                (*leash, str(os.getpid()), *self.command.argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.command.folder,
                env=dict(self.command.environment),
                process_group=0,
            )
        record_process(self._pid_path, self._process.pid)

    async def _wait_end(self, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        # Another process ends here, not a task of this loop: there is no event to await.
        while self.running and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
        return not self.running

    def _signal_group(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def _complaint(self, what: str) -> str:
        last = tail(self.log_path)
        return f"{self.name} {what}. Its log is {self.log_path}; the last lines:\n{last}"


async def all_or_first_error(*work: Awaitable[None]) -> None:
    """Do everything at once; the first failure ends the rest and is raised as itself."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
