"""Everything that compose.yaml names exists: files, ports, secrets, variables."""

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]

# What an image that is not ours listens on, by its own documentation.
PORTS_OF_IMAGES = {"postgres": {5432}, "redis": {6379}, "mongodb": {27017}}
PUBLISHED = {"envoy", "librechat", "accounting"}
# Where each process reads the variables that compose hands to it.
READERS = ("credit/settings.py", "authz", "accounting", "litellm")
PINNED = re.compile(r".+:v?\d+(\.\d+)*$")
HOST_PORT = re.compile(r"(?:^|//|@)([a-z][a-z0-9-]*):(\d+)")


def listening(name: str) -> set[int]:
    """The ports a service listens on, read from its own command, environment and volumes."""
    service = SERVICES[name]
    found = set(PORTS_OF_IMAGES.get(name, set()))
    values = [str(value) for value in service.get("environment", {}).values()]
    found |= {int(v.removeprefix("0.0.0.0:")) for v in values if v.startswith("0.0.0.0:")}
    command = service.get("command", [])
    found |= {int(command[at + 1]) for at, word in enumerate(command) if word == "--port"}
    if "PORT" in service.get("environment", {}):
        found.add(int(service["environment"]["PORT"]))
    if name == "envoy":
        found |= {port for _, port in sockets("listener.yaml")}
    return found


def sockets(name: str) -> list[tuple[str, int]]:
    """Every socket address in one file of envoy/."""
    text = (ROOT / "envoy" / name).read_text(encoding="utf-8")
    found = re.findall(r"socket_address: \{address: ([\w.-]+), port_value: (\d+)\}", text)
    return [(host, int(port)) for host, port in found]


def variables() -> set[str]:
    """Names of the settings that compose hands to our processes; NAME_FILE of a secret is NAME."""
    return {
        name.removesuffix("_FILE") if str(value).startswith("/run/secrets/") else name
        for service in SERVICES.values()
        for name, value in service.get("environment", {}).items()
        if name.startswith("PEDAGIO_")
    }


def made_by_the_secrets_script() -> set[str]:
    """Paths under secrets/ that `make secrets` writes."""
    script = (ROOT / "bin/secrets").read_text(encoding="utf-8")
    return {f"secrets/{name}" for name in re.findall(r"\bkeep ([\w./]+\.\w+)", script)}


def tracked(path: str) -> bool:
    """Whether git has the file, or a file in the folder, or would add it."""
    arguments = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", path]
    return bool(subprocess.run(arguments, cwd=ROOT, check=True, capture_output=True).stdout)


def test_mounted_paths_all_exist() -> None:
    """What is mounted from the checkout is in git, or made by `make secrets`."""
    made = made_by_the_secrets_script()
    made |= {str(Path(path).parent) for path in made}
    for name, service in SERVICES.items():
        sources = [volume.split(":")[0] for volume in service.get("volumes", [])]
        local = [source.removeprefix("./") for source in sources if source.startswith("./")]
        for path in local + service.get("env_file", []):
            assert path in made or tracked(path), f"{name} mounts {path}"


def test_named_volumes_all_are_declared() -> None:
    """A volume that is not declared is refused by compose."""
    for name, service in SERVICES.items():
        sources = {volume.split(":")[0] for volume in service.get("volumes", [])}
        assert {s for s in sources if not s.startswith("./")} <= set(COMPOSE["volumes"]), name
        assert set(service["networks"]) <= set(COMPOSE["networks"]), name


def test_secrets_used_are_declared_and_made() -> None:
    """Each secret is declared once, used, and written by `make secrets`; each *_FILE names one."""
    used: set[str] = set()
    for name, service in SERVICES.items():
        granted = set(service.get("secrets", []))
        environment = service.get("environment", {}).items()
        files = {str(v) for k, v in environment if k.endswith("_FILE") and "/secrets/" in str(v)}
        assert {Path(file).name for file in files} == granted, name
        used |= granted
    assert used == set(COMPOSE["secrets"])
    assert {
        secret["file"] for secret in COMPOSE["secrets"].values()
    } <= made_by_the_secrets_script()


def test_addresses_in_environment_name_a_listening_service() -> None:
    """Every host:port that a variable names is a listening service on a shared network."""
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            for host, port in HOST_PORT.findall(str(value)):
                if "${" in str(value):  # the address of the outside, which the team chooses
                    continue
                assert int(port) in listening(host), f"{name}.{variable}={value}"
                assert set(service["networks"]) & set(SERVICES[host]["networks"]), f"{name}->{host}"


