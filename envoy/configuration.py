"""Envoy's files as data: read, typed against Envoy's API, joined for `--mode validate`."""

import copy
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from envoy_data_plane.envoy.config.bootstrap.v3 import Bootstrap
from envoy_data_plane.envoy.service.discovery.v3 import DiscoveryResponse

FILES: Final = ("envoy.yaml", "listener.yaml", "routes.yaml", "clusters.yaml")
# Envoy's YAML reader takes these, bare, for booleans; PyYAML does not take all of them.
BOOLEAN_WORD: Final = re.compile(r"(?i:n|y|no|yes|on|off)")
BUFFER_FILTER: Final = "envoy.filters.http.buffer"
GATE_FILTER: Final = "pedagio.known_key"
JSON_FILTER: Final = "envoy.filters.http.json_to_metadata"
AUTHZ_FILTER: Final = "envoy.filters.http.ext_authz"
KEY_FILTER: Final = "envoy.filters.http.credential_injector"

Tree = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """One thing to repair: in which file, where in it, and why."""

    file: str
    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.file}: {self.where}: {self.problem}"


@dataclass(frozen=True)
class Configuration:
    """The four files, parsed. `manager` is the HTTP connection manager, `routes` its route list."""

    bootstrap: Tree
    listener: Tree
    manager: Tree
    route_table: Tree
    clusters: dict[str, Tree]

    @property
    def routes(self) -> list[Tree]:
        """Every route of every virtual host, in the order Envoy tries them."""
        return [route for host in self.route_table["virtual_hosts"] for route in host["routes"]]

    @property
    def filters(self) -> dict[str, Tree]:
        """HTTP filter configurations by filter name, in their order."""
        return {item["name"]: item.get("typed_config", {}) for item in self.manager["http_filters"]}


def read(folder: Path) -> Configuration:
    """Parse the files of a folder; KeyError, IndexError or OSError where the shape is another."""
    bootstrap, listener, routes, clusters = (
        yaml.safe_load((folder / name).read_text(encoding="utf-8")) for name in FILES
    )
    (only_listener,) = listener["resources"]
    (network_filter,) = only_listener["filter_chains"][0]["filters"]
    (route_table,) = routes["resources"]
    return Configuration(
        bootstrap=bootstrap,
        listener=only_listener,
        manager=network_filter["typed_config"],
        route_table=route_table,
        clusters={cluster["name"]: cluster for cluster in clusters["resources"]},
    )


def joined(configuration: Configuration, secrets: Path) -> Tree:
    """One static bootstrap of all files: `envoy --mode validate` never opens the dynamic ones.

    The keys of a deployment are not there where this is checked: `secrets` gets an empty stand-in.
    """
    bootstrap = copy.deepcopy(configuration.bootstrap)
    listener = copy.deepcopy(configuration.listener)
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    del manager["rds"]
    manager["route_config"] = _untyped(configuration.route_table)
    clusters = copy.deepcopy(list(configuration.clusters.values()))
    stand_in = secrets / "stand_in.yaml"
    stand_in.write_text("resources: []", encoding="utf-8")
    for config in _injectors([listener, *clusters]):
        credential = config["credential"]["typed_config"]["credential"]
        credential["sds_config"]["path_config_source"] = {"path": str(stand_in)}
    del bootstrap["dynamic_resources"]
    bootstrap["static_resources"] = {
        "listeners": [_untyped(listener)],
        "clusters": [_untyped(cluster) for cluster in clusters],
    }
    return bootstrap


def typed_findings(folder: Path) -> Iterator[Finding]:
    """Unknown fields and wrong types, by loading each file into the typed API of Envoy 1.40."""
    for name in FILES:
        tree = yaml.safe_load((folder / name).read_text(encoding="utf-8"))
        message = Bootstrap if name == FILES[0] else DiscoveryResponse
        for type_url in sorted(set(_type_urls(tree))):
            try:
                _import_type(type_url)
            except ImportError:
                yield Finding(name, type_url, "Envoy 1.40 has no such type")
                break
        else:
            try:
                message.from_dict(tree)
            except (KeyError, TypeError, ValueError) as error:
                yield Finding(name, message.__name__, " ".join(str(error).split()))


def boolean_word_findings(folder: Path) -> Iterator[Finding]:
    """Bare words that Envoy reads as booleans: the body key `n` would silently be `false`."""
    for name in FILES:
        for node in _plain_scalars(yaml.compose((folder / name).read_text(encoding="utf-8"))):
            if BOOLEAN_WORD.fullmatch(node.value):
                line = node.start_mark.line + 1
                yield Finding(name, f"line {line}", f"quote {node.value}: bare, it is a boolean")


def _injectors(tree: object) -> Iterator[Tree]:
    """The configurations of every filter that adds a key, wherever it stands."""
    if isinstance(tree, dict):
        if tree.get("name") == KEY_FILTER:
            yield tree["typed_config"]
        for value in tree.values():
            yield from _injectors(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _injectors(value)


def _untyped(tree: Tree) -> Tree:
    return {key: value for key, value in tree.items() if key != "@type"}


def _type_urls(tree: object) -> Iterator[str]:
    if isinstance(tree, dict):
        if "@type" in tree:
            yield str(tree["@type"])
        for value in tree.values():
            yield from _type_urls(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _type_urls(value)


def _import_type(type_url: str) -> None:
    """Import the module of a type, which registers it for `Any` fields."""
    package, _, _ = type_url.removeprefix("type.googleapis.com/").rpartition(".")
    importlib.import_module(f"envoy_data_plane.{package}")


def _plain_scalars(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode) and node.style is None:
        yield node
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _plain_scalars(item)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _plain_scalars(key)
            yield from _plain_scalars(value)
