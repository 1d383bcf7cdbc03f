"""The running system of a chaos run: the local stack, with proxies on its connections and the stand-in.

authz, accounting --links--> Postgres      Envoy --links--> authz, accounting's access log
stand-in, LiteLLM --reports' proxy, links--> accounting
"""

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import aiohttp
import asyncpg
import yaml

from local.litellm import ROOT
from local.probe import HOST, free_ports, http_ok, tcp_open
from local.process import Child, Command
from local.stack import Options, Stack
from tests.chaos.tmpfs import SpoolDisk

REPLICAS: Final = 3
HOLD_DEADLINE_S: Final = 25
COST_WAIT_S: Final = 4.0
PORT_TRIES: Final = 20
CONTROL_BOUND_S: Final = 5.0
PROVIDER_ARGUMENTS: Final = ("--latency-ms", "15", "--tokens-per-second", "1500", "--no-caching")
BOUNDED_CAP_NANOS: Final = 4_000_000
BOUNDED: Final = {
    "PEDAGIO_WHEN_POSTGRES_AWAY": "bounded",
    "PEDAGIO_BOUNDED_CAP_NANOS": str(BOUNDED_CAP_NANOS),
}
POSTGRES_LINKS: Final = ("authz", "accounting")
ACCESS_LOG_CLUSTER: Final = "accounting_log"


@dataclass(frozen=True)
class ChaosPorts:
    """Ports of what only a chaos run has: links by name, and three processes' own."""

    tcp: dict[str, tuple[int, int]]
    reports: int
    control: int
    stand_in: int


def traced_config(folder: Path) -> Path:
    """LiteLLM's configuration, so that it hands our call id on: the provider's log then names the hold."""
    folder.mkdir(parents=True, exist_ok=True)
    source = ROOT / "litellm"
    for name in ("callback.py", "allowed_body.json", "pedagio_callback"):
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(source / name)
    tree = yaml.safe_load((source / "config.yaml").read_text(encoding="utf-8"))
    tree["general_settings"]["forward_client_headers_to_llm_api"] = True
    (folder / "config.yaml").write_text(json.dumps(tree), encoding="utf-8")
    return folder / "config.yaml"


def chaos_options(state: Path, deadline_s: int = HOLD_DEADLINE_S, **more: Any) -> Options:
    """A small, quick system: three replicas of authz, short waits before holds close by themselves."""
    return Options(
        state=state,
        litellm_config=traced_config(state / "litellm"),
        authz_replicas=REPLICAS,
        hold_deadline_s=deadline_s,
        cost_wait_s=COST_WAIT_S,
        provider_arguments=PROVIDER_ARGUMENTS,
        environment={
            # The service's own settings, so that both answers to "Postgres is away" are tried.
            "authz": {"PEDAGIO_WHEN_POSTGRES_AWAY": "closed"},
            "accounting": {"PEDAGIO_SPOOL_DIR": str(state / "run" / "ingest-disk" / "spool")},
        },
        **more,
    )


