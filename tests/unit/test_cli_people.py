"""An e-mail on the command line, where CLIENT and USER are asked for."""

import pytest
import typer
from typer.testing import CliRunner

from accounting.cli import app
from accounting.cli.account import account_name
from protos.pedagio.v1.admin_pb2 import AccountName


@pytest.mark.parametrize(
    ("client", "user", "named"),
    [
        ("ana@example.org", "", AccountName(external_id="ana@example.org")),
        ("ana@example.org", "-", AccountName(external_id="ana@example.org")),
        ("chat", "ana@example.org", AccountName(client="chat", external_id="ana@example.org")),
        ("chat", "-", AccountName(client="chat")),
    ],
)
def test_email_alone_stands_for_client_and_user(client: str, user: str, named: AccountName) -> None:
    """Where a client names its people by e-mail, that is still its own name for them."""
    assert account_name(client, user) == named


def test_client_without_a_user_is_not_taken_for_its_own_account() -> None:
    """`account suspend librechat` must not suspend what nobody named."""
    with pytest.raises(typer.Exit):
        account_name("chat", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["grant", "ana@example.org", "20", "--reason", "x"], "'20' is no amount with a unit"),
        (["grant", "chat", "ana", "--reason", "x"], "'' is no amount with a unit"),
        (["account", "suspend", "chat", "--reason", "x"], "CLIENT and USER, or an e-mail"),
    ],
)
def test_command_with_too_few_words_says_what_is_missing(words: list[str], said: str) -> None:
    """The amount is the last word, with an e-mail or with client and user."""
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 1
    assert said in shown.output
