"""What is measured: the whole local system, the empty service, and Envoy before an instant upstream."""

import contextlib
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from local import envoy_config
from local.doors import wait_for_doors
from local.office import Office
from local.probe import HOST, free_ports, http_ok, tcp_open
from local.process import Child, Command
from local.stack import Options, Stack
from protos.pedagio.v1 import admin_pb2

MODEL: Final = "gpt-4o-mini"
CLIENT: Final = "bench"
# One million USD each: nobody is refused, so every Check is measured to its hold.
CREDIT_NANOS: Final = 10**15
FAST_PROVIDER: Final = ("--tokens-per-second", "1000000", "--latency-ms", "0")


@dataclass(frozen=True)
class System:
    """Addresses of everything.

    Envoy stands before an instant upstream three times: `door` asks authz, `empty_door` the empty
    service, `open_door` nobody (its ext_authz filter is disabled).
    """

    stack: Stack
    key: str
    people: tuple[str, ...]
    accounts: tuple[int, ...]
    empty: Child
    empty_address: str
    door_envoy: Child
    door_url: str
    empty_door_url: str
    open_door_url: str
    upstream_url: str

    @property
    def headers(self) -> dict[str, str]:
        """What the bench's client sends."""
        return {"authorization": f"Bearer {self.key}", "content-type": "application/json"}


@contextlib.asynccontextmanager
async def running(state: Path, people: int, say: Callable[[str], None]) -> AsyncIterator[System]:
    """Start everything, fund the people, yield; nothing is left running."""
    options = Options(state=state, provider_arguments=FAST_PROVIDER)
    async with Stack(options) as stack, contextlib.AsyncExitStack() as more:
        say("the system runs; adding the empty service and an instant upstream")
        empty_port, stub_port, *envoy_ports = free_ports(5)
        empty = await _child(more, stack, _ours("empty", empty_port, f"{HOST}:{empty_port}"))
        await _child(more, stack, _ours("stub", stub_port, str(stub_port)))
        authz_ports = [int(address.rpartition(":")[2]) for address in stack.authz_addresses]
        doors = {"door": authz_ports, "empty-door": [empty_port], "open-door": authz_ports}
        envoys = [
            await _child(more, stack, _envoy(stack, name, port, asked, stub_port))
            for port, (name, asked) in zip(envoy_ports, doors.items(), strict=True)
        ]
        names = tuple(f"person-{number}" for number in range(people))
        key, accounts = await _open_accounts(stack, names)
        await wait_for_doors(stack.authz_addresses, key, MODEL)
        door_url, empty_door_url, open_door_url = (f"http://{HOST}:{port}" for port in envoy_ports)
        yield System(
            stack=stack,
            key=key,
            people=names,
            accounts=accounts,
            empty=empty,
            empty_address=f"{HOST}:{empty_port}",
            door_envoy=envoys[0],
            door_url=door_url,
            empty_door_url=empty_door_url,
            open_door_url=open_door_url,
            upstream_url=f"http://{HOST}:{stub_port}",
        )


async def _child(more: contextlib.AsyncExitStack, stack: Stack, command: Command) -> Child:
    child = Child(command, stack.state_folder)
    more.push_async_callback(child.stop)
    await child.start()
    return child


def _ours(name: str, port: int, argument: str) -> Command:
    async def listening() -> bool:
        return await tcp_open(port)

    module = {"empty": "bench.empty_service", "stub": "bench.stub"}[name]
    root = Path(__file__).resolve().parents[1]
    return Command(name, (sys.executable, "-m", module, argument), {}, listening, folder=root)


def _envoy(
    stack: Stack, name: str, port: int, authz_ports: Sequence[int], stub_port: int
) -> Command:
    """Envoy with the files of production; that of the `open-door` with its ext_authz filter off."""
    folder = stack.state_folder / name
    socket = stack.state_folder / "run" / f"{name}.sock"
    bootstrap = envoy_config.render(
        folder,
        listen=(HOST, port),
        authz=[(HOST, authz_port) for authz_port in authz_ports],
        litellm=envoy_config.Keyed((HOST, stub_port), "sk-bench"),
        access_log=stack.access_log,
        admin_socket=socket,
        source=_without_check(folder / "source") if name == "open-door" else envoy_config.SOURCE,
    )

    async def live() -> bool:
        return await http_ok("http://envoy/ready", unix_socket=str(socket)) and await tcp_open(port)

    return Command(name, envoy_config.command(bootstrap), {}, live)


def _without_check(folder: Path) -> Path:
    """A copy of envoy/ whose ext_authz filters are disabled: all else stays."""
    shutil.copytree(envoy_config.SOURCE, folder, dirs_exist_ok=True)
    path = folder / "listener.yaml"
    listener: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    (manager,) = listener["resources"][0]["filter_chains"][0]["filters"]
    for http_filter in manager["typed_config"]["http_filters"]:
        if http_filter["name"] in {"pedagio.known_key", "envoy.filters.http.ext_authz"}:
            http_filter["disabled"] = True
    path.write_text(yaml.safe_dump(listener, sort_keys=False), encoding="utf-8")
    return folder


async def _open_accounts(stack: Stack, names: tuple[str, ...]) -> tuple[str, tuple[int, ...]]:
    wanted = admin_pb2.Client(
        id=CLIENT,
        kind="trusted",
        litellm_key="inject",
        unknown_users="create",
        style="plain",
        language="en",
    )
    async with Office(stack.admin_address, stack.admin_token) as office:
        await office.sync_models()
        await office.set_mode("enforce")
        key = await office.create_client(wanted)
        accounts = []
        for name in names:
            await office.open_account(CLIENT, name)
            account = await office.grant(CLIENT, name, CREDIT_NANOS)
            accounts.append(int(account.id))
    return key, tuple(accounts)
