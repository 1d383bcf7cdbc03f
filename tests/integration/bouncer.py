"""pgbouncer in transaction mode, in front of the Postgres of a test."""

import os
import shutil
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from local.postgres import PLAIN_USER, as_plain_user
from local.probe import HOST, free_ports, tcp_open
from local.process import Child, Command
from tests.programs import find_program

# Fewer than what asks: the statements of one connection really meet several server processes.
SERVER_CONNECTIONS = 2


class Bouncer:
    """One pgbouncer for one database; `url` is the database's address through it."""

    def __init__(self, folder: Path, database_url: str, **settings: str) -> None:
        """`settings`: further lines of its configuration."""
        parts = urlsplit(database_url)
        (port,) = free_ports(1)
        account = parts.netloc.rpartition("@")[0]
        self.url = urlunsplit(parts._replace(netloc=f"{account}@{HOST}:{port}"))
        for part in ("logs", "processes"):
            (folder / part).mkdir(exist_ok=True)
        users = folder / "users.txt"
        users.write_text(f'"{parts.username}" "{parts.password}"\n')
        lines = {
            "listen_addr": HOST,
            "listen_port": str(port),
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": str(users),
            "pool_mode": "transaction",
            "default_pool_size": str(SERVER_CONNECTIONS),
            "idle_transaction_timeout": "5",
        } | settings
        configuration = folder / "pgbouncer.ini"
        text = "".join(f"{name} = {value}\n" for name, value in lines.items())
        server = f"* = host={parts.hostname} port={parts.port}\n"
        configuration.write_text(f"[databases]\n{server}[pgbouncer]\n{text}")
        if os.geteuid() == 0:
            for path in (users, configuration):
                shutil.chown(path, PLAIN_USER)
        command = Command(
            "pgbouncer",
            (*as_plain_user(), find_program("pgbouncer"), str(configuration)),
            {"PATH": os.environ["PATH"]},
            ready=lambda: tcp_open(port),
        )
        self.child = Child(command, folder)

    async def __aenter__(self) -> Self:
        """Start it."""
        await self.child.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it; it keeps nothing."""
        await self.child.kill()
