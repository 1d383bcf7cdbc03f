"""The command `pedagio` against a running AdminService: its tables, JSON, sentences, exit codes."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from accounting.cli import app
from tests.integration.admin_service import TOKENS, USD, Service

PROGRAM = "from accounting.cli import main; main()"
BOUND_S = 60


async def pedagio(admin: Service, *words: str, code: int = 0, **variables: str) -> Result:
    """Run a command in a thread, beside the service; `variables` are added to its environment."""
    environment = {
        "PEDAGIO_ADMIN_ADDRESS": admin.address,
        "PEDAGIO_ADMIN_TOKEN": TOKENS[0],
        "PEDAGIO_ADMIN_TOKEN_FILE": "",
        "PEDAGIO_ADMIN_ACTOR": "ana",
        **variables,
    }
    result = await asyncio.to_thread(CliRunner().invoke, app, words, env=environment)
    assert result.exit_code == code, result.output
    return result


async def in_json(admin: Service, *words: str) -> Any:
    """What a command prints for programs."""
    return json.loads((await pedagio(admin, *words, "--json")).stdout)


async def prepare(admin: Service) -> dict[str, Any]:
    """A client and Maria's account, made at the command line; returns the account."""
    await in_json(admin, "client", "create", "chat", "--reason", "pilot")
    account: dict[str, Any] = await in_json(
        admin, "account", "open", "chat", "maria", "--name", "Maria", "--reason", "pilot"
    )
    return account


async def test_client_create_prints_the_key_once(admin: Service) -> None:
    """The table shows the key with a warning; the list shows none."""
    shown = await pedagio(admin, "client", "create", "chat", "--reason", "pilot")
    assert "pk-" in shown.stdout
    assert "shown this once" in shown.stdout
    listed = await pedagio(admin, "client", "list")
    assert "chat" in listed.stdout
    assert "pk-" not in listed.stdout
    assert (await admin.audit())[0][0] == "ana"


async def test_client_create_reads_a_brought_key_from_a_file(
    admin: Service, tmp_path: Path
) -> None:
    """A key on the command line could be read by every user of the machine."""
    key_file = tmp_path / "key"
    key_file.write_text("sk-a-virtual-key-of-litellm\n")
    made = await in_json(
        admin, "client", "create", "chat", "--litellm-key", "pass_through",
        "--key-file", str(key_file), "--reason", "pilot",
    )  # fmt: skip
    assert made["key"] == ""
    assert made["client"]["litellm_key"] == "pass_through"


async def test_client_disable_and_enable_print_the_state(admin: Service) -> None:
    """One sentence each."""
    await prepare(admin)
    disabled = await pedagio(admin, "client", "disable", "chat", "--reason", "leak")
    assert disabled.stdout == "chat is disabled\n"
    enabled = await pedagio(admin, "client", "enable", "chat", "--reason", "false alarm")
    assert enabled.stdout == "chat is enabled\n"


async def test_account_open_prints_every_field_in_json(admin: Service) -> None:
    """Keys are those of admin.proto, all of them always; amounts are integers."""
    account = await prepare(admin)
    assert account == {
        "name": {"client": "chat", "external_id": "maria"}, "id": account["id"], "kind": "user",
        "status": "active", "posted_nanos": 0, "held_nanos": 0, "overdraft_nanos": 0,
        "available_nanos": 0, "version": 0, "mode_override": "", "display_name": "Maria",
        "email": "",
    }  # fmt: skip
    assert isinstance(account["id"], int)


async def test_account_suspend_shadow_resume_change_the_status(admin: Service) -> None:
    """Each changes its own thing."""
    await prepare(admin)
    who = ("chat", "maria", "--reason", "r")
    assert (await in_json(admin, "account", "suspend", *who))["status"] == "suspended"
    assert (await in_json(admin, "account", "shadow", *who))["mode_override"] == "shadow"
    assert (await in_json(admin, "account", "shadow", "--off", *who))["mode_override"] == ""
    assert (await in_json(admin, "account", "resume", *who))["status"] == "active"


@pytest.mark.parametrize(
    ("amount", "nanos"), [("US$20", 20 * USD), ("500cr", 5 * USD), ("R$ 50", 10 * USD)]
)
async def test_grant_reads_amounts_with_their_unit(admin: Service, amount: str, nanos: int) -> None:
    """Dollars, credits of a cent, reais at the rate given."""
    await prepare(admin)
    granted = await in_json(
        admin, "grant", "chat", "maria", amount, "--brl-per-usd", "5", "--reason", "October"
    )
    assert granted["account"]["posted_nanos"] == nanos
    assert granted["replayed"] is False


