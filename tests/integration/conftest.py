"""One real Postgres for the session, with a fresh migrated database for every test that asks.

The schema is built once, in a template; a test gets a clone of it (15 ms in memory, ten times that on
a disk), so that no test sees what another one wrote and none needs to clean up.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import asyncpg
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from credit.migrate import migrate
from credit.pool import connect
from local.postgres import Postgres
from local.probe import free_ports
from local.process import Child
from local.state import State
from tests import memory
from tests.books import Books
from tests.integration.admin_service import Service, serve
from tests.integration.doors import CREDIT, open_for_business
from tests.integration.office import LONG_S, Office
from tests.integration.post_office import PostOffice
from tests.integration.rules_scene import NOON, Team

_NUMBERS = count(1)
# By copying files, which on a disk would wait for it.
CLONE = "CREATE DATABASE {} TEMPLATE {}" + (" STRATEGY FILE_COPY" if memory.has_room() else "")


def _run_sql(url: str, statement: str, *names: str) -> None:
    """Run one statement about databases by name; creating or dropping one needs autocommit."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL(statement).format(*map(Identifier, names)))


def _sibling(url: str, name: str) -> str:
    """The address of another database on the same server."""
    return f"{url.rpartition('/')[0]}/{name}"


@contextlib.contextmanager
def cloned(url: str) -> Iterator[str]:
    """The address of a copy of the database at `url`, gone afterwards; nobody may be connected to it."""
    admin_url = _sibling(url, "postgres")
    name = f"test_{next(_NUMBERS)}"
    _run_sql(admin_url, CLONE, name, url.rpartition("/")[2])
    try:
        yield _sibling(url, name)
    finally:
        _run_sql(admin_url, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the session's Postgres, on the template: clone it, never write to it."""
    with memory.folder(tmp_path_factory.mktemp("system")) as folder, _served(folder) as url:
        yield url


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[str]:
    """A server below that folder, its database migrated."""
    state = State(folder / "state")
    secrets = state.open(fresh=True)
    (port,) = free_ports(1)
    environment = {"PATH": os.environ["PATH"]}
    server = Postgres(state.folder, port, secrets.database_password, environment)
    server.prepare()
    child = Child(server.command(), state.folder)
    try:
        asyncio.run(child.start())
        asyncio.run(server.create_database())
        migrate(server.url)
        yield server.url
    finally:
        asyncio.run(child.stop())
        state.close()


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """The address of a database of this test's own, migrated and otherwise empty."""
    with cloned(postgres_url) as url:
        yield url


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """The product's own pool on this test's database."""
    async with await connect(database_url) as opened:
        yield opened


@pytest.fixture
async def books(pool: asyncpg.Pool) -> Books:
    """A ledger in enforce with Maria on it."""
    await open_for_business(pool)
    opened = Books(pool)
    await opened.account(CREDIT)
    return opened


@pytest.fixture
async def team(pool: asyncpg.Pool) -> Team:
    """A team at noon on 10 November in São Paulo."""
    opened = Team(pool)
    await opened.set_clock(NOON)
    return opened


@pytest.fixture
def office(pool: asyncpg.Pool) -> Office:
    """Accounting on this test's ledger, listening for an hour."""
    opened = Office(pool)
    opened.listen(LONG_S)
    return opened


@pytest.fixture
def post() -> Iterator[PostOffice]:
    """A mail server that listens."""
    opened = PostOffice()
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
async def admin(pool: asyncpg.Pool) -> AsyncIterator[Service]:
    """A running AdminService on this test's database."""
    async with serve(pool) as service:
        yield service
