"""Two real Postgres servers, the second a synchronous standby of the first, and what may befall them."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path
from typing import Self

from credit.migrate import migrate
from local.postgres import Postgres
from local.probe import HOST, free_ports
from local.process import Child

STANDBY = "standby"
PASSWORD = "pair"


def family(pid: int) -> list[int]:
    """A server and its processes; each leads a group of its own, so that no signal reaches them all."""
    shown = subprocess.run(
        ("ps", "-A", "-o", "pid=,ppid="), capture_output=True, text=True, check=True
    ).stdout
    pairs = [line.split() for line in shown.splitlines()]
    return [pid, *(int(child) for child, parent in pairs if int(parent) == pid)]


def signal_all(child: Child, number: signal.Signals) -> None:
    """Send a signal to a server and each of its processes, the server first."""
    for pid in family(child.pid):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


class Pair:
    """A primary that answers no commit before the standby has it; `url` names both."""

    def __init__(self, folder: Path) -> None:
        """Nothing runs until it is entered."""
        for part in ("logs", "processes"):
            (folder / part).mkdir()
        environment = {"PATH": os.environ["PATH"]}
        first, second = free_ports(2)
        self.primary = Postgres(folder, first, PASSWORD, environment)
        self.standby = Postgres(folder, second, PASSWORD, environment, STANDBY)
        self.primary_child = Child(self.primary.command(), folder)
        self.standby_child = Child(self.standby.command(), folder)
        both = self.primary.url.replace(f"{HOST}:{first}", f"{HOST}:{first},{HOST}:{second}")
        self.url = f"{both}?target_session_attrs=read-write"

    async def __aenter__(self) -> Self:
        """Start both, with the schema of this release."""
        await asyncio.to_thread(self.primary.prepare)
        await self.primary_child.start()
        await self.primary.create_database()
        await asyncio.to_thread(self.standby.prepare_standby, self.primary)
        await self.standby_child.start()
        await self.primary.wait_for_standby(STANDBY)
        await asyncio.to_thread(migrate, self.url)
        return self

    async def __aexit__(self, *_: object) -> None:
        """End both at once: nothing in them is needed any more."""
        for child in (self.primary_child, self.standby_child):
            signal_all(child, signal.SIGKILL)
            await child.kill()

    async def lose_primary(self) -> None:
        """The machine of the primary is gone; the standby takes over."""
        signal_all(self.primary_child, signal.SIGKILL)
        await self.primary_child.kill()
        await self.standby.promote()
