"""The embedded stores: real Postgres 18 and a real Redis, as root and as anybody else."""

import os
from pathlib import Path

import asyncpg
import pytest

from local import redis as local_redis
from local.postgres import Postgres
from local.probe import free_ports
from local.process import Child
from local.state import State


async def test_postgres_in_a_closed_folder_starts_and_survives_a_crash(tmp_path: Path) -> None:
    """A committed row outlives `kill -9` of the server; the data folder may be closed to others."""
    state = State(tmp_path / "closed")  # made with mode 0700
    secrets = state.open(fresh=True)
    (port,) = free_ports(1)
    server = Postgres(state.folder, port, secrets.database_password, {"PATH": os.environ["PATH"]})
    server.prepare()
    child = Child(server.command(), state.folder)
    try:
        await child.start()
        await server.create_database()
        await server.create_database()
        connection = await asyncpg.connect(server.url)
        assert await connection.fetchval("SHOW server_version_num") >= "180000"
        for setting in ("fsync", "synchronous_commit"):
            assert await connection.fetchval("SELECT current_setting($1)", setting) == "on"
        await connection.execute("CREATE TABLE fact (answer int)")
        await connection.execute("INSERT INTO fact (answer) VALUES (42)")
        await child.kill()
        await child.restart()
        connection = await asyncpg.connect(server.url)
        assert await connection.fetchval("SELECT answer FROM fact") == 42
        await connection.close()
    finally:
        await child.stop()
        state.close()


async def test_postgres_refuses_a_wrong_password(tmp_path: Path) -> None:
    """Loopback is shared with everybody on the machine: the database asks for its password."""
    state = State(tmp_path)
    state.open(fresh=True)
    (port,) = free_ports(1)
    server = Postgres(tmp_path, port, "right", {"PATH": os.environ["PATH"]})
    server.prepare()
    child = Child(server.command(), tmp_path)
    try:
        await child.start()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.url.replace("right", "wrong"))
    finally:
        await child.stop()
        state.close()


async def test_redis_server_at_hand_answers(tmp_path: Path) -> None:
    """The newest server found, if any, runs on loopback without leaving files."""
    found = local_redis.find_server()
    if found is None:
        return  # everything works without one
    state = State(tmp_path)
    state.open(fresh=True)
    (port,) = free_ports(1)
    child = Child(local_redis.command(found, tmp_path / "run", port, {}), tmp_path)
    try:
        await child.start()
    finally:
        await child.stop()
        state.close()
    assert not list((tmp_path / "run").iterdir())