class ChaosStack(Stack):
    """A stack whose parts meet through proxies. `call_link` and `call_reports` change their weather."""

    @property
    def stand_in(self) -> Child:
        """What takes LiteLLM's place for most of the calls."""
        return self.children["standin"]

    def disk(self, name: str) -> SpoolDisk:
        """The disk of a spool: `stand-in` or `ingest`."""
        return self._disks[name]

    def authz(self, pick: int) -> Child:
        """One of the replicas."""
        return self.children[f"authz-{pick % self.options.authz_replicas + 1}"]

    def child(self, kind: str, pick: int) -> Child:
        """A part by its kind."""
        named = {"stand-in": "standin"}.get(kind, kind)
        return self.authz(pick) if kind == "authz" else self.children[named]

    async def start_stand_in(self, workers: int = 1) -> None:
        """Start the stand-in once the model map is known, and let Envoy send calls there."""
        connection = await asyncpg.connect(self.database_url)
        try:
            found = await connection.fetchval(MODEL_MAP)
        finally:
            await connection.close()
        models = json.loads(found)
        ids = {name: entry["deployments"][0]["model_id"] for name, entry in models.items()}
        await self._start_part(self._stand_in_command(ids, workers))
        self.send_through(litellm=False)

    async def allow_bounded(self) -> None:
        """Start the replicas anew with when_postgres_away=bounded and a small cap."""
        for number in range(self.options.authz_replicas):
            child = self.authz(number)
            child.command = replace(
                child.command, environment={**child.command.environment, **BOUNDED}
            )
            await child.kill()
            await child.revive()

    def send_through(self, *, litellm: bool) -> None:
        """Point Envoy at LiteLLM or at the stand-in; it notices within a fraction of a second."""
        port = self._ports.litellm if litellm else self._chaos.stand_in
        tcp = self._chaos.tcp
        checks = [port for name, (port, _) in tcp.items() if name.startswith("check-")]
        _point(
            self.state_folder / "envoy" / "config" / "clusters.yaml",
            {"authz": checks, "litellm": [port], ACCESS_LOG_CLUSTER: [tcp["access-log"][0]]},
        )

    async def change_link(self, link: str, **weather: Any) -> None:
        """Change the weather on one link; see `tests.chaos.links`."""
        await self._control({"link": link, **weather})

    async def change_reports(self, mischief: str) -> None:
        """Let the reports' proxy do something, '' for nothing."""
        await self._control({"mischief": mischief})

    async def stop(self) -> None:
        """Stop all: the stand-in while accounting still takes its reports, the proxies last."""
        if "standin" in self.children:
            await self.stand_in.stop()
        await super().stop()
        for disk in self._disks.values():
            disk.unmount()
        if "links" in self.children:
            await self.children["links"].stop()

    def _plan(self) -> None:
        super()._plan()
        ports, taken = self._ports, set(self._ports.authz)
        taken |= {getattr(ports, name) for name in ("postgres", "redis", "provider", "litellm")}
        taken |= {ports.envoy, ports.ingest, ports.admin, ports.access_log, *ports.authz_metrics}
        targets = {f"postgres-{name}": ports.postgres for name in POSTGRES_LINKS}
        targets |= {f"check-{n}": port for n, port in enumerate(ports.authz, 1)}
        targets |= {"reports": ports.ingest, "access-log": ports.access_log}
        free = _free_besides(taken, len(targets) + 3)
        tcp = {name: (free.pop(), target) for name, target in targets.items()}
        self._chaos = ChaosPorts(tcp, free.pop(), free.pop(), free.pop())
        self._route_services()
        folder = self.state_folder / "run"
        self._disks = {name: SpoolDisk(folder / f"{name}-disk") for name in ("stand-in", "ingest")}

    def _route_services(self) -> None:
        """Give authz, accounting and LiteLLM the addresses of the proxies."""
        more = {kind: dict(own) for kind, own in self.options.environment.items()}
        for kind in POSTGRES_LINKS:
            direct, proxied = self._ports.postgres, self._chaos.tcp[f"postgres-{kind}"][0]
            url = self._postgres.url_of(kind).replace(f":{direct}/", f":{proxied}/")
            more[kind] = {**more.get(kind, {}), "PEDAGIO_DATABASE_URL": url}
        reports = f"http://{HOST}:{self._chaos.reports}"
        more["litellm"] = {**more.get("litellm", {}), "PEDAGIO_ACCOUNTING_URL": reports}
        self._services = replace(self._services, more=MappingProxyType(more))
        self._litellm = replace(self._litellm, environment=self._services.litellm_environment())

    async def _start_services(self) -> None:
        for disk in self._disks.values():
            disk.mount()
        await self._start_part(self._links_command())
        await super()._start_services()

    def _links_command(self) -> Command:
        chaos = self._chaos
        url = f"http://{HOST}:{chaos.tcp['reports'][0]}"
        plan = {
            "control": chaos.control,
            "report_key": self.report_key,
            "tcp": chaos.tcp,
            "reports": [chaos.reports, url],
            "seed": "reports",
        }

        async def ready() -> bool:
            return await http_ok(f"http://{HOST}:{chaos.control}/healthz")

        own = {"CHAOS_LINKS": json.dumps(plan)}
        return self._python("links", own, ready)

    def _stand_in_command(self, model_ids: dict[str, str], workers: int) -> Command:
        port = self._chaos.stand_in
        told = {
            "port": port,
            "workers": workers,
            "price_file": str(self.price_file),
            "model_ids": model_ids,
        }

        async def ready() -> bool:
            return await tcp_open(port)

        own = self._services.litellm_environment() | {
            "PEDAGIO_SPOOL_DIR": str(self._disks["stand-in"].folder / "spool"),
            "CHAOS_STANDIN": json.dumps(told),
        }
        return self._python("standin", own, ready)

    def _python(self, name: str, own: dict[str, str], ready: Any) -> Command:
        services = self._services
        environment = services.environment(name, own)
        # Not sys.executable: a pytest run may sit in another place; the provider's words are right.
        argv = (*services.provider(()).argv[:2], f"tests.chaos.{name}")
        return Command(name, argv, environment, ready=ready, folder=ROOT, stop_within_s=5.0)

    async def _control(self, order: dict[str, Any]) -> None:
        url = f"http://{HOST}:{self._chaos.control}/control"
        timeout = aiohttp.ClientTimeout(total=CONTROL_BOUND_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, json=order) as answer,
        ):
            answer.raise_for_status()


MODEL_MAP: Final = "SELECT map::text FROM model_map ORDER BY version DESC LIMIT 1"


def _free_besides(taken: set[int], count: int) -> list[int]:
    """Free ports that nobody in this run has been promised."""
    for _ in range(PORT_TRIES):
        found = free_ports(count)
        if not taken & set(found):
            return found
    raise RuntimeError("no free ports")


def _point(path: Path, endpoints: dict[str, Sequence[int]]) -> None:
    """Change the endpoints of clusters in a rendered file, by rename: Envoy sees only that."""
    tree = json.loads(path.read_text(encoding="utf-8"))
    for cluster in tree["resources"]:
        if cluster["name"] in endpoints:
            (locality,) = cluster["load_assignment"]["endpoints"]
            locality["lb_endpoints"] = [
                {"endpoint": {"address": {"socket_address": {"address": HOST, "port_value": port}}}}
                for port in endpoints[cluster["name"]]
            ]
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(tree, file)
    Path(name).replace(path)
