"""What the operating system says: a process's memory, its processor time, how long a disk write takes."""

import os
import statistics
import time
from pathlib import Path
from typing import Final

MIB: Final = 1024 * 1024
PAGE_BYTES: Final = 8192
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM, _RESIDENT = 11, 12, 21  # fields of stat(5) behind the program's name


def resident_mib(pid: int) -> float:
    """Resident memory, in MiB."""
    return int(_stat(pid)[_RESIDENT]) * os.sysconf("SC_PAGE_SIZE") / MIB


def processor_s(pid: int) -> float:
    """Processor seconds used so far, in user and kernel together."""
    fields = _stat(pid)
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS_PER_S


def busy_share(seconds: float = 1.0) -> float:
    """How much of all processors is in use now, by anybody."""

    def ticks() -> tuple[int, int]:
        counts = [int(word) for word in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        return sum(counts), counts[3] + counts[4]  # all of them; idle, waiting for a disk

    all_before, idle_before = ticks()
    time.sleep(seconds)
    all_after, idle_after = ticks()
    return 1 - (idle_after - idle_before) / (all_after - all_before)


def sync_ms(folder: Path, writes: int = 50) -> float:
    """The median time of writing one page to disk for good, which every hold waits for."""
    path = folder / "sync"
    handle = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    took_ms = []
    try:
        for number in range(writes):
            os.pwrite(handle, bytes(PAGE_BYTES), number % 2 * PAGE_BYTES)
            began = time.perf_counter()
            os.fdatasync(handle)
            took_ms.append((time.perf_counter() - began) * 1000)
    finally:
        os.close(handle)
        path.unlink()
    return statistics.median(took_ms)


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
