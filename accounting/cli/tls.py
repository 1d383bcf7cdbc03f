"""TLS to the service: whom to trust there, and the certificate that says who calls."""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc

# In place of a file: the authorities that every program of this machine trusts.
SYSTEM: Final = "system"


class TlsError(Exception):
    """It cannot be set up; the text is a sentence for the person."""


@dataclass(frozen=True, slots=True)
class Files:
    """Paths, empty where there is none; `ca` may be `system`."""

    ca: str = ""
    cert: str = ""
    key: str = ""

    @property
    def wanted(self) -> bool:
        """Whether TLS is spoken at all."""
        return bool(self.ca or self.cert or self.key)


def credentials(files: Files) -> grpc.ChannelCredentials | None:
    """None: plain gRPC. Raises TlsError."""
    if not files.wanted:
        return None
    if bool(files.cert) != bool(files.key):
        raise TlsError("a client certificate needs its key, and the key its certificate")
    authorities = None if files.ca in {"", SYSTEM} else _read(files.ca)
    if not files.cert:
        return grpc.ssl_channel_credentials(authorities)
    return grpc.ssl_channel_credentials(authorities, _key(files.key), _read(files.cert))


def _read(path: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise TlsError(f"{path} cannot be read ({type(error).__name__})") from error


def _key(path: str) -> bytes:
    """Of a key that others could read, too, nobody knows whose it is."""
    content, file = _read(path), Path(path).expanduser()
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise TlsError(f"{path} can be read by others: chmod 600 {path}")
    return content
