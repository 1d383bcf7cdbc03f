"""The whole system as one object: real parts, started together on free ports, stopped together.

Nothing in it is tied to an event loop, so a session's stack serves tests with loops of their own.
"""

import asyncio
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from local import redis as local_redis
from local.envoy_config import Keyed
from local.litellm import ROOT, Litellm, find_price_file, find_python
from local.postgres import Postgres
from local.probe import HOST
from local.process import Child, ChildError, Command, all_or_first_error
from local.services import MIGRATE_BOUND_S, Ports, Services
from local.state import MARK, State, default_state

INHERITED: Final = ("PATH", "HOME", "TMPDIR", "TZ")
# Evidence first: Envoy takes nobody new, LiteLLM ships what it spooled, accounting books it.
STOP_ORDER: Final = (
    ("envoy",),
    ("litellm",),
    ("authz", "accounting", "provider"),
    ("redis", "postgres"),
)

Report = Callable[[str, float], None]


@dataclass(frozen=True)
class Options:
    """What a caller may choose; `environment` adds by child (`authz-1`) or kind (`authz`)."""

    state: Path = field(default_factory=default_state)
    fresh: bool = True
    redis: bool = True
    authz_replicas: int = 2
    litellm_workers: int = 1
    litellm_config: Path = ROOT / "litellm" / "config.yaml"
    hold_deadline_s: int = 2_100
    cost_wait_s: float = 10.0
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    provider_arguments: tuple[str, ...] = ()
    report: Report = lambda _name, _took_s: None


