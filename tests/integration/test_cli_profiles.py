"""`pedagio --profile NAME`: one installation or the other, never a mixture."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.admin_service import TOKENS, Service
from tests.integration.admins import add
from tests.integration.test_admin_cli import pedagio


def write(folder: Path, text: str, mode: int = 0o600) -> dict[str, Any]:
    """The environment of somebody with these profiles, and with the variables of another installation."""
    file = folder / "pedagio" / "profiles.toml"
    file.parent.mkdir()
    file.write_text(text)
    file.chmod(mode)
    return {
        "XDG_CONFIG_HOME": str(folder),
        "PEDAGIO_ADMIN_ADDRESS": "127.0.0.1:1",
        "PEDAGIO_ADMIN_TOKEN": "x" * 40,
    }


async def test_profile_brings_address_and_token_whatever_the_environment_says(
    admin: Service, tmp_path: Path
) -> None:
    """By the option before the command, or by its variable; a token may lie in a file of its own."""
    token = await add(admin, "ana@example.com", "viewer")
    (tmp_path / "token").write_text(f"{TOKENS[0]}\n")
    environment = write(
        tmp_path,
        f'[home]\naddress = "{admin.address}"\ntoken = "{token}"\n'
        f'[work]\naddress = "{admin.address}"\ntoken_file = "{tmp_path}/token"\n',
    )
    shown = await pedagio(admin, "--profile", "home", "admin", "whoami", **environment)
    assert "ana@example.com" in shown.stdout
    shown = await pedagio(admin, "admin", "whoami", **environment, PEDAGIO_PROFILE="work")
    assert "installation's own token" in shown.stdout
    away = await pedagio(admin, "mode", "show", code=1, **environment)
    assert "127.0.0.1:1" in away.stderr


@pytest.mark.parametrize(
    ("text", "mode", "sentence"),
    [
        ('[home]\naddress = "a:1"\ntoken = "t"\n', 0o640, "can be read by others: chmod 600"),
        ('[work]\naddress = "a:1"\ntoken = "t"\n', 0o600, "has no profile home: it has work"),
        ('[home]\ntoken = "t"\n', 0o600, "needs an address, with a token or a token_file"),
        ('[home]\naddress = "a:1"\n', 0o600, "needs an address, with a token or a token_file"),
        ('[home]\naddress = "a:1"\ntoken = "t"\ntoken_file = "f"\n', 0o600, "or a token_file"),
        ('[home]\naddress = "a:1"\nport = 1\n', 0o600, "[home] port must be a text, one of"),
        ("home = 1\n", 0o600, "has no profile home"),
        ("[home\n", 0o600, "is no TOML"),
    ],
)
async def test_profile_that_cannot_be_used_is_said_and_nothing_is_asked(
    admin: Service, tmp_path: Path, text: str, mode: int, sentence: str
) -> None:
    """Least of all another installation, with the token of this one."""
    environment = write(tmp_path, text, mode)
    refused = await pedagio(
        admin, "--profile", "home", "mode", "set", "off", "--reason", "r", code=1, **environment
    )
    assert sentence in refused.stderr
    assert await admin.audit() == []


async def test_profile_without_a_file_names_the_file(admin: Service, tmp_path: Path) -> None:
    """Whoever has none yet learns where it goes."""
    refused = await pedagio(
        admin, "--profile", "home", "mode", "show", code=1, XDG_CONFIG_HOME=str(tmp_path)
    )
    assert f"needs {tmp_path}/pedagio/profiles.toml" in refused.stderr
