"""Hypothesis plays with an account, in memory and on Postgres: every answer is the reference's."""

import asyncio
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from credit.pool import connect
from tests.books import Books
from tests.model.machine import AccountMachine
from tests.model.memory import MemoryStore
from tests.model.store import PostgresStore

EXAMPLES = int(os.environ.get("PEDAGIO_FUZZ_EXAMPLES", "0"))


def bounds(examples: int) -> settings:
    """So many games of 30 acts; PEDAGIO_FUZZ_EXAMPLES asks for more."""
    return settings(
        max_examples=max(examples, EXAMPLES),
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One loop for a whole game: connections belong to the loop that opened them."""
    opened = asyncio.new_event_loop()
    yield opened
    opened.close()


def test_account_in_memory_answers_as_the_reference(loop: asyncio.AbstractEventLoop) -> None:
    """The in-memory store passes what the real one passes."""
    machine = type("InMemory", (AccountMachine,), {"store": MemoryStore(), "loop": loop})
    run_state_machine_as_test(machine, settings=bounds(100))


def test_account_on_postgres_answers_as_the_reference(
    loop: asyncio.AbstractEventLoop, database_url: str
) -> None:
    """The SQL decides as the sixty lines do, whatever happens in whatever order."""
    pool = loop.run_until_complete(connect(database_url))
    machine = type("OnPostgres", (AccountMachine,), {"store": PostgresStore(pool), "loop": loop})
    try:
        run_state_machine_as_test(machine, settings=bounds(25))
        loop.run_until_complete(Books(pool).check())
    finally:
        loop.run_until_complete(pool.close())
