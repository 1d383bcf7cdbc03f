"""What falls due while others decide: every order of the steps, on an account whose month has just ended.

The scene: an allowance of November, credit that ended with it, credit that stays, an open call, and the clock in
December. Whoever comes first finds it due; the outcome is that of some serial order.
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
from tests.integration.rules_scene import DECEMBER, EVE, NOON, Team
from tests.integration.session_acts import (
    Act,
    Scene,
    close,
    due,
    extend,
    place,
    report,
    top_up,
)
from tests.integration.sessions import Call, Stage, orders
from tests.model.mutants import Change, mutated

CREDIT, ENDING, ALLOWANCE, HELD = 1_000, 500, 200, 300
PLAN = "monthly"
OUTCOME = """
    SELECT a.posted, a.held,
        ARRAY(SELECT c.outcome || c.captured FROM hold AS h
            JOIN hold_close AS c ON c.hold_id = h.id WHERE h.account_id = a.id ORDER BY 1) AS closed,
        ARRAY(SELECT (g.source, g.state, g.remaining)::text FROM credit_grant AS g
            WHERE g.account_id = a.id ORDER BY 1) AS grants
    FROM account AS a WHERE a.id = $1"""
TWO = {
    "due and due": [due(), due()],
    "due and place": [due(), place("fresh", 1_100)],
    "due and capture": [due(), report("held", 100)],
    "due and release": [due(), close("held", "released", 0)],
    "due and settle": [due(), close("held", "settled", 70)],
    "due and extend": [due(), extend(1_150)],
    "due and top-up": [due(), top_up(500)],
    "place and place": [place("fresh", 700), extend(900)],
}
THREE = {
    "due, place, capture": [due(), place("fresh", 1_100), report("held", 100)],
    "due, extend, release": [due(), extend(900), close("held", "released", 0)],
    "due, due, place": [due(), due(), place("fresh", 1_100)],
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


@pytest.fixture
async def team(pool: asyncpg.Pool) -> Team:
    """A ledger with the plan."""
    team = Team(pool)
    await team.set_clock(NOON)
    await team.add_plan(PLAN, ALLOWANCE)
    return team


async def set_up(team: Team) -> Scene:
    """November, with a call in flight; then it is December."""
    await team.set_clock(NOON)
    accounts = [await team.account(CREDIT, uuid.uuid4().hex) for _ in range(2)]
    await team.give(accounts[0], ENDING, until=EVE)
    await team.assign(accounts[0], PLAN)
    holds = [(await team.place(account, HELD))[0] for account in accounts]
    suspense = await team.pool.fetchval("SELECT id FROM account WHERE kind = 'suspense'")
    await team.set_clock(DECEMBER)
    return Scene(accounts[0], holds[0], accounts[1], holds[1], suspense)


async def outcome(scene: Scene, answers: Sequence[Any], connection: asyncpg.Connection) -> str:
    """What the sessions heard, and what the ledger says once somebody has looked again."""
    await due()(scene, connection)
    return repr((answers, tuple(await connection.fetchrow(OUTCOME, scene.account) or ())))


async def play_all(
    acts: Sequence[Act], connections: list[asyncpg.Connection], team: Team, *, begins: bool
) -> None:
    """Every order of steps gives an outcome of a serial order, and nothing granted twice, lost or left due."""
    watcher = connections[3]
    serial = set()
    for order in permutations(range(len(acts))):
        scene = await set_up(team)
        heard = {number: await acts[number](scene, watcher) for number in order}
        serial.add(await outcome(scene, [heard[n] for n in range(len(acts))], watcher))
    stage = Stage(connections[:3], watcher)
    for steps in orders(len(acts), 3 if begins else 2):
        scene = await set_up(team)
        calls: list[Call] = [partial(act, scene) for act in acts]
        answers = await stage.play(calls, steps, begins=begins)
        assert await outcome(scene, answers, watcher) in serial, steps
    await team.check_rules()


@pytest.mark.parametrize("name", TWO)
async def test_two_sessions_on_a_due_account_end_as_one_after_the_other(
    connections: list[asyncpg.Connection], team: Team, name: str
) -> None:
    """Twenty orders of begin, call, commit."""
    await play_all(TWO[name], connections, team, begins=True)


@pytest.mark.parametrize("name", THREE)
async def test_three_sessions_on_a_due_account_end_as_one_after_the_other(
    connections: list[asyncpg.Connection], team: Team, name: str
) -> None:
    """Ninety orders of call and commit."""
    await play_all(THREE[name], connections, team, begins=False)


NO_LOCK = Change(
    "credit/sql/settle_due.sql",
    "WHERE x.id = p_account FOR NO KEY UPDATE;",
    "WHERE x.id = p_account;",
)


@pytest.mark.parametrize("name", ["due and due", "due and top-up"])
async def test_due_without_its_lock_goes_wrong(
    root: Path, connections: list[asyncpg.Connection], team: Team, name: str
) -> None:
    """If nothing went wrong without the lock, these tests would prove nothing about it."""
    for text in mutated(root, (NO_LOCK,)).values():
        await team.pool.execute(text)
    with pytest.raises((AssertionError, asyncpg.PostgresError)):
        await play_all(TWO[name], connections, team, begins=True)
