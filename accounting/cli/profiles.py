"""Profiles: the installations that one person administers, each with its address, its token."""

import os
import stat
import tomllib
from contextvars import ContextVar
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Final

import typer

VARIABLE: Final = "PEDAGIO_PROFILE"
_NAMED: ContextVar[str] = ContextVar("profile", default="")
Profile_ = Annotated[
    str,
    typer.Option(
        "--profile",
        envvar=VARIABLE,
        metavar="NAME",
        help="An installation of ~/.config/pedagio/profiles.toml, in place of PEDAGIO_ADMIN_*.",
    ),
]


class ProfileError(Exception):
    """The profile cannot be used; the text is a sentence for the person."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Where to ask, with which token; `token_file` names a file that holds it.

    `ca`, `cert`, `key`: files for TLS; a client certificate may stand in place of the token.
    """

    address: str
    token: str = ""
    token_file: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""


def choose(profile: Profile_ = "") -> None:
    """Take the option before the command; what it names is read when something is asked."""
    _NAMED.set(profile)


def chosen() -> Profile | None:
    """The profile of this command, whole: nothing of the environment is mixed in, so that no token goes astray."""
    name = _NAMED.get()
    return _read(path(), name) if name else None


def path() -> Path:
    """Where profiles are kept."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "pedagio" / "profiles.toml"


def _read(file: Path, name: str) -> Profile:
    """Raises ProfileError for a file that others could read, too: it holds tokens."""
    try:
        with file.open("rb") as opened:
            if stat.S_IMODE(os.fstat(opened.fileno()).st_mode) & 0o077:
                raise ProfileError(f"{file} can be read by others: chmod 600 {file}")
            found = tomllib.load(opened)
    except OSError as error:
        raise ProfileError(
            f"--profile {name} needs {file}, which cannot be read ({type(error).__name__})"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"{file} is no TOML: {error}") from error
    table = found.get(name)
    if not isinstance(table, dict):
        raise ProfileError(f"{file} has no profile {name}: it has {', '.join(found) or 'none'}")
    known = [each.name for each in fields(Profile)]
    for key, value in table.items():
        if key not in known or not isinstance(value, str):
            raise ProfileError(f"{file}: [{name}] {key} must be a text, one of {', '.join(known)}")
    tokens = bool(table.get("token")) + bool(table.get("token_file"))
    if not table.get("address") or tokens > 1 or not (tokens or table.get("cert")):
        raise ProfileError(
            f"{file}: [{name}] needs an address, with a token or a token_file, or a cert with its key"
        )
    return Profile(**table)