@pytest.mark.parametrize("rate", ["5,40", "5.40"])
async def test_grant_reads_the_rate_in_either_notation(admin: Service, rate: str) -> None:
    """A Brazilian types 5,40; the environment is read alike."""
    await prepare(admin)
    words = ("grant", "chat", "maria", "R$ 54", "--reason", "r")
    await pedagio(admin, *words, "--brl-per-usd", rate)
    await pedagio(admin, *words, PEDAGIO_BRL_PER_USD=rate)
    assert (await in_json(admin, "balance", "chat", "maria"))["posted_nanos"] == 20 * USD


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("20",), "is no amount with a unit: write US$20"),
        (("R$ 50",), "give the rate (BRL per USD), by --brl-per-usd or PEDAGIO_BRL"),
        (("US$0.0000000001",), "is less than a nano-dollar"),
        (("R$ 50", "--brl-per-usd", "five"), "--brl-per-usd is no rate: five"),
        (("R$ 50", "--brl-per-usd", "0"), "--brl-per-usd is no rate: 0"),
        (("US$0",), "amount_nanos must be between 1 and"),
        (("US$1000001",), "amount_nanos must be between 1 and"),
        (("US$99999999999",), "is more than anybody means"),
    ],
)
async def test_grant_of_no_usable_amount_is_refused(
    admin: Service, words: tuple[str, ...], sentence: str
) -> None:
    """Nobody can know what a bare number means; the sentence says what to write."""
    await prepare(admin)
    result = await pedagio(admin, "grant", "chat", "maria", *words, "--reason", "r", code=1)
    assert result.stdout == ""
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


async def test_grant_repeated_with_its_id_says_that_nothing_was_added(admin: Service) -> None:
    """A person sees that the first one stood."""
    await prepare(admin)
    words = ("grant", "chat", "maria", "US$20", "--reason", "r", "--request-id", "r1")
    await pedagio(admin, *words)
    again = await pedagio(admin, *words)
    assert "US$20.00" in again.stdout
    assert "nothing new was granted" in again.stdout


@pytest.mark.parametrize("at", [{"PEDAGIO_ADMIN_ADDRESS": "127.0.0.1:1"}, {}])
async def test_grant_without_answer_says_how_to_repeat(admin: Service, at: dict[str, str]) -> None:
    """No service, or no ledger behind it: nobody may have to guess whether credit was given twice."""
    admin.pool.terminate()
    words = ("grant", "chat", "maria", "US$20", "--reason", "r", "--request-id", "r1")
    result = await pedagio(admin, *words, code=1, **at)
    assert "repeat it with --request-id r1, it then counts once" in result.stderr


async def test_balance_prints_posted_held_available(admin: Service) -> None:
    """In the tables amounts are dollars."""
    account = await prepare(admin)
    await admin.grant(20 * USD)
    await admin.place(account["id"], 5 * USD)
    shown = (await pedagio(admin, "balance", "chat", "maria")).stdout
    for fact in ("available  US$15.00", "posted     US$20.00", "held       US$5.00"):
        assert fact in shown


async def test_statement_prints_pages_or_all_of_them(admin: Service) -> None:
    """A page names the next one; --all follows them."""
    await prepare(admin)
    assert (await pedagio(admin, "statement", "chat", "maria")).stdout == "no transfers yet\n"
    for number in (1, 2, 3):
        await admin.grant(number * USD, reason="[bold]October[/bold]")
    page = await in_json(admin, "statement", "chat", "maria", "--page-size", "2")
    assert [entry["amount_nanos"] for entry in page["entries"]] == [3 * USD, 2 * USD]
    shown = await pedagio(admin, "statement", "chat", "maria", "--page-size", "2")
    assert f"more: --page-token {page['next_page_token']}" in shown.stdout
    assert "[bold]October[/bold]" in shown.stdout
    everything = await in_json(admin, "statement", "chat", "maria", "--all")
    assert len(everything["entries"]) == 3
    assert everything["next_page_token"] == ""


async def test_mode_alone_shows_it_with_its_meaning(admin: Service) -> None:
    """Shown without a command, changed with a reason."""
    assert "shadow" in (await pedagio(admin, "mode")).stdout
    changed = await in_json(admin, "mode", "set", "enforce", "--reason", "go")
    assert changed["mode"] == "enforce"
    assert (await in_json(admin, "mode", "show")) == changed
    assert (await in_json(admin, "mode")) == changed
    refused = await pedagio(admin, "mode", "set", "on", "--reason", "go", code=1)
    assert refused.stderr == (
        "pedagio: mode must be one of closed, enforce, off, shadow; it is 'on'\n"
    )


