"""Midnight in São Paulo: everybody at once, on three replicas, as December begins."""

import asyncio
import os
import statistics
import sys
import time
from pathlib import Path

import asyncpg
import pytest

from tests.books import OPEN_CLIENT, a_record, an_event
from tests.integration.doors import (
    WANT,
    Replica,
    claims_of,
    new_id,
    open_for_business,
    refusal_of,
)
from tests.integration.rules_scene import DECEMBER, EVE, NOON, Team

# 10,000 is the promise: PEDAGIO_MIDNIGHT_ACCOUNTS=10000, some two minutes.
ACCOUNTS = int(os.environ.get("PEDAGIO_MIDNIGHT_ACCOUNTS", "1000"))
TOGETHER = 96
ALLOWANCE = 3 * WANT
OPEN = """
    INSERT INTO account (client_id, external_id, kind)
    SELECT 'librechat', 'p' || n, 'user' FROM generate_series(1, $1) AS n RETURNING id"""


async def ask_all(replicas: list[Replica], limit: int) -> tuple[list[str], list[float]]:
    """A call of everybody, so many at a time: the ids, each wait in milliseconds."""
    gate, waits = asyncio.Semaphore(TOGETHER), list[float]()
    ids = [new_id() for _ in range(ACCOUNTS)]

    async def one(number: int) -> None:
        async with gate:
            began_s = time.monotonic()
            answer = await replicas[number % len(replicas)].ask(
                ids[number],
                x_user_id=f"p{number + 1}",
                body={"model": "gpt-4o", "max_tokens": limit},
            )
            waits.append((time.monotonic() - began_s) * 1000)
            assert claims_of(answer).granted == WANT

    await asyncio.gather(*(one(number) for number in range(ACCOUNTS)))
    return ids, sorted(waits)


async def test_first_check_of_december_sees_exactly_the_new_allowance(
    pool: asyncpg.Pool,
    database_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Streams of November run across midnight: charged to November, and December is whole for everybody."""
    await open_for_business(pool)
    team = Team(pool)
    await team.set_clock(NOON)
    await team.add_plan("team", ALLOWANCE)
    await pool.execute(OPEN_CLIENT, "librechat")
    accounts = [row["id"] for row in await pool.fetch(OPEN, ACCOUNTS)]
    await pool.execute(
        "SELECT assign_plan(a, 'team', true) FROM unnest($1::bigint[]) AS a", accounts
    )
    await team.set_clock(EVE)
    async with (
        Replica(tmp_path, database_url, "authz-1") as one,
        Replica(tmp_path, database_url, "authz-2") as two,
        Replica(tmp_path, database_url, "authz-3") as three,
    ):
        replicas = [one, two, three]
        streams, before = await ask_all(replicas, 100)
        await team.set_clock(DECEMBER)
        firsts, after = await ask_all(replicas, 100)
        # Three calls are a month's allowance: two more fit beside the first of December, no third.
        more = [await one.ask(new_id(), x_user_id="p1") for _ in range(3)]
    assert [answer.status.code == 0 for answer in more] == [True, True, False]
    assert refusal_of(more[-1]) == (402, "credit_in_flight")
    seen = await pool.fetch(
        "SELECT DISTINCT others, granted, account_version FROM hold WHERE id = ANY($1::uuid[])",
        firsts,
    )
    assert {row["granted"] for row in seen} == {WANT}
    for start in range(0, ACCOUNTS, 200):
        part = list(zip(streams[start : start + 200], accounts[start : start + 200], strict=True))
        await team.report(
            [a_record(hold, account) for hold, account in part],
            [an_event(hold, WANT - 1) for hold, _ in part],
        )
        for hold, _ in part:
            await team.close(hold, "captured", "complete")
    wrong = await pool.fetchval(
        "SELECT count(*) FROM account WHERE kind = 'user' AND posted <> $1", ALLOWANCE
    )
    assert wrong == 0
    await team.check_rules()
    told = f"before: {_told(before)}; at midnight: {_told(after)}"
    with capsys.disabled():
        sys.stdout.write(f"\nmidnight, {ACCOUNTS} accounts, {TOGETHER} at a time: {told}\n")


def _told(waits: list[float]) -> str:
    high = waits[int(len(waits) * 0.95)]
    return f"p50 {statistics.median(waits):.1f} ms, p95 {high:.1f} ms, max {waits[-1]:.1f} ms"
