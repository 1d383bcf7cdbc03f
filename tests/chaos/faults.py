"""The faults themselves: each hurts the running system for a while, then heals it."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import asyncpg
import redis.asyncio

from tests.chaos.clerk import Clerk, ModeWindow
from tests.chaos.schedule import AWAY, Fault
from tests.chaos.system import ChaosStack

SLOW_S: Final = 0.12
MODE_LASTS_S: Final = 1.2
# Every replica hears of a mode within a second (DESIGN 5); calls already inside keep theirs.
MODE_SETTLES_S: Final = 1.0
BACKENDS: Final = """
    SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND backend_type = 'client backend'"""


class Faults:
    """What may happen to one system; `strike` does it, and returns when it is healed."""

    def __init__(self, stack: ChaosStack, clerk: Clerk) -> None:
        """`clerk` changes modes and grants credit."""
        self._stack = stack
        self._clerk = clerk
        self.litellm_back: asyncio.Task[None] | None = None
        self.postgres_away = False
        self.disk_full: list[ModeWindow] = []
        self.postgres_lost_s: list[
            float
        ] = []  # wall-clock: when something struck at Postgres, or on its way
        self._special: Mapping[str, Callable[[Fault], Awaitable[None]]] = {
            "litellm killed": self._kill_litellm,
            "redis wiped": self._wipe_redis,
            "postgres killed": self._kill_postgres,
            AWAY: self._kill_postgres,
            "postgres frozen": self._freeze_postgres,
            "authz backend killed": self._kill_backend,
            "accounting backend killed": self._kill_backend,
            "network envoy-authz": self._storm,
            "network to postgres": self._storm,
            "network of reports": self._storm,
            "spool disk full": self._fill_spool,
            "ingest disk full": self._fill_ingest,
            "access log cut": self._cut_access_log,
        }

    async def strike(self, fault: Fault) -> None:
        """Wait for the moment, hurt, heal."""
        await asyncio.sleep(fault.at_s)
        if "postgres" in fault.kind or "backend killed" in fault.kind:
            self.postgres_lost_s.append(time.time())
        special = self._special.get(fault.kind)
        if special is not None:
            await special(fault)
            return
        subject, _, verb = fault.kind.rpartition(" ")
        if subject == "reports":
            await self._meddle(verb, fault)
        elif subject == "mode":
            await self._change_mode(verb)
        elif verb in {"killed", "frozen", "restarted"}:
            await self._hurt(subject, verb, fault)

    async def _hurt(self, kind: str, verb: str, fault: Fault) -> None:
        child = self._stack.child(kind, fault.pick)
        if verb == "frozen":
            child.freeze()
            try:
                await asyncio.sleep(fault.for_s)
            finally:
                child.thaw()
            return
        if verb == "killed":
            await child.kill()
            await asyncio.sleep(fault.for_s / 2)
        await child.revive()

    async def _kill_litellm(self, _: Fault) -> None:
        """It needs ten seconds to come back: meanwhile the rounds go through the stand-in."""
        child = self._stack.children["litellm"]
        await child.kill()
        self.litellm_back = asyncio.create_task(child.revive())

    async def _wipe_redis(self, _: Fault) -> None:
        url = self._stack.redis_url
        if url is None:
            return
        client = redis.asyncio.from_url(url)
        try:
            await client.flushall()
        finally:
            await client.aclose()

    async def _kill_postgres(self, fault: Fault) -> None:
        """The whole server: a backend left alive would keep its shared memory, as no crash does."""
        server = self._stack.children["postgres"]
        backends = children_of(server.pid)
        self.postgres_away = True
        await server.kill()
        for pid in backends:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(fault.for_s if fault.kind == AWAY else fault.for_s / 2)
        await server.revive()
        self.postgres_away = False

    async def _freeze_postgres(self, fault: Fault) -> None:
        server = self._stack.children["postgres"]
        pids = [server.pid, *children_of(server.pid)]
        _signal_all(pids, signal.SIGSTOP)
        try:
            await asyncio.sleep(fault.for_s)
        finally:
            _signal_all(pids, signal.SIGCONT)

    async def _kill_backend(self, fault: Fault) -> None:
        """SIGKILL for one session: Postgres takes it for a crash, and throws everybody out."""
        role = f"pedagio-{fault.kind.split()[0]}"
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await asyncpg.connect(self._stack.database_url, timeout=2)
            rows = await connection.fetch(BACKENDS, role)
            if rows:
                victim = rows[fault.pick % len(rows)]["pid"]
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
            await connection.close(timeout=1)

    async def _storm(self, fault: Fault) -> None:
        links = self._links(fault)
        try:
            for link in links:
                await self._stack.change_link(
                    link,
                    delay_s=SLOW_S if fault.variant == "slow" else 0.0,
                    stalled=fault.variant == "stalled",
                    cut=fault.variant == "cut",
                )
            await asyncio.sleep(fault.for_s)
        finally:
            for link in links:
                await self._stack.change_link(link, cut=fault.variant == "stalled")

    def _links(self, fault: Fault) -> list[str]:
        """One replica's link, or now and then the links of all."""
        if fault.kind == "network of reports":
            return ["reports"]
        if fault.kind == "network to postgres":
            return [f"postgres-{'accounting' if fault.pick // 3 % 3 == 0 else 'authz'}"]
        replicas = self._stack.options.authz_replicas
        if fault.pick // 3 % 4 == 0:
            return [f"check-{number}" for number in range(1, replicas + 1)]
        return [f"check-{fault.pick % replicas + 1}"]

    async def _fill_spool(self, fault: Fault) -> None:
        disk, pid = self._stack.disk("stand-in"), self._stack.stand_in.pid
        window = ModeWindow("disk full", time.time())
        self.disk_full.append(window)
        disk.fill(pid)
        try:
            await asyncio.sleep(fault.for_s)
        finally:
            disk.free(pid)
            window.ended_s = time.time()

    async def _fill_ingest(self, fault: Fault) -> None:
        """Postgres stalls for accounting, and its own spool cannot grow: it must not say 2xx."""
        disk, pid = self._stack.disk("ingest"), self._stack.children["accounting"].pid
        disk.fill(pid)
        await self._stack.change_link("postgres-accounting", stalled=True)
        try:
            await asyncio.sleep(fault.for_s)
        finally:
            disk.free(pid)
            await self._stack.change_link("postgres-accounting", cut=True)

    async def _cut_access_log(self, fault: Fault) -> None:
        await self._stack.change_link("access-log", stalled=True, cut=True)
        await asyncio.sleep(fault.for_s)
        await self._stack.change_link("access-log", cut=True)

    async def _meddle(self, mischief: str, fault: Fault) -> None:
        await self._stack.change_reports(mischief)
        try:
            await asyncio.sleep(fault.for_s * 2)
        finally:
            await self._stack.change_reports("")

    async def _change_mode(self, mode: str) -> None:
        """Another mode for a moment; what happens meanwhile is told apart by the clerk's record."""
        async with self._clerk.another_mode(mode, settles_s=MODE_SETTLES_S):
            await asyncio.sleep(MODE_LASTS_S)


def children_of(pid: int) -> list[int]:
    """Process ids of the children of one process."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                found.append(int(entry.name))
    return found


def _signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
