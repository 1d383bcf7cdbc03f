"""What the auditor must agree with: the schema of this release, a dump restored elsewhere."""

import asyncio
import subprocess
from pathlib import Path

import asyncpg

from accounting.audit import statements
from accounting.audit.auditor import Auditor
from accounting.audit.guards import expected_guards, read_guards
from accounting.audit.invariants import STATED
from accounting.audit.seal import TABLES
from credit.pool import connect
from local.postgres import binaries
from tests.integration.audit_scene import Scene, auditor
from tests.integration.conftest import cloned

BOUND_S = 10.0


async def test_guards_of_this_release_are_those_of_a_fresh_database(pool: asyncpg.Pool) -> None:
    """After a migration that adds a guard: python -m accounting.audit.guards URL (of a fresh database)."""
    async with pool.acquire() as connection:
        found = await read_guards(connection, BOUND_S)
    assert found == dict(expected_guards())
    assert {f"trigger append_only on {table}" for table in (*TABLES, "hold", "seal")} <= set(found)
    assert "trigger history on account" in found


async def test_statements_of_the_auditor_are_all_prepared_by_postgres(pool: asyncpg.Pool) -> None:
    """Every statement fits the schema; each stated invariant has one."""
    queries = statements.available()
    assert {invariant.name for invariant in STATED} <= set(queries)
    async with pool.acquire() as connection:
        for text in queries.values():
            await connection.prepare(text)


async def test_sealed_columns_are_all_that_the_tables_have(pool: asyncpg.Pool) -> None:
    """A column that a migration adds must come into the seal, under a new rule."""
    text = statements.available()["read_parts"]
    for table in TABLES:
        columns = await pool.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0"
            " AND NOT attisdropped AND attgenerated = ''",
            table,
        )
        part = text[: text.index(f"FROM {table} AS")].rpartition("ROW(")[2].partition(")::text")[0]
        sealed = {name.strip().partition(".")[2] for name in part.split(",")}
        assert sealed == {row["attname"] for row in columns}, table


async def test_dump_restored_elsewhere_keeps_its_chain(
    pool: asyncpg.Pool, database_url: str, postgres_url: str, tmp_path: Path
) -> None:
    """The sealed text of a row does not depend on the server that holds it, nor on the session's zone."""
    scene = await Scene(pool).set_up()
    sealed = await auditor(pool).run_recent()
    assert sealed is not None
    dump = tmp_path / "dump"
    tools = binaries()
    with cloned(f"{postgres_url.rpartition('/')[0]}/template0") as url:
        for words in (
            (tools / "pg_dump", "-Fc", "-f", dump, database_url),
            (tools / "pg_restore", "--no-owner", "--exit-on-error", "-d", url, dump),
        ):
            await asyncio.to_thread(
                subprocess.run, words, check=True, capture_output=True, timeout=60
            )
        async with await connect(url) as restored:
            await restored.execute("ALTER ROLE CURRENT_USER SET timezone = 'America/Sao_Paulo'")
            try:
                async with await connect(url) as elsewhere:
                    report = await Auditor(elsewhere).run_everything(sealed.head_digest)
            finally:
                await restored.execute("ALTER ROLE CURRENT_USER RESET timezone")
    assert report.violations == []
    assert report.findings["refusal"].checked == 4
    await scene.books.check()
