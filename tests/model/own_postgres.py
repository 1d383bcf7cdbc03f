"""A Postgres of one's own, migrated, for a proof that runs outside of pytest."""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from credit.migrate import apply_functions, apply_tables
from local.postgres import Postgres
from local.probe import free_ports
from local.process import Child
from local.state import State


@contextlib.asynccontextmanager
async def own_postgres(folder: Path) -> AsyncIterator[str]:
    """Start it below `folder`, give its address, stop it."""
    state = State(folder)
    secrets = state.open(fresh=True)
    (port,) = free_ports(1)
    environment = {"PATH": os.environ["PATH"]}
    server = Postgres(state.folder, port, secrets.database_password, environment)
    server.prepare()
    child = Child(server.command(), state.folder)
    try:
        await child.start()
        await server.create_database()
        apply_tables(server.url)
        await apply_functions(server.url)
        yield server.url
    finally:
        await child.stop()
        state.close()
