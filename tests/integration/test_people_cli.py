"""`pedagio people` against the running service: the life of an import, at the command line alone."""

from pathlib import Path

from protos.pedagio.v1 import people_pb2
from tests.integration.admin_service import Service
from tests.integration.people_scene import Staff, three
from tests.integration.test_admin_cli import in_json, pedagio


async def test_people_live_by_commands_alone(admin: Service, tmp_path: Path) -> None:
    """Declare the client, look, import, chat, look by e-mail, grant, bind, undo, erase."""
    staff = Staff(admin)
    await staff.open()
    why = ("--reason", "test")
    rules = await pedagio(
        admin, "client", "people", "chat", "--verified-emails", "--guest-plan", "guest", *why
    )
    assert "verified e-mails    yes" in rules.stdout
    file = tmp_path / "people.csv"
    file.write_bytes(three())
    tried = await pedagio(admin, "people", "import", str(file), "--dry-run", *why)
    assert "3 new, 0 unchanged" in tried.stdout
    assert "RH, TI" in tried.stdout
    assert "nothing was written" in tried.stdout
    done = await pedagio(admin, "people", "import", str(file), *why)
    assert "`pedagio people undo 1` takes it back" in done.stdout
    await staff.chat("6650", "ana@example.org")
    await staff.chat("9999", "joao@example.org")
    assert "US$50.00" in (await pedagio(admin, "balance", "ana@example.org")).stdout
    given = await pedagio(admin, "grant", "ana@example.org", "US$5", *why)
    assert "US$55.00" in given.stdout
    assert "US$5.00" in (await pedagio(admin, "statement", "ana@example.org")).stdout
    assert "US$30.00" in (await pedagio(admin, "grants", "list", "ana@example.org")).stdout
    listed = await pedagio(admin, "people", "list", "--team", "TI")
    assert "at the first chat" in listed.stdout
    export = await pedagio(admin, "people", "list", "--csv")
    assert export.stdout.splitlines()[1].startswith("ana@example.org,ana,team,TI,")
    waiting = await pedagio(admin, "people", "who")
    assert "pedagio people bind joao@example.org chat 9999" in waiting.stdout
    await pedagio(admin, "people", "bind", "bia@example.org", "chat", "9999", *why)
    assert "chat / 9999" in (await pedagio(admin, "people", "show", "bia@example.org")).stdout
    await pedagio(admin, "people", "unbind", "chat", "9999", *why)
    await pedagio(admin, "account", "suspend", "bia@example.org", *why)
    assert "test" in (await pedagio(admin, "people", "imports")).stdout
    undone = await pedagio(admin, "people", "undo", "1", *why)
    assert "credit taken back" in undone.stdout
    erased = await pedagio(admin, "people", "erase", "ana@example.org", *why)
    assert "is erased" in erased.stdout
    people = await in_json(admin, "people", "list")
    # Bia had the account of a guest: undone, it is a guest's again, and she is gone like the file that made her.
    assert people["people"] == []


async def test_file_with_bad_lines_is_refused_line_by_line(admin: Service, tmp_path: Path) -> None:
    """Exit code 1, every line named, nothing written."""
    staff = Staff(admin)
    await staff.open()
    file = tmp_path / "people.csv"
    file.write_text("email,plan,credit\nana@x.org,gold,US$5\nbia@x.org,team,30\n", "utf-8")
    shown = await pedagio(admin, "people", "import", str(file), "--reason", "test", code=1)
    assert "line 2, plan: there is no plan 'gold'" in shown.output
    assert "line 3, credit: '30' is no amount with a unit" in shown.output
    answer = await staff.ask("ListPeople", people_pb2.ListPeopleRequest())
    assert list(answer.people) == []
    lost = await pedagio(
        admin, "people", "import", str(tmp_path / "no.csv"), "--reason", "test", code=1
    )
    assert "cannot be read" in lost.output