def test_envoy_clusters_name_listening_services() -> None:
    """Envoy's clusters are the compose services: both authz replicas, LiteLLM, accounting."""
    found = sockets("clusters.yaml")
    assert {host for host, _ in found} == {"authz-1", "authz-2", "litellm", "accounting"}
    for host, port in found:
        assert port in listening(host), host
        assert set(SERVICES["envoy"]["networks"]) & set(SERVICES[host]["networks"]), host


def test_envoy_secrets_are_made_and_are_those_that_the_services_read() -> None:
    """Each secret file that Envoy names is made, from the very file that the other side is given."""
    made = made_by_the_secrets_script()
    for name in ("listener.yaml", "clusters.yaml"):
        text = (ROOT / "envoy" / name).read_text(encoding="utf-8")
        (secret,) = set(re.findall(r"path: /etc/envoy-secrets/(\w+)\.yaml", text))
        assert {f"secrets/envoy/{secret}.yaml", f"secrets/{secret}.txt"} <= made
        assert secret in SERVICES["accounting"]["secrets"]
    assert "./secrets/envoy:/etc/envoy-secrets:ro" in SERVICES["envoy"]["volumes"]


def test_database_url_of_the_secrets_script_names_postgres() -> None:
    """The address that `make secrets` writes is that of the service compose starts."""
    script = (ROOT / "bin/secrets").read_text(encoding="utf-8")
    assert "@postgres:5432/pedagio" in script
    assert SERVICES["postgres"]["environment"]["POSTGRES_DB"] == "pedagio"
    assert SERVICES["postgres"]["environment"]["POSTGRES_USER"] == "pedagio"


def test_pedagio_variables_all_are_read() -> None:
    """A variable that no code reads is a typing error, or a setting that was removed."""
    modules = [path for reader in READERS for path in sorted((ROOT / reader).rglob("*.py"))]
    modules += [ROOT / reader for reader in READERS if reader.endswith(".py")]
    source = "\n".join(path.read_text(encoding="utf-8") for path in modules)
    # pydantic-settings reads PEDAGIO_TOKEN_KEYS from a field called token_keys.
    unread = {
        name
        for name in variables()
        if name not in source
        and not re.search(rf"^\s+{name.removeprefix('PEDAGIO_').lower()}\s*:", source, re.MULTILINE)
    }
    assert unread == set()


def test_litellm_image_is_the_release_that_was_tested() -> None:
    """Its price file must be the one our image carries, taken from the locked wheel."""
    lock = (ROOT / "requirements-litellm.lock").read_text(encoding="utf-8")
    version = re.search(r"^litellm==(\S+)", lock, re.MULTILINE)
    assert version
    assert SERVICES["litellm"]["image"].endswith(f":v{version[1]}")


def test_images_all_are_pinned() -> None:
    """No image floats: a restart must not bring other software."""
    assert [s["image"] for s in SERVICES.values() if not PINNED.match(s["image"])] == []


def test_doors_to_the_outside_are_envoy_librechat_and_the_pages_alone() -> None:
    """LiteLLM, Postgres and the services are reached through Envoy, or not at all; pages by a proxy on this host."""
    assert {name for name, service in SERVICES.items() if "ports" in service} == PUBLISHED
    pages = SERVICES["accounting"]["environment"]["PEDAGIO_WEB_LISTEN"].rpartition(":")[2]
    (published,) = SERVICES["accounting"]["ports"]
    assert re.fullmatch(rf"127\.0\.0\.1:\$\{{\w+:-\d+\}}:{pages}", published)
    assert not set(SERVICES["librechat"]["networks"]) & set(SERVICES["litellm"]["networks"])


def test_services_that_last_restart_with_a_health_check() -> None:
    """Every lasting service restarts by itself; each that is waited for has a health check."""
    for name, service in SERVICES.items():
        expected = "no" if name == "migrate" else "unless-stopped"
        assert service["restart"] == expected, name
        for awaited, condition in service.get("depends_on", {}).items():
            if condition["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[awaited], f"{name} waits for {awaited}"


def test_dockerfile_copies_only_what_exists() -> None:
    """Each folder and lock that the image copies is in git and passes .dockerignore."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    admitted = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for source in line.split():
            assert tracked(source), source
            assert f"!{source}" in admitted or source.endswith(".lock"), source


def test_librechat_settings_all_come_from_its_environment() -> None:
    """Each ${NAME} in librechat.yaml is set by compose or by the file `make secrets` writes."""
    text = (ROOT / "librechat/librechat.yaml").read_text(encoding="utf-8")
    script = (ROOT / "bin/secrets").read_text(encoding="utf-8")
    for name in re.findall(r"\$\{(\w+)\}", text):
        assert name in SERVICES["librechat"]["environment"] or f"{name}=" in script, name
