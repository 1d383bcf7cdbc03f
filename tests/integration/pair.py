"""Two real Postgres servers, the second a synchronous standby of the first, and what may befall them."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import Self

from credit.migrate import migrate
from local.postgres import Postgres
from local.probe import HOST, free_ports
from local.process import Child

STANDBY = "standby"
PASSWORD = "pair"


def family(pid: int) -> list[int]:
    """A server and its processes (Linux); each leads a group of its own, so no signal reaches them all."""
    found = [pid]
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            name, _, rest = stat.read_text().rpartition(")")
            if int(rest.split()[1]) == pid:
                found.append(int(name.split()[0]))
    return found


def signal_all(child: Child, number: signal.Signals) -> None:
    """Send a signal to a server and each of its processes, the server first."""
    for pid in family(child.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


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
