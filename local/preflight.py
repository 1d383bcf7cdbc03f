"""Says within a second whether this machine can run the whole system, before anything is installed.

Standard library only, and nothing of ours: `make run` runs it with the machine's own Python. What
cannot work is said with the way that does.
"""

import os
import platform
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
GIB: Final = 2**30
# Two environments take 1.6 GB, the books and logs of a demonstration far less than the rest.
DISK_TO_INSTALL_GIB: Final = 3.0
DISK_TO_RUN_GIB: Final = 0.5
MEMORY_GIB: Final = 2.0
PYTHON: Final = (3, 11)
# The newest demand of the wheels that carry the real parts (Envoy's, today).
GLIBC: Final = (2, 31)
MACOS: Final = (15, 0)
CONTAINERS: Final = "With Docker, `docker compose up` runs the same system anywhere"


@dataclass(frozen=True)
class Machine:
    """What matters of one machine; figures that could not be read are None."""

    system: str
    processor: str
    glibc: tuple[int, ...] | None
    macos: tuple[int, ...] | None
    python: tuple[int, int]
    memory_gib: float | None
    disk_gib: float
    installed: bool
    root: bool
    setpriv: bool
    # The folder for books and logs, when it cannot be written.
    unwritable: Path | None = None


def problems(machine: Machine) -> list[str]:
    """What cannot work here, a sentence each with the way that does; empty if all is well."""
    found = _platform_problems(machine)
    if machine.python < PYTHON:
        found.append(
            f"Python {machine.python[0]}.{machine.python[1]} is too old: Pedagio needs "
            f"{PYTHON[0]}.{PYTHON[1]} or newer on the PATH as python3"
        )
    need_gib = DISK_TO_RUN_GIB if machine.installed else DISK_TO_INSTALL_GIB
    if machine.disk_gib < need_gib:
        found.append(
            f"{machine.disk_gib:.1f} GB are free on the disk of {ROOT}, and {need_gib:g} GB are "
            "needed: free some, or clone onto a larger disk"
        )
    if machine.memory_gib is not None and machine.memory_gib < MEMORY_GIB:
        found.append(
            f"{machine.memory_gib:.1f} GB of memory are free, and {MEMORY_GIB:g} GB are needed "
            "(LiteLLM alone takes 0.5): close something, or use a larger machine"
        )
    if machine.unwritable is not None:
        found.append(
            f"cannot write in PEDAGIO_STATE={machine.unwritable}: choose a folder of yours"
        )
    return found


def _platform_problems(machine: Machine) -> list[str]:
    if machine.system == "Linux":
        return _linux_problems(machine)
    if machine.system == "Darwin":
        if machine.processor == "arm64" and (machine.macos or (0,)) >= MACOS:
            return []
        return [f"On a Mac the real parts need macOS {MACOS[0]} on Apple silicon. {CONTAINERS}"]
    if machine.system == "Windows":
        return [f"Windows itself cannot run this: use WSL 2 and clone there. {CONTAINERS}"]
    return [f"{machine.system} has no builds of the real parts. {CONTAINERS}"]


def _linux_problems(machine: Machine) -> list[str]:
    if machine.processor not in ("x86_64", "aarch64"):
        return [f"There is no Envoy for Linux on {machine.processor}. {CONTAINERS}"]
    if machine.glibc is None:
        return [f"This Linux has no glibc (Alpine?), which Envoy needs. {CONTAINERS}"]
    if machine.glibc < GLIBC:
        has, needs = (".".join(map(str, version)) for version in (machine.glibc, GLIBC))
        return [f"glibc {has} is too old for Envoy, which needs {needs} (Debian 11). {CONTAINERS}"]
    if machine.root and not machine.setpriv:
        return ["As root, Postgres needs setpriv (package util-linux): install it, or use a user"]
    return []


def this_machine() -> Machine:
    """Look at the machine we run on."""
    name, glibc = platform.libc_ver()
    return Machine(
        system=platform.system(),
        processor=platform.machine(),
        glibc=_numbers(glibc) if name == "glibc" else None,
        macos=_numbers(platform.mac_ver()[0]),
        python=(sys.version_info.major, sys.version_info.minor),
        memory_gib=_memory_gib(),
        disk_gib=shutil.disk_usage(ROOT).free / GIB,
        installed=(ROOT / ".venv-litellm" / ".installed").exists(),
        root=hasattr(os, "geteuid") and os.geteuid() == 0,
        setpriv=shutil.which("setpriv") is not None,
        unwritable=_unwritable(Path(os.environ.get("PEDAGIO_STATE") or ROOT / ".pedagio")),
    )


def _unwritable(folder: Path) -> Path | None:
    """The folder, when it is there and cannot be written, or cannot be made."""
    folder = folder.resolve()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    return None if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK) else folder


def _numbers(version: str) -> tuple[int, ...] | None:
    parts = [part for part in version.split(".") if part.isdigit()]
    return tuple(int(part) for part in parts) or None


def _memory_gib() -> float | None:
    """Memory at hand: what Linux calls available, or all of it on a Mac."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        known: Mapping[str, str] = dict(line.split(":", 1) for line in lines)
        return int(known["MemAvailable"].split()[0]) * 1024 / GIB
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIB
    except (OSError, ValueError, AttributeError):
        return None


def main() -> int:
    """Print what stands in the way, one line each; exit status 1 if anything does."""
    found = problems(this_machine())
    for sentence in found:
        print(f"cannot run here: {sentence}.", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
