"""Rendering Envoy's files for one machine changes addresses, ports and paths, and nothing else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from authz.body import REFUSED_KEYS
from authz.request import BODY_NAMESPACE
from local.envoy_config import FILES, Keyed, render

ENDPOINTS = ("load_assignment", "endpoints", 0, "lb_endpoints")


def rendered(folder: Path, **changes: Any) -> Path:
    """Render the committed files into a folder; the folder of the configuration."""
    arguments: dict[str, Any] = {
        "listen": ("127.0.0.1", 1),
        "authz": [("127.0.0.1", 2), ("127.0.0.1", 3), ("127.0.0.1", 4)],
        "litellm": Keyed(("127.0.0.1", 5), "sk-key"),
        "access_log": Keyed(("127.0.0.1", 6), "sk-log"),
        "admin_socket": folder / "admin.sock",
    }
    return render(folder, **(arguments | changes)).parent


def leaves(tree: object, place: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, object]]:
    """Every value of a YAML tree with its place; the endpoints of a cluster are one value."""
    if place[-4:] == ENDPOINTS:
        yield place, tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, (*place, key))
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            yield from leaves(value, (*place, number))
    else:
        yield place, tree


def differences(root: Path, folder: Path, file: str) -> dict[str, object]:
    """What a rendered file says otherwise, by the last three words of its place."""
    before = dict(leaves(yaml.safe_load((root / "envoy" / file).read_text(encoding="utf-8"))))
    after = dict(leaves(yaml.safe_load((folder / file).read_text(encoding="utf-8"))))
    assert before.keys() == after.keys()
    changed = [place for place in before if before[place] != after[place]]
    return {".".join(map(str, place[-3:])): after[place] for place in changed}


def test_render_of_committed_files_changes_places_only(root: Path, tmp_path: Path) -> None:
    """What the tests drive is what production runs."""
    folder = rendered(tmp_path)
    secrets = tmp_path / "secrets"
    assert differences(root, folder, "envoy.yaml") == {
        "address.pipe.path": str(tmp_path / "admin.sock"),
        "lds_config.path_config_source.path": str(folder / "listener.yaml"),
        "cds_config.path_config_source.path": str(folder / "clusters.yaml"),
        "path_config_source.watched_directory.path": str(folder),
    }
    assert differences(root, folder, "listener.yaml") == {
        "address.socket_address.address": "127.0.0.1",
        "address.socket_address.port_value": 1,
        "config_source.path_config_source.path": str(folder / "routes.yaml"),
        "sds_config.path_config_source.path": str(secrets / "litellm_key.yaml"),
        "path_config_source.watched_directory.path": str(secrets),
    }
    assert differences(root, folder, "routes.yaml") == {}
    assert differences(root, folder, "clusters.yaml").keys() == {
        "endpoints.0.lb_endpoints",
        "sds_config.path_config_source.path",
        "path_config_source.watched_directory.path",
    }


def test_render_puts_every_replica_into_its_cluster(tmp_path: Path) -> None:
    """The number of authz replicas is the deployment's choice."""
    clusters = yaml.safe_load((rendered(tmp_path) / "clusters.yaml").read_text(encoding="utf-8"))
    ports = {
        cluster["name"]: [
            endpoint["endpoint"]["address"]["socket_address"]["port_value"]
            for endpoint in cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
        ]
        for cluster in clusters["resources"]
    }
    assert ports == {"authz": [2, 3, 4], "litellm": [5], "accounting_log": [6]}


def test_render_writes_files_only_this_user_reads(tmp_path: Path) -> None:
    """The files of the keys are 0600 in a folder of 0700; no half-written file stays behind."""
    folder = rendered(tmp_path)
    files = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert files == sorted([*FILES, "litellm_key.yaml", "access_log_key.yaml"])
    rendered_text = "".join((folder / name).read_text("utf-8") for name in FILES)
    for name, key in (("litellm_key", "sk-key"), ("access_log_key", "sk-log")):
        path = tmp_path / "secrets" / f"{name}.yaml"
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        assert f"Bearer {key}" in path.read_text("utf-8")
        assert key not in rendered_text


def test_render_with_a_long_socket_path_says_so(tmp_path: Path) -> None:
    """Envoy would fail later, with less to go by."""
    with pytest.raises(ValueError, match="too long for a Unix socket"):
        rendered(tmp_path, admin_socket=tmp_path / ("x" * 120))


def test_listener_extracts_every_key_that_authz_refuses(root: Path) -> None:
    """A key that Envoy does not extract is one that authz never sees."""
    text = (root / "envoy" / "listener.yaml").read_text(encoding="utf-8")
    places = dict(leaves(yaml.safe_load(text)))
    extracted = {value for place, value in places.items() if place[-3:-1] == ("selectors", 0)}
    spaces = {value for place, value in places.items() if place[-1] == "metadata_namespace"}
    assert set(REFUSED_KEYS) - extracted == set()
    assert spaces == {BODY_NAMESPACE}


def test_listener_says_unavailable_as_authz_does(root: Path) -> None:
    """People read one sentence, whoever could not be reached."""
    sentences = json.loads((root / "credit" / "sentences.json").read_text(encoding="utf-8"))
    sentence = "".join(sentences["pt-BR"]["enforcement_unavailable"])
    listener = yaml.safe_load((root / "envoy" / "listener.yaml").read_text(encoding="utf-8"))
    messages = [value for place, value in leaves(listener) if place[-1] == "message"]
    wanted = {"type": "google_error", "info": sentence.replace("{ref}", "%REQ(X-REQUEST-ID):6%")}
    assert wanted in [json.loads(str(message)) for message in messages]
