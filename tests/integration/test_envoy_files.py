"""The committed files of Envoy, without rendering, before the real binary."""

import asyncio
import subprocess
import sys
from pathlib import Path

import httpx

from local.envoy_config import ACCESS_LOG_KEY, FILES, LITELLM_KEY, command, write_key
from local.probe import HOST, free_ports, tcp_open
from local.process import Child, Command


def linted(root: Path, *folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the lint as a person does."""
    run = (sys.executable, str(root / "envoy" / "lint.py"), *map(str, folder))
    return subprocess.run(run, capture_output=True, text=True, check=False, timeout=60)


def test_lint_with_the_real_binary_finds_nothing(root: Path) -> None:
    """Types, rules, and `envoy --mode validate` over all files joined."""
    done = linted(root)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("envoy: good\n")


def test_lint_with_the_real_binary_reports_what_only_it_knows(root: Path, tmp_path: Path) -> None:
    """A path expression that RE2 cannot compile has the right type and breaks no rule of ours."""
    for name in FILES:
        text = (root / "envoy" / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace('"/v1/(images', '"/v1/((images'), "utf-8")
    done = linted(root, tmp_path)
    assert done.returncode == 1
    assert "--mode validate" in done.stdout


def test_committed_files_in_their_places_serve(root: Path, tmp_path: Path) -> None:
    """The YAML as it is (anchors, quotes, comments) loads: only paths and the port are moved."""
    (port,) = free_ports(1)
    secrets, config = tmp_path / "s", tmp_path / "c"
    for name in (LITELLM_KEY, ACCESS_LOG_KEY):
        write_key(secrets, name, "sk-key")
    config.mkdir()
    moved = {
        "/etc/envoy-secrets": str(secrets),
        "/etc/envoy": str(config),
        "/run/envoy": str(tmp_path),
        "port_value: 10000": f"port_value: {port}",
        "address: 0.0.0.0": f"address: {HOST}",
        "address: authz-1": f"address: {HOST}",
        "address: authz-2": f"address: {HOST}",
        "address: litellm": f"address: {HOST}",
        "address: accounting": f"address: {HOST}",
    }
    for name in FILES:
        text = (root / "envoy" / name).read_text(encoding="utf-8")
        for old, new in moved.items():
            text = text.replace(old, new)
        (config / name).write_text(text, encoding="utf-8")
    for name in ("logs", "processes"):
        (tmp_path / name).mkdir()

    async def ready() -> bool:
        return await tcp_open(port)

    child = Child(Command("envoy", command(config / "envoy.yaml"), {}, ready), tmp_path)
    try:
        asyncio.run(child.start())
        assert httpx.get(f"http://{HOST}:{port}/v1/nowhere").json()["error"]["code"] == "not_found"
    finally:
        asyncio.run(child.stop())
    said = child.log_path.read_text()
    assert not [line for line in said.splitlines() if "warning" in line and "SIGTERM" not in line]
