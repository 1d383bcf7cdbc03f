"""The seal's chain: what is in a link, when, and what becomes of it afterwards."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import asyncpg
import pytest

from accounting.audit import seal
from accounting.audit.auditor import Auditor
from tests.books import Books
from tests.integration.audit_scene import OWNER, auditor
from tests.traffic import GRANT

BOUND_S = 10.0
NOTE = "INSERT INTO audit (actor, action, subject) VALUES ('ana', 'grant', $1)"
OLD_NOTE = """
    INSERT INTO audit (actor, action, subject, recorded_at)
    VALUES ('ana', 'grant', '1', now() - make_interval(mins => $1))"""
LINKS = "SELECT number, parts, digest, previous FROM seal WHERE number > 0 ORDER BY number"


async def seal_now(pool: asyncpg.Pool, link_rows: int = seal.LINK_ROWS) -> None:
    """As the minute's run does."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL timezone = 'UTC'")
        await seal.extend_chain(connection, BOUND_S, datetime.now(UTC), link_rows)


async def problems(pool: asyncpg.Pool) -> list[str]:
    """What the verification of the whole chain says."""
    report = await Auditor(pool).run_everything()
    return [each.detail for each in report.findings["seal"].violations]


async def test_seal_covers_each_row_in_exactly_one_link(pool: asyncpg.Pool) -> None:
    """Minute by minute; a minute in which nothing was written has no link."""
    books = Books(pool)
    account = await books.account(1_000)
    await seal_now(pool)
    await pool.execute(GRANT, account, 5)
    await seal_now(pool)
    await seal_now(pool)
    links = await pool.fetch(LINKS)
    assert [link["parts"]["transfer"]["rows"] for link in links] == [1, 1]
    assert links[1]["previous"] == links[0]["digest"]
    assert await problems(pool) == []


async def test_seal_leaves_a_transaction_that_is_not_over_to_a_later_link(
    pool: asyncpg.Pool,
) -> None:
    """A row that is committed late never appears under a link that was made before it was there."""
    account = await Books(pool).account(1_000)
    async with pool.acquire() as slow:
        late = slow.transaction()
        await late.start()
        await slow.execute(NOTE, "late")
        await pool.execute(NOTE, "early, by a later transaction")
        await seal_now(pool)
        before = await pool.fetchval("SELECT to_tx FROM seal ORDER BY number DESC LIMIT 1")
        own = await slow.fetchval("SELECT pg_current_xact_id()")
        await late.commit()
    assert before <= own, "sealed beyond a transaction that had not ended"
    assert await problems(pool) == []
    await pool.execute(GRANT, account, 5)
    await seal_now(pool)
    counts = [link["parts"]["audit"]["rows"] for link in await pool.fetch(LINKS)]
    assert sum(counts) == 2
    assert await problems(pool) == []


@pytest.mark.parametrize(("minutes", "said"), [(14, 0), (16, 1)])
async def test_transaction_that_never_ends_is_said(
    pool: asyncpg.Pool, minutes: int, said: int
) -> None:
    """It keeps everything after it from being sealed: after a quarter of an hour somebody must look."""
    async with pool.acquire() as stuck:
        open_end = stuck.transaction()
        await open_end.start()
        await stuck.execute(NOTE, "stuck")
        await pool.execute(OLD_NOTE, minutes)
        found = await problems(pool)
        await open_end.rollback()
    assert ["does not end" in each for each in found] == [True] * said
    assert await problems(pool) == []


async def test_seal_of_much_at_once_is_cut_into_links(pool: asyncpg.Pool) -> None:
    """What a long silence leaves behind does not become one statement without an end."""
    for number in range(9):
        await pool.execute(NOTE, str(number))
    books = Books(pool)
    account = await books.account(1_000)
    for _ in range(9):
        await pool.execute(GRANT, account, 5)
    await seal_now(pool, link_rows=4)
    links = await pool.fetch(LINKS)
    assert sum(link["parts"]["transfer"]["rows"] for link in links) == 10
    assert max(link["parts"]["transfer"]["rows"] for link in links) <= 5
    assert await problems(pool) == []


async def test_seal_by_two_processes_at_once_is_one_chain(pool: asyncpg.Pool) -> None:
    """They wait for each other; the second finds the work done."""
    await Books(pool).account(1_000)
    await asyncio.gather(*(seal_now(pool) for _ in range(4)))
    assert len(await pool.fetch(LINKS)) == 1
    assert await problems(pool) == []


async def test_chain_written_anew_is_found_by_a_digest_kept_elsewhere(pool: asyncpg.Pool) -> None:
    """Who may rewrite the rows and the whole chain cannot rewrite what was printed before."""
    account = await Books(pool).account(1_000)
    report = await auditor(pool).run_recent()
    assert report is not None
    (first,) = await pool.fetch(LINKS)
    assert (await Auditor(pool).run_everything(first["digest"])).violations == []
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(OWNER)
        await connection.execute("DELETE FROM seal WHERE number > 0")
        await connection.execute(
            "UPDATE transfer SET reason = 'another' WHERE credit_account = $1", account
        )
    await seal_now(pool)
    assert await problems(pool) == []
    found = (await Auditor(pool).run_everything(first["digest"])).violations
    assert [(each.invariant, each.subject) for each in found] == [("seal", first["digest"])]


async def test_links_removed_from_within_are_found(pool: asyncpg.Pool) -> None:
    """A chain with a hole is no chain."""
    for name in ("maria", "joao", "ana"):
        await Books(pool).account(1_000, name)
        await seal_now(pool)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(OWNER)
        await connection.execute("DELETE FROM seal WHERE number = 2")
    assert await problems(pool) == ["follows link 1: links are missing"]


async def test_dump_restored_without_its_transaction_counter_is_said(pool: asyncpg.Pool) -> None:
    """A new server counts from the beginning: its rows would fall under links of the old one."""
    await Books(pool).account(1_000)
    await seal_now(pool)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(OWNER)
        (_, far) = await seal.list_links(connection, BOUND_S, 0, 2)
        moved = replace(far, to_tx=far.to_tx + 10**6)
        await connection.execute(
            "UPDATE seal SET to_tx = $1, digest = $2 WHERE number = 1",
            moved.to_tx,
            moved.computed_digest(),
        )
    (said,) = await problems(pool)
    assert "a dump was restored" in said
    head = await pool.fetchval("SELECT max(number) FROM seal")
    await seal_now(pool)
    assert await pool.fetchval("SELECT max(number) FROM seal") == head
