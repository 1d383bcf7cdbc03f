"""The ports of the administrators' services: plain for this machine, TLS for others."""

from collections.abc import Callable
from typing import Final

import asyncpg
import grpc
import structlog

from accounting.admin.certificates import Certificates
from accounting.settings import AccountingSettings

LOOPBACK: Final = ("127.", "localhost:", "[::1]:", "unix:")
# A certificate is looked at when a connection begins: none lives much longer than it may.
CONNECTION_AGE_MS: Final = 3_600_000

log = structlog.get_logger()


def options() -> list[tuple[str, int]]:
    """What the server is to be made with."""
    return [("grpc.so_reuseport", 0), ("grpc.max_connection_age_ms", CONNECTION_AGE_MS)]


def certificates(pool: asyncpg.Pool, settings: AccountingSettings) -> Certificates | None:
    """None where no authority vouches for clients: tokens alone say who calls."""
    if not settings.admin_tls_client_ca:
        return None
    return Certificates(pool, settings.admin_tls_revoked.replace(",", " ").split())


def listen(server: grpc.aio.Server, settings: AccountingSettings) -> None:
    """Raises OSError where a port cannot be had, or not with these certificates."""
    _bound(settings.admin_listen, lambda: server.add_insecure_port(settings.admin_listen))
    if not settings.admin_listen.startswith(LOOPBACK):
        log.warning("admin_port_is_plain", listen=settings.admin_listen)
    if settings.admin_tls_listen:
        made = credentials(settings)
        _bound(
            settings.admin_tls_listen,
            lambda: server.add_secure_port(settings.admin_tls_listen, made),
        )


def _bound(address: str, bind: Callable[[], int]) -> None:
    try:
        port = bind()
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address}") from error
    if port == 0:
        raise OSError(f"cannot listen on {address}")


def credentials(settings: AccountingSettings) -> grpc.ServerCredentials:
    """With an authority of clients, a connection without one of its certificates does not come about."""
    pair = (settings.admin_tls_key.encode(), settings.admin_tls_cert.encode())
    authority = settings.admin_tls_client_ca.encode() or None
    return grpc.ssl_server_credentials([pair], authority, authority is not None)