class Stack:
    """One running system. `children` holds its processes by name, for tests that hurt them."""

    def __init__(self, options: Options | None = None) -> None:
        """Choose; nothing runs until `start`."""
        self.options = options or Options()
        self.state_folder = self.options.state.resolve()
        self.children: dict[str, Child] = {}
        self._state = State(self.state_folder)
        self._redis_server = local_redis.find_server() if self.options.redis else None

    async def __aenter__(self) -> Self:
        """Start everything, or nothing: a failed start leaves no process behind."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything."""
        await self.stop()

    def take(self) -> None:
        """Take the state folder; raises StateError when it cannot be had. `start` takes it itself."""
        self._secrets = self._state.open(fresh=self.options.fresh)

    async def start(self) -> None:
        """Start every part, at the same time where one does not need another.

        Raises ChildError or StateError with a readable text; what had started is stopped then.
        """
        if not self._state.taken:
            self.take()
        try:
            self._plan()
            self._write_environment()
            await all_or_first_error(
                self._start_part(self._litellm.command()),
                self._start_part(self._services.provider(self.options.provider_arguments)),
                self._start_redis(),
                self._start_part(self._services.envoy()),
                self._start_services(),
            )
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop every part in an order that loses no evidence. Idempotent."""
        for kinds in STOP_ORDER:
            ending = [child for child in self.children.values() if _kind(child.name) in kinds]
            await asyncio.gather(*(child.stop() for child in ending))
        self._state.close()

    def dead(self) -> list[Child]:
        """Parts that ended by themselves."""
        return [child for child in self.children.values() if child.ended_by_itself]

    @property
    def envoy_url(self) -> str:
        """Where clients call: `{envoy_url}/v1/chat/completions`."""
        return f"http://{HOST}:{self._ports.envoy}"

    @property
    def litellm_url(self) -> str:
        """LiteLLM itself, behind Envoy."""
        return self._litellm.url

    @property
    def litellm_key(self) -> str:
        """LiteLLM's own key, which no client knows."""
        return self._secrets.litellm_key

    @property
    def accounting_url(self) -> str:
        """Where reports go (HTTP)."""
        return self._services.accounting_url

    @property
    def web_url(self) -> str:
        """Where the pages are."""
        return self._services.web_url

    @property
    def admin_address(self) -> str:
        """The AdminService (gRPC), host:port."""
        return f"{HOST}:{self._ports.admin}"

    @property
    def admin_token(self) -> str:
        """Token of the AdminService."""
        return self._secrets.admin_token

    @property
    def authz_addresses(self) -> list[str]:
        """The replicas of authz (gRPC), host:port each."""
        return [f"{HOST}:{port}" for port in self._ports.authz]

    @property
    def metrics_urls(self) -> list[str]:
        """Where Prometheus asks: accounting, then each replica of authz."""
        ports = (self._ports.ingest, *self._ports.authz_metrics)
        return [f"http://{HOST}:{port}/metrics" for port in ports]

    @property
    def token_key(self) -> str:
        """Key that signs hold tokens."""
        return self._secrets.token_key

    @property
    def report_key(self) -> str:
        """Key that signs reports."""
        return self._secrets.report_key

    @property
    def access_log(self) -> Keyed:
        """Where Envoy tells how calls ended, with the key it shows there."""
        return self._services.access_log

    @property
    def database_url(self) -> str:
        """Postgres, as the owner of the schema."""
        return self._postgres.url

    @property
    def redis_url(self) -> str | None:
        """Redis, or None when the system runs without."""
        return local_redis.url(self._ports.redis) if self._redis_server else None

    @property
    def provider_url(self) -> str:
        """The simulated provider; `/control` changes its faults."""
        return self._services.provider_url

    @property
    def truth_path(self) -> Path:
        """What each call consumed, as the provider saw it (`local.provider.truth.read_truth`)."""
        return self._services.truth_path

    @property
    def price_file(self) -> Path:
        """LiteLLM's own price file (`credit.pricebook.load_price_book`)."""
        return self._services.price_file

    @property
    def switch_file(self) -> Path:
        """While this file exists the callback's hooks stand aside."""
        return self.state_folder / "run" / "callback-off"

    @property
    def spool_folder(self) -> Path:
        """Where the callback keeps evidence until accounting has it."""
        return self.state_folder / "spool"

    @property
    def environment_file(self) -> Path:
        """For a shell: where the AdminService and Postgres are, with their secrets (mode 0600)."""
        return self.state_folder / "run" / "environment"

    def _plan(self) -> None:
        """Choose ports and addresses of everything, before anything runs."""
        self._ports = Ports.free(self.options.authz_replicas)
        bare = {name: os.environ[name] for name in INHERITED if name in os.environ}
        bare |= {"LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", MARK: self._state.mark}
        python = find_python()
        self._postgres = Postgres(
            self.state_folder, self._ports.postgres, self._secrets.database_password, bare
        )
        self._services = Services(
            folder=self.state_folder,
            ports=self._ports,
            secrets=self._secrets,
            bare=bare,
            more=self.options.environment,
            database_urls={
                "authz": self._postgres.url_of("authz"),
                "accounting": self._postgres.url_of("accounting"),
            },
            price_file=find_price_file(python),
            with_redis=self._redis_server is not None,
        )
        self._litellm = Litellm(
            python=python,
            config=self.options.litellm_config,
            port=self._ports.litellm,
            workers=self.options.litellm_workers,
            environment=self._services.litellm_environment(),
        )

    def _write_environment(self) -> None:
        self.environment_file.touch(mode=0o600)
        self.environment_file.write_text(
            f"export PEDAGIO_ADMIN_ADDRESS={self.admin_address}\n"
            f"export PEDAGIO_ADMIN_TOKEN={self.admin_token}\n"
            f"export PEDAGIO_DATABASE_URL={self.database_url}\n"
            f"export PEDAGIO_METRICS='{' '.join(self.metrics_urls)}'\n"
        )

    async def _start_part(self, command: Command) -> None:
        began = time.monotonic()
        child = self.children[command.name] = Child(command, self.state_folder)
        await child.start()
        self.options.report(command.name, time.monotonic() - began)

    async def _start_redis(self) -> None:
        if self._redis_server is not None:
            folder = self.state_folder / "run"
            bare = self._services.environment("redis", {})
            command = local_redis.command(self._redis_server, folder, self._ports.redis, bare)
            await self._start_part(command)

    async def _start_services(self) -> None:
        """Postgres, then its schema, then the processes that need both."""
        await asyncio.to_thread(self._postgres.prepare)
        await self._start_part(self._postgres.command())
        await self._postgres.create_database()
        await asyncio.to_thread(self._migrate)
        await self._postgres.create_logins()
        replicas = range(1, self.options.authz_replicas + 1)
        deadline_s = self.options.hold_deadline_s
        await all_or_first_error(
            self._start_part(self._services.accounting(self.options.cost_wait_s, deadline_s)),
            *(self._start_part(self._services.authz(number, deadline_s)) for number in replicas),
        )

    def _migrate(self) -> None:
        began = time.monotonic()
        run = subprocess.run(
            self._services.migrate(),
            cwd=ROOT,
            env=self._services.environment("migrate", {"PEDAGIO_DATABASE_URL": self.database_url}),
            capture_output=True,
            text=True,
            check=False,
            timeout=MIGRATE_BOUND_S,
        )
        if run.returncode:
            raise ChildError(f"the schema could not be applied:\n{run.stderr.strip()[-2000:]}")
        self.options.report("schema", time.monotonic() - began)


def _kind(name: str) -> str:
    return name.rpartition("-")[0] or name
