"""The product behind a pooler in transaction mode: the same code, the same settings, the same answers.

Two server processes serve many connections, so that the statements of one connection meet both.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from credit.pool import connect
from protos.pedagio.v1 import admin_pb2 as pb
from tests.books import Books, Figures
from tests.integration.admin_service import USD, serve
from tests.integration.bouncer import Bouncer
from tests.integration.doors import (
    Replica,
    Wire,
    claims_of,
    new_id,
    open_for_business,
    refusal_of,
    until,
)
from tests.integration.office import Office, cost, end, start, token

CREDIT = 1_000_000_000
HELD = 10_000_000
COST = 4_500_000
CALLS = 40
SESSION_STATE = re.compile(
    r"\bLISTEN\b|pg_(try_)?advisory_lock|\bTEMP(ORARY)?\b|WITH HOLD|\bPREPARE\b|set_config\([^()]*\bfalse\)",
    re.IGNORECASE,
)


@pytest.fixture
async def bouncer(database_url: str, tmp_path: Path) -> AsyncIterator[Bouncer]:
    """A pgbouncer in front of this test's database, as Debian configures it but for the mode."""
    async with Bouncer(tmp_path, database_url) as running:
        yield running


@pytest.fixture
async def pooled(bouncer: Bouncer) -> AsyncIterator[asyncpg.Pool]:
    """The product's own pool through it, of more connections than there are server processes."""
    async with await connect(bouncer.url, min_size=4, max_size=8) as opened:
        yield opened


async def test_crowd_of_calls_is_placed_debited_and_closed_once(pooled: asyncpg.Pool) -> None:
    """Holds, reports in whole batches sent three times, extensions and closings, many at once."""
    office = Office(pooled)
    account = await office.books.account(CREDIT)

    async def one_call() -> None:
        hold_id, placed = await office.books.place(account, HELD)
        assert (placed.result, placed.granted_nanos) == ("placed", HELD)
        text = token(hold_id, account)
        batch = [start(hold_id, text), end(hold_id, text), cost(hold_id, text)]
        for _ in range(3):
            await office.report(*batch)
        assert await office.closed(hold_id) == ("captured", "reported", COST)

    await asyncio.gather(*(one_call() for _ in range(CALLS)))
    assert await office.books.figures(account) == Figures(CREDIT - CALLS * COST, 0)
    assert await office.exceptions() == []


async def test_authz_decides_behind_a_pooler_as_without(
    bouncer: Bouncer, pooled: asyncpg.Pool, tmp_path: Path
) -> None:
    """Two replicas, allowed and refused, a new person, a change of mode: from Envoy's question to the row."""
    await open_for_business(pooled)
    books = Books(pooled)
    account = await books.account(CREDIT)
    async with (
        Replica(tmp_path, bouncer.url, "authz-1") as one,
        Replica(tmp_path, bouncer.url, "authz-2") as two,
    ):
        answers = await asyncio.gather(*((one, two)[n % 2].ask(new_id()) for n in range(CALLS)))
        granted = [claims_of(answer).granted for answer in answers]
        assert (await books.figures(account)).held == sum(granted)
        refused = await asyncio.gather(*(one.ask(new_id(), x_user_id="jose") for _ in range(8)))
        assert {refusal_of(answer) for answer in refused} == {(402, "insufficient_credit")}
        await pooled.execute("UPDATE enforcement SET mode = 'closed'")

        async def closed() -> bool:
            return [
                (await authz.ask(new_id())).denied_response.status.code for authz in (one, two)
            ] == [
                503,
                503,
            ]

        await until(closed)
    await books.check()


async def test_administration_behind_a_pooler_counts_a_repeated_grant_once(
    pooled: asyncpg.Pool,
) -> None:
    """Transactions of several statements stay on one server process; a race of them has one winner."""
    async with serve(pooled) as admin:
        await admin.create_client(kind="trusted")
        await admin.open_account()
        again: dict[str, Any] = {"request_id": new_id()}
        await asyncio.gather(*(admin.grant(USD, **again) for _ in range(8)))
        await asyncio.gather(*(admin.grant(USD) for _ in range(8)))
        name = pb.AccountName(client="chat", external_id="maria")
        balance = await admin.ask("GetBalance", name)
        assert balance.posted_nanos == 9 * USD
    await Books(pooled).check()


async def test_pooler_that_restarts_is_met_again_without_help(
    bouncer: Bouncer, pooled: asyncpg.Pool
) -> None:
    """Every connection breaks; the next statement opens another."""
    books = Books(pooled)
    account = await books.account(CREDIT)
    await asyncio.gather(*(books.place(account, HELD) for _ in range(CALLS)))
    await bouncer.child.kill()
    with pytest.raises((OSError, asyncpg.PostgresError)):
        await books.place(account, HELD)
    await bouncer.child.start()
    _, placed = await books.place(account, HELD)
    assert placed.result == "placed"
    await books.check()


async def test_postgres_away_behind_a_pooler_is_refused_in_words_until_it_is_back(
    database_url: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    """The pooler takes the question and answers nothing: the bounds are ours, and so is the sentence."""
    await open_for_business(pool)
    await Books(pool).account(CREDIT)
    wire = Wire(database_url)
    await wire.mend()
    async with (
        Bouncer(tmp_path, wire.url, server_login_retry="1") as bouncer,
        Replica(tmp_path, bouncer.url) as authz,
    ):
        claims_of(await authz.ask(new_id()))
        await wire.cut()
        for _ in range(3):
            assert refusal_of(await authz.ask(new_id())) == (503, "enforcement_unavailable")
        await wire.mend()

        async def served() -> bool:
            return (await authz.ask(new_id())).status.code == 0

        await until(served)
        await wire.cut()
    await Books(pool).check()


async def test_pooler_that_hides_what_it_ignores_is_recognised_all_the_same(
    database_url: str, tmp_path: Path
) -> None:
    """Settings are often silenced (`ignore_startup_parameters`): that is not taken for a direct line."""
    silent = {"ignore_startup_parameters": "idle_in_transaction_session_timeout, search_path"}
    async with (
        Bouncer(tmp_path, database_url, **silent) as bouncer,
        await connect(bouncer.url, max_size=8) as pool,
    ):
        asked = (pool.fetchval("SELECT $1::int", n) for n in range(10 * CALLS))
        assert await asyncio.gather(*asked) == list(range(10 * CALLS))


@pytest.mark.parametrize("folder", ["credit/sql", "accounting/sql"])
def test_statements_leave_nothing_in_a_session(root: Path, folder: str) -> None:
    """What a session would have to keep is lost, or met by somebody else, in transaction mode."""
    files = sorted((root / folder).glob("*.sql"))
    assert files
    for file in files:
        code = re.sub(r"--.*", "", file.read_text(encoding="utf-8"))
        assert not SESSION_STATE.search(code), file
