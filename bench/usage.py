"""What the system says of a process: its memory, the processor time it has used."""

import os
from pathlib import Path
from typing import Final

MIB: Final = 1024 * 1024
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM, _RESIDENT = 11, 12, 21  # fields of stat(5) behind the program's name


def resident_mib(pid: int) -> float:
    """Resident memory, in MiB."""
    return int(_stat(pid)[_RESIDENT]) * os.sysconf("SC_PAGE_SIZE") / MIB


def processor_s(pid: int) -> float:
    """Processor seconds used so far, in user and kernel together."""
    fields = _stat(pid)
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS_PER_S


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
