"""A load generator in a process of its own: jobs in, figures out, one JSON line each.

In the bench's own process the generator would compete with the coordination for one interpreter.
The process ends when its standard input does, so it cannot outlive the bench.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Self

import uvloop

JOB_BOUND_S: Final = 120.0
LINE_LIMIT_BYTES: Final = 1 << 26

Job = dict[str, Any]
# Makes the call of client n; returns what is wrong with the answer, or nothing.
Call = Callable[[int], Awaitable[str | None]]


class LoadProcess:
    """The bench's end of one load process, started as `python -m MODULE`."""

    def __init__(self, module: str) -> None:
        """Name the module; `async with` starts it."""
        self._module = module

    async def __aenter__(self) -> Self:
        """Start it."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT_BYTES,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close its input, which ends it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            self._process.kill()

    async def run(self, job: Job) -> Job:
        """Run one job and return its figures; raises RuntimeError when the process gave up."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(job).encode() + b"\n")
        line = await asyncio.wait_for(process.stdout.readline(), JOB_BOUND_S)
        if not line:
            raise RuntimeError(f"{self._module} ended: its complaint is on standard error")
        figures: Job = json.loads(line)
        return figures


def serve_jobs(run: Callable[[Job], Awaitable[Job]]) -> None:
    """The other end: answer each line of standard input until it closes."""
    uvloop.run(_serve(run))


async def _serve(run: Callable[[Job], Awaitable[Job]]) -> None:
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await run(json.loads(line))), flush=True)


class Tally:
    """Counts calls, and how long each took."""

    def __init__(self) -> None:
        """Start the clock."""
        self._latencies_us: list[int] = []
        self._complaints: list[str] = []
        self._began = time.perf_counter()

    async def time(self, call: Call, number: int, began: float | None = None) -> None:
        """Make one call; `began` is when it was due, where that is not now."""
        began = time.perf_counter() if began is None else began
        complaint = await call(number)
        if complaint is None:
            self._latencies_us.append(round((time.perf_counter() - began) * 1e6))
        else:
            self._complaints.append(complaint)

    def figures(self) -> Job:
        """What `Samples.add` takes."""
        return {
            "latencies_us": self._latencies_us,
            "elapsed_s": time.perf_counter() - self._began,
            "failed": len(self._complaints),
            "complaint": next(iter(self._complaints), None),
        }


async def closed_loop(call: Call, clients: int, seconds: float) -> Job:
    """So many clients, each sending its next call when the last was answered."""
    tally = Tally()
    end = time.perf_counter() + seconds

    async def client(number: int) -> None:
        while time.perf_counter() < end:
            await tally.time(call, number)

    await asyncio.gather(*(client(number) for number in range(clients)))
    return tally.figures()
