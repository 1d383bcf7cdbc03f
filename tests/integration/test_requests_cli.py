"""Requests at the command line: the page about answering them is run as it stands."""

import json
from pathlib import Path

from tests.integration.admin_service import Service
from tests.integration.admins import add
from tests.integration.request_scene import ANA, BIA, RUI, office, submit
from tests.integration.test_account_life import plain, sections, steps
from tests.integration.test_admin_cli import in_json, pedagio

PAGE = "docs/how-to/answer-requests.md"
COMMANDS_AT_LEAST = 14


async def test_page_about_requests_works_as_it_stands(admin: Service, root: Path) -> None:
    """Each command, and each line under it."""
    await admin.create_client("librechat", kind="trusted")
    done = 0
    for _, text in sections((root / PAGE).read_text(encoding="utf-8")):
        for step in steps(text):
            shown = plain((await pedagio(admin, *step.words)).stdout)
            for line in step.lines:
                assert plain(line) in shown, f"{step.words} printed {shown}"
            done += 1
    assert done >= COMMANDS_AT_LEAST


async def test_request_commands_print_json_and_csv(admin: Service) -> None:
    """For programs, and for spreadsheets: what people write is no formula there."""
    await office(admin)
    await submit(admin, why="=HYPERLINK(1)")
    listed = await in_json(admin, "request", "list", "--open", "chat", "maria")
    assert [(each["id"], each["state"]) for each in listed["requests"]] == [(1, "requested")]
    found = await in_json(admin, "request", "withdraw", "1", "--reason", "r")
    assert found["state"] == "withdrawn"
    head, line = (await pedagio(admin, "request", "list", "--csv")).stdout.splitlines()
    assert head.startswith("id,client,user,name,amount_nanos,advance,state,why,")
    assert line.startswith("1,chat,maria,Maria Silva,5000000000,,withdrawn,'=HYPERLINK(1),")
    shown = json.loads((await pedagio(admin, "request", "show", "1", "--json")).stdout)
    assert shown["why"] == "=HYPERLINK(1)"


async def test_amount_without_unit_is_refused_at_the_command_line(admin: Service) -> None:
    """With the ways to write it; nothing is asked for."""
    await office(admin)
    words = ("request", "submit", "5", "chat", "maria", "--why", "x", "--reason", "r")
    assert "US$" in (await pedagio(admin, *words, code=1)).stderr
    result = await pedagio(
        admin, "request", "submit", "US$5", "--why", "x", "--reason", "r", code=1
    )
    assert "say who asks" in result.stderr
    assert await admin.pool.fetchval("SELECT count(*) FROM credit_request") == 0


async def test_deputies_are_named_listed_and_cleared_at_the_command_line(admin: Service) -> None:
    """An operator for somebody; an approver, by their own token, for themselves."""
    bia, _ = await office(admin)
    await add(admin, ANA, "viewer")
    until = str(await admin.pool.fetchval("SELECT (now() + interval '9 days')::date"))
    words = ("admin", "deputy", "set", ANA, "--until", until, "--reason", "holidays")
    assert "admin must" in (await pedagio(admin, *words, code=1)).stderr
    shown = await pedagio(admin, *words, "--for", RUI)
    assert f"{ANA} for {RUI}" in shown.stdout
    shown = await pedagio(admin, *words, PEDAGIO_ADMIN_TOKEN=bia, PEDAGIO_ADMIN_ACTOR="")
    assert f"{ANA} for {BIA}" in shown.stdout
    listed = plain((await pedagio(admin, "admin", "deputy", "list")).stdout)
    assert f"{ANA} {BIA}" in listed
    cleared = await pedagio(admin, "admin", "deputy", "clear", "1", "--reason", "back")
    assert f"{ANA} stands in for {RUI} no more" in cleared.stdout
    listed = (await pedagio(admin, "admin", "deputy", "list")).stdout
    assert RUI not in listed
