"""Every order of the steps of several SQL sessions: the outcome is that of some serial order.

READ COMMITTED takes a new snapshot per statement, so only locks keep a function's statements together:
this is where a missing lock, or one taken in another order (a deadlock), would show.
"""

import uuid
from collections.abc import AsyncIterator, Sequence
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from credit.pool import connect
from tests.books import Books
from tests.integration.session_acts import (
    Act,
    Scene,
    close,
    extend,
    place,
    place_both,
    place_bounded,
    report,
    report_both,
    top_up,
)
from tests.integration.sessions import Call, Stage, orders
from tests.model.mutants import Change, mutated

CREDIT, HELD = 1_000, 300
OUTCOME = """
    SELECT a.posted, a.held, ARRAY(SELECT c.outcome || c.captured FROM hold AS h
        JOIN hold_close AS c ON c.hold_id = h.id WHERE h.account_id = a.id ORDER BY 1) AS closed
    FROM account AS a WHERE a.id = $1"""


TWO = {
    "place and capture of one call": [place("fresh", 300), report("fresh", 100)],
    "place and its retry": [place("fresh", 300), place("fresh", 300)],
    "place and place of the last credit": [place("fresh", 700), extend(1_000)],
    "capture and capture of one event": [report("held", 100), report("held", 100)],
    "capture and capture of one record": [report("held", 9, same=True)] * 2,
    "capture and capture that differ": [report("held", 100), report("held", 200)],
    "capture and settle": [report("held", 100), close("held", "settled", 70)],
    "extend and place": [extend(900), place("fresh", 600)],
    "extend and close": [extend(900), close("held", "released", 0)],
    "top-up and capture": [top_up(500), report("held", 100)],
    "top-up and place": [top_up(500), place("fresh", 1_100)],
    "bounded place and report": [place_bounded(2_000), report("fresh", 100)],
    "bounded place and place of one call": [place_bounded(2_000), place("fresh", 300)],
    "close and close of one hold": [close("held", "settled", 70), close("held", "released", 0)],
    "place and unproven report of one call": [
        place("fresh", 300),
        report("fresh", 100, unproven=True),
    ],
}
BACKWARDS = "batches over the same accounts the other way around"
THREE = {
    "place, retry, capture": [place("fresh", 300), place("fresh", 300), report("fresh", 100)],
    "settle, late report, its double": [
        close("held", "settled", 70),
        report("held", 100),
        report("held", 100),
    ],
    "extend, place, top-up": [extend(900), place("fresh", 600), top_up(200)],
    "bounded place, report, place": [
        place_bounded(2_000),
        report("fresh", 100),
        place("fresh", 300),
    ],
    "place, unproven report, close": [
        place("fresh", 300),
        report("fresh", 100, unproven=True),
        close("fresh", "released", 0),
    ],
    "place, unproven report, extend": [
        place("fresh", 300),
        report("fresh", 100, unproven=True),
        extend(500, "fresh"),
    ],
    BACKWARDS: [
        top_up(10),
        place_both(backwards=False),
        place_both(backwards=True),
    ],
    "a batch of places, a batch of reports the other way around": [
        top_up(10),
        place_both(backwards=False),
        report_both(backwards=True),
    ],
}


@pytest.fixture
async def connections(database_url: str) -> AsyncIterator[list[asyncpg.Connection]]:
    """Three sessions and a watcher."""
    async with await connect(database_url, min_size=4) as pool:
        opened = [await pool.acquire() for _ in range(4)]
        for connection in opened:  # a busy machine may keep a session waiting for its turn
            await connection.execute("SET idle_in_transaction_session_timeout = 0")
        yield opened
        for connection in opened:
            connection.terminate()


async def set_up(books: Books) -> Scene:
    """The scene before anything happens."""
    accounts = [await books.account(CREDIT, uuid.uuid4().hex) for _ in range(2)]
    holds = [(await books.place(account, HELD))[0] for account in accounts]
    suspense = await books.pool.fetchval("SELECT id FROM account WHERE kind = 'suspense'")
    return Scene(accounts[0], holds[0], accounts[1], holds[1], suspense)


async def outcome(scene: Scene, answers: Sequence[Any], connection: asyncpg.Connection) -> str:
    """What the sessions heard, and what the ledger says in the end."""
    return repr((answers, tuple(await connection.fetchrow(OUTCOME, scene.account) or ())))


async def serial_outcomes(
    books: Books, acts: Sequence[Act], watcher: asyncpg.Connection
) -> set[str]:
    """What happens when one session comes after the other, in each order."""
    found = set()
    for order in permutations(range(len(acts))):
        scene = await set_up(books)
        answers = {number: await acts[number](scene, watcher) for number in order}
        found.add(await outcome(scene, [answers[n] for n in range(len(acts))], watcher))
    return found


async def play_all(
    acts: Sequence[Act], connections: list[asyncpg.Connection], pool: asyncpg.Pool, *, begins: bool
) -> None:
    """Every order of steps gives an outcome of a serial order, and books that add up."""
    books, watcher = Books(pool), connections[3]
    serial = await serial_outcomes(books, acts, watcher)
    stage = Stage(connections[:3], watcher)
    for order in orders(len(acts), 3 if begins else 2):
        scene = await set_up(books)
        calls: list[Call] = [partial(act, scene) for act in acts]
        answers = await stage.play(calls, order, begins=begins)
        assert await outcome(scene, answers, watcher) in serial, order
    await books.check()


@pytest.mark.parametrize("name", TWO)
async def test_two_sessions_in_every_order_end_as_one_after_the_other(
    connections: list[asyncpg.Connection], pool: asyncpg.Pool, name: str
) -> None:
    """Twenty orders of begin, call, commit: no deadlock, no outcome that a serial order does not have."""
    await play_all(TWO[name], connections, pool, begins=True)


@pytest.mark.parametrize("name", THREE)
async def test_three_sessions_in_every_order_end_as_one_after_the_other(
    connections: list[asyncpg.Connection], pool: asyncpg.Pool, name: str
) -> None:
    """Ninety orders of call and commit."""
    await play_all(THREE[name], connections, pool, begins=False)


# Each lock, or the order it is taken in, removed; and the sessions that then go wrong.
LOCKS = {
    "place locks no account": (
        Change("credit/sql/place_batch.sql", "ORDER BY a.id FOR NO KEY UPDATE;", ";"),
        TWO["place and place of the last credit"],
    ),
    "place locks in order of arrival": (
        Change(
            "credit/sql/place_batch.sql",
            "ORDER BY a.id FOR",
            "ORDER BY array_position(p_accounts, a.id) FOR",
        ),
        THREE[BACKWARDS],
    ),
    "extend locks no account": (
        Change(
            "credit/sql/extend.sql",
            "ORDER BY x.id FOR NO KEY UPDATE;",
            "ORDER BY x.id;",
        ),
        TWO["extend and place"],
    ),
}


@pytest.mark.parametrize("name", LOCKS)
async def test_sessions_without_a_lock_go_wrong(
    root: Path, connections: list[asyncpg.Connection], pool: asyncpg.Pool, name: str
) -> None:
    """If nothing went wrong without the lock, these tests would prove nothing about it."""
    change, acts = LOCKS[name]
    for text in mutated(root, (change,)).values():
        await pool.execute(text)
    with pytest.raises((AssertionError, asyncpg.DeadlockDetectedError)):
        await play_all(acts, connections, pool, begins=len(acts) == 2)
