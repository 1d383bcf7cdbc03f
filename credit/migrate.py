"""Bring a database to the schema of this release: `python -m credit.migrate [--url URL]`.

Tables come from migrations/ (plain SQL, forward only, run by yoyo under its lock); the
functions and grants of credit/sql are then replaced as a whole, in one transaction.
"""

import argparse
import asyncio
import sys
from importlib.resources import files
from pathlib import Path

import asyncpg
from pydantic import Field
from yoyo import get_backend, read_migrations

from credit.pool import find_writer
from credit.settings import Settings

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
FUNCTIONS = (
    "grants",
    "settle_due",
    "rules",
    "requests",
    "people",
    "place_batch",
    "payers",
    "place_bounded",
    "extend",
    "capture_batch",
    "access_batch",
    "close_batch",
    "balance",
    "roles",
)


class MigrateSettings(Settings):
    """The one setting; a password in it belongs in PEDAGIO_DATABASE_URL_FILE."""

    database_url: str = Field(description="postgresql:// address of the ledger, as its owner")


def apply_tables(url: str) -> int:
    """Apply the migrations that the database has not seen; return how many there were."""
    backend = get_backend(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with backend, backend.lock():
        pending = backend.to_apply(read_migrations(str(MIGRATIONS)))
        backend.apply_migrations(pending)
        return len(pending)


async def apply_functions(url: str) -> None:
    """Replace the functions and grants; running it again changes nothing."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(5047)")
            for name in FUNCTIONS:
                await connection.execute(
                    (files("credit") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
                )
    finally:
        await connection.close()


def migrate(url: str) -> int:
    """Tables, then functions, on the server that takes writes; return the number of migrations applied.

    Not through a pooler: yoyo's lock and driver need a session (docs/how-to/use-a-pooler.md).
    """
    writer = asyncio.run(find_writer(url))
    applied = apply_tables(writer)
    asyncio.run(apply_functions(writer))
    return applied


def main() -> None:
    """Run from the command line; the address comes from --url or PEDAGIO_DATABASE_URL."""
    parser = argparse.ArgumentParser(
        description="Bring a Pedagio database to this release's schema."
    )
    parser.add_argument("--url", help="postgresql://user@host/db; default: PEDAGIO_DATABASE_URL")
    url = parser.parse_args().url or MigrateSettings.load().database_url
    applied = migrate(url)
    sys.stdout.write(f"schema is up to date ({applied} migrations applied)\n")


if __name__ == "__main__":
    main()
