"""`pedagio ... --dry-run`: a table of what would change, JSON for programs, and nothing done."""

from pathlib import Path

import asyncpg

from tests.integration.admin_service import USD, Service, serve
from tests.integration.admins import add
from tests.integration.test_admin_cli import in_json, pedagio, prepare
from tests.integration.trials import digests

WHY = ("--reason", "because")
PEOPLE = "email,name,credit\nana@example.org,Ana,US$2\n"


async def test_grant_dry_run_shows_before_and_after(admin: Service) -> None:
    """Amounts with their unit; in JSON as integers in text, with what the call would answer."""
    await prepare(admin)
    await admin.grant(USD)
    before = await digests(admin.pool)
    words = ("grant", "chat", "maria", "US$2", *WHY, "--dry-run")
    shown = (await pedagio(admin, *words)).stdout
    assert "nothing was changed" in shown
    (line,) = [line.split() for line in shown.splitlines() if line.startswith("posted")]
    assert line == ["posted", "US$1.00", "US$3.00"]
    found = await in_json(admin, *words)
    assert (found["dry_run"], found["proposed"]) == (True, False)
    assert {"path": "posted_nanos", "before": str(USD), "after": str(3 * USD)} in found[
        "differences"
    ]
    assert found["answer"]["account"]["posted_nanos"] == 3 * USD
    assert await digests(admin.pool) == before


async def test_dry_run_of_what_is_so_already_says_so(admin: Service) -> None:
    """No empty table."""
    await prepare(admin)
    await pedagio(admin, "mode", "set", "off", *WHY)
    shown = await pedagio(admin, "mode", "set", "off", *WHY, "--dry-run")
    assert shown.stdout == "nothing was changed (--dry-run), nor would anything be\n"


async def test_dry_run_of_what_cannot_be_done_fails_as_the_command_does(admin: Service) -> None:
    """The same sentence, exit code 1."""
    await prepare(admin)
    words = ("grant", "chat", "joao", "US$2", *WHY)
    really = await pedagio(admin, *words, code=1)
    tried = await pedagio(admin, *words, "--dry-run", code=1)
    same = really.stderr.partition(";")[0].strip()
    assert same
    assert tried.stderr.strip().startswith(same)


async def test_dry_run_says_that_a_second_administrator_is_needed(
    pool: asyncpg.Pool, tmp_path: Path
) -> None:
    """For a grant and for a file of people alike; nothing is proposed."""
    file = tmp_path / "people.csv"
    file.write_text(PEOPLE)
    async with serve(pool, four_eyes_above=USD) as admin:
        await prepare(admin)
        token = await add(admin, "bia@example.com", "treasurer")
        for words in (("grant", "chat", "maria", "US$2"), ("people", "import", str(file))):
            tried = await pedagio(admin, *words, *WHY, "--dry-run", PEDAGIO_ADMIN_TOKEN=token)
            assert "would wait for a second administrator" in tried.stdout
        assert await pool.fetchval("SELECT count(*) FROM proposal") == 0


async def test_dry_run_of_a_new_client_shows_no_key(admin: Service) -> None:
    """It would open nothing."""
    shown = await pedagio(admin, "client", "create", "chat", *WHY, "--dry-run")
    assert "clients[chat].kind" in shown.stdout
    assert "pk-" not in shown.stdout
    assert "no clients yet" in (await pedagio(admin, "client", "list")).stdout