async def test_holds_and_explain_print_the_same_reference(admin: Service) -> None:
    """What a person reads out is found while the call is open."""
    account = await prepare(admin)
    assert (await pedagio(admin, "holds")).stdout == "no open holds\n"
    await admin.grant(20 * USD)
    hold_id = await admin.place(account["id"], 5 * USD)
    shown = (await pedagio(admin, "holds", "chat", "maria")).stdout
    assert hold_id[:6] in shown
    assert "report_missing" in shown
    explained = (await pedagio(admin, "explain", hold_id[:6])).stdout
    assert hold_id in explained
    assert "US$5.00" in explained


async def test_explain_of_a_refusal_before_any_account_says_so(admin: Service) -> None:
    """A key without a person is not the client's own account."""
    await admin.pool.execute(
        "INSERT INTO decision (hold_id, client_id, kind, reason)"
        " VALUES ('3f9a1c00-0000-4000-8000-000000000000', 'chat', 'refuse', 'person_missing')"
    )
    explained = (await pedagio(admin, "explain", "3f9a1c")).stdout
    assert "client chat, person unknown" in explained
    assert (await in_json(admin, "explain", "3f9a1c"))["explanations"][0]["person_unknown"] is True


async def test_models_commands_say_what_to_do_when_there_are_none(admin: Service) -> None:
    """An empty list names the command that fills it; sync says what lacks a price."""
    assert "no models yet: `pedagio models sync`" in (await pedagio(admin, "models", "list")).stdout
    synced = (await pedagio(admin, "models", "sync")).stdout
    assert "7 (new)" in synced
    assert "gpt-9" in synced
    missing = await pedagio(admin, "models", "price", "gpt-9", code=1)
    assert "gpt-9 is not among the models of LiteLLM" in missing.stderr


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"PEDAGIO_ADMIN_TOKEN": ""}, "no administrator's token: set PEDAGIO_ADMIN_TOKEN"),
        ({"PEDAGIO_ADMIN_TOKEN": "wrong"}, "does not accept this token: check PEDAGIO_ADMIN_TOKEN"),
        ({"PEDAGIO_ADMIN_TOKEN": "ü"}, "PEDAGIO_ADMIN_TOKEN is no token"),
        ({"PEDAGIO_ADMIN_ADDRESS": "127.0.0.1:1"}, "no admin service answers at 127.0.0.1:1"),
        (
            {"PEDAGIO_ADMIN_TOKEN": "", "PEDAGIO_ADMIN_TOKEN_FILE": "absent-file"},
            "PEDAGIO_ADMIN_TOKEN_FILE names absent-file, which cannot be read",
        ),
        ({"PEDAGIO_ADMIN_ACTOR": "a" * 65}, "x-pedagio-actor must not be longer than 64"),
    ],
)
async def test_command_that_cannot_be_done_says_why_in_one_sentence(
    admin: Service, variables: dict[str, Any], sentence: str
) -> None:
    """Exit code 1, nothing on stdout, one line on stderr that names what to change."""
    result = await pedagio(admin, "mode", "set", "off", "--reason", "r", code=1, **variables)
    assert result.stdout == ""
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


async def test_token_may_come_from_a_file(admin: Service, tmp_path: Path) -> None:
    """Of several tokens, while one is being replaced, the first is sent."""
    token_file = tmp_path / "token"
    token_file.write_text(f"{TOKENS[1]},{TOKENS[0]}\n")
    variables: dict[str, Any] = {
        "PEDAGIO_ADMIN_TOKEN": "",
        "PEDAGIO_ADMIN_TOKEN_FILE": str(token_file),
    }
    assert "shadow" in (await pedagio(admin, "mode", **variables)).stdout


@pytest.mark.parametrize(
    ("words", "token", "code"),
    [(("mode",), TOKENS[0], 0), (("mode",), "wrong", 1), (("moed",), TOKENS[0], 2)],
)
async def test_program_ends_with_a_code_that_scripts_can_use(
    admin: Service, root: Path, words: tuple[str, ...], token: str, code: int
) -> None:
    """0 done, 1 not done, 2 not understood; as a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, *words, cwd=root,
        env={
            "PATH": os.environ["PATH"], "PEDAGIO_ADMIN_ADDRESS": admin.address,
            "PEDAGIO_ADMIN_TOKEN": token,
        },
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), BOUND_S)
    assert process.returncode == code, err
    assert bool(out) is (code == 0)
    assert bool(err) is (code != 0)
    assert b"Traceback" not in err
