"""The page about an account's life is run as it stands, command by command."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from credit import ledger
from tests.integration.admin_service import Service
from tests.integration.test_admin_cli import pedagio

PAGE = "docs/how-to/live-with-an-account.md"
FIRST_CHAT, LEAVE = "## 2.", "## 7."
BLOCK = re.compile(r"^```(console|csv)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS_AT_LEAST = 18


@dataclass
class Step:
    """A command of the page, with the lines that it must print."""

    words: list[str]
    lines: list[str]


def sections(page: str) -> Iterator[tuple[str, str]]:
    """Each heading of the second level, with its text."""
    for part in re.split(r"(?m)^(?=## )", page)[1:]:
        yield part[: len("## 1.")], part


def steps(text: str) -> Iterator[Step]:
    """The commands of a section."""
    step: Step | None = None
    for language, block in BLOCK.findall(text):
        for line in block.splitlines() if language == "console" else ():
            if line.startswith("$ pedagio "):
                if step is not None:
                    yield step
                step = Step(shlex.split(line.removeprefix("$ pedagio ")), [])
            else:
                assert step is not None, f"no command above {line!r}"
                step.lines.append(line)
    if step is not None:
        yield step


def plain(text: str) -> str:
    """Without the blanks by which a table is laid out."""
    return " ".join(text.split())


async def test_account_lives_and_ends_by_the_commands_of_the_page(
    admin: Service, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Import, plan, grant, statement, correct, suspend, export, erase; afterwards no table names Ana."""
    page = (root / PAGE).read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "people.csv"
    ((_, list_of_people),) = [found for found in BLOCK.findall(page) if found[0] == "csv"]
    file.write_text(list_of_people, encoding="utf-8")
    await admin.create_client("librechat", kind="trusted")
    done = 0
    for heading, text in sections(page):
        if heading == FIRST_CHAT:
            met = await ledger.meet_person(admin.pool, "librechat", "6650", "ana@example.org")
            assert met is not None
        if heading == LEAVE:
            stay = [line for line in list_of_people.splitlines() if "ana@" not in line]
            file.write_text("\n".join(stay), encoding="utf-8")
        for step in steps(text):
            shown = plain((await pedagio(admin, *step.words)).stdout)
            for line in step.lines:
                assert plain(line) in shown, f"{step.words} printed {shown}"
            done += 1
    assert done >= COMMANDS_AT_LEAST
    await nobody_is_named(admin, "ana@example.org", "Ana Souza")


async def nobody_is_named(admin: Service, *said: str) -> None:
    """No row of any table holds one of these."""
    tables = await admin.pool.fetch(
        "SELECT c.oid::regclass::text AS name FROM pg_class AS c"
        " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
    )
    assert len(tables) > 20
    for text in said:
        found = [
            table["name"]
            for table in tables
            if await admin.pool.fetchval(
                f"SELECT count(*) FROM {table['name']} AS t WHERE t::text ILIKE '%' || $1 || '%'",
                text,
            )
        ]
        assert found == [], f"{text} stands in {found}"
