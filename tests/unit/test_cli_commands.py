"""The shape of the command `pedagio`: what every command of it has in common."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from accounting.cli import app
from accounting.cli.output import as_dict, price, usd
from protos.pedagio.v1 import admin_pb2 as pb

MUTATIONS = {
    "client create", "client disable", "client enable", "account open", "account suspend",
    "account resume", "account shadow", "grant", "mode set", "models sync", "holds release",
    "exceptions resolve", "plan put", "plan assign", "grants give", "grants revoke", "pool create",
    "pool add", "pool remove", "cap set", "cap clear", "policy set", "policy unset",
    "mode enforce", "prices import", "prices override",
    "settings set",
    "account email",
    "notices retry", "notices at",
    "admin add", "admin roles", "admin remove", "admin token new", "admin token revoke", "approvals confirm",
    "approvals deny",
    "client people",
    "request submit", "request approve", "request deny", "request withdraw", "admin deputy set", "admin deputy clear",
    "purchase record", "people import", "people undo", "people bind", "people unbind", "people erase",
}  # fmt: skip
READS = {
    "client list", "balance", "statement", "mode show", "models list", "models price", "holds list",
    "exceptions list", "explain", "alarms", "audit", "access-log replay", "plan list",
    "grants list", "pool list", "cap list", "policy show", "shadow report", "prices list", "prices diff",
    "settings show", "plan show", "pool show",
    "prices overrides", "notices list", "usage",
    "admin list", "admin whoami", "approvals list", "audit-log",
    "request list", "request show", "request terms", "admin deputy list",
    "purchase list", "people list", "people show", "people who", "people imports",
}  # fmt: skip


def leaves(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every command that does something, by the words that call it."""
    subcommands = getattr(command, "commands", None)
    if subcommands is None:
        yield path, command
        return
    for name, below in subcommands.items():
        yield from leaves(below, f"{path} {name}".strip())


COMMANDS = dict(leaves(typer.main.get_command(app)))


def test_commands_of_pedagio_are_those_of_the_contract() -> None:
    """A command more or less is a change of the contract."""
    assert set(COMMANDS) == MUTATIONS | READS


@pytest.mark.parametrize("name", sorted(MUTATIONS | READS))
def test_command_help_carries_an_example_with_its_own_words(name: str) -> None:
    """Nobody has to guess what a call looks like."""
    assert f"Example: pedagio {name}" in (COMMANDS[name].help or "")
    shown = CliRunner().invoke(app, [*name.split(), "--help"])
    assert shown.exit_code == 0
    assert "Example:" in shown.output


@pytest.mark.parametrize("name", sorted(MUTATIONS | READS))
def test_command_without_exception_takes_json(name: str) -> None:
    """Whatever a person can read, a program can read."""
    assert "--json" in {option for each in COMMANDS[name].params for option in each.opts}


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_command_that_changes_something_takes_a_reason(name: str) -> None:
    """It stands in the audit."""
    assert "--reason" in {option for each in COMMANDS[name].params for option in each.opts}


def test_json_of_a_message_has_every_field_by_its_proto_name() -> None:
    """Keys never come and go with values; 64-bit integers are integers, not text."""
    model = pb.Model(name="m", input_picos=2**62, deployments=[pb.ModelDeployment(model_id="d")])
    found = as_dict(model)
    assert list(found) == [field.name for field in pb.Model.DESCRIPTOR.fields]
    assert found["input_picos"] == 2**62
    assert found["fallbacks"] == []
    assert found["deployments"][0]["priced"] is False
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "US$0.00"),
        (20 * 10**9, "US$20.00"),
        (-1_234_567, "-US$0.001234567"),
        (1, "US$0.000000001"),
        (1_234_500_000_000, "US$1,234.50"),
        (2**63 - 1, "US$9,223,372,036.854775807"),
    ],
)
def test_amount_for_administrators_is_exact(nanos: int, text: str) -> None:
    """The books are shown to the nano; digits that are zero are dropped after the cents."""
    assert usd(nanos) == text


def test_price_for_people_is_per_million_tokens() -> None:
    """2.5 USD per million tokens is 2,500,000 pico-USD per token."""
    assert price(2_500_000) == "US$2.50"


def test_shell_completes_commands() -> None:
    """As the script that `pedagio --install-completion` leaves asks it to."""
    asked = {
        "COMP_WORDS": "pedagio pool sh",
        "COMP_CWORD": "2",
        "_PEDAGIO_COMPLETE": "complete_bash",
    }
    shown = CliRunner().invoke(app, [], env=asked, prog_name="pedagio")
    assert shown.output.split() == ["show"]
