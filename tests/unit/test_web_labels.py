"""What words of the contracts are called on the pages, what the readiness report finds: in both languages."""

import re
from pathlib import Path

from accounting.oddities import KINDS
from accounting.web import look
from accounting.web.findings import ANSWERS, COUNTS, FINDINGS, finding
from accounting.web.labels import LABELS
from accounting.web.look import LANGUAGES, say, words

REPORTS = Path(look.__file__).parents[1] / "reports"
ADMIN = Path(look.__file__).parents[1] / "admin"
SAME = {"E-mail"}


def test_words_of_the_contracts_are_in_every_language() -> None:
    """A page half in English looks broken to whoever reads Portuguese."""
    wanted = {text for kind in LABELS.values() for text in kind.values()}
    wanted |= {*FINDINGS, *COUNTS, *ANSWERS}
    for language in set(LANGUAGES) - {"en"}:
        assert sorted(wanted - set(words(language)) - SAME) == []


def test_each_kind_of_exception_has_a_name_with_its_meaning() -> None:
    """A kind that is new would stand on the page as a word of the database."""
    assert LABELS["exception"].keys() == KINDS.keys()
    assert LABELS["meaning"].keys() == KINDS.keys()


def test_findings_are_those_of_the_report() -> None:
    """Each fixed one stands in accounting/reports word for word."""
    written = "\n".join(path.read_text(encoding="utf-8") for path in REPORTS.glob("*.py"))
    for text in FINDINGS:
        if "{" not in text:
            assert text in written, text


def test_answers_are_those_of_the_services() -> None:
    """Their longest fixed part stands in accounting/admin, however its lines are broken."""
    code = "".join(path.read_text(encoding="utf-8") for path in ADMIN.glob("*.py"))
    written = re.sub(r'"\s*\n\s*f?"', "", code)
    for text in ANSWERS:
        fixed = max(re.split(r"\{\w+\}|…", text), key=len)
        assert fixed.strip() in written, text


def test_answer_that_leaves_something_out_says_the_rest() -> None:
    """What the command line would do is no help on a page; a state is translated, too."""

    def portuguese(text: str, **values: str) -> str:
        return say("pt-BR", text, **values)

    no_account = (
        "maria has no account at chat: `pedagio account open chat maria --reason ...` opens it"
    )
    assert finding(no_account, portuguese) == "maria não tem conta em chat"
    over = "credit request 7 waits no more: it is denied"
    assert finding(over, portuguese) == "o pedido 7 não espera mais: está recusado"
    assert finding("0 % of 1 person", portuguese) == "0 % of 1 person"


def test_finding_with_values_is_said_in_portuguese() -> None:
    """Names and figures stay; one that nobody knows stays as it came."""

    def portuguese(text: str, **values: str) -> str:
        return say("pt-BR", text, **values)

    said = finding("2 people would be refused: chat / maria and 4 more", portuguese)
    assert said == "recusaria 2 pessoas: chat / maria e mais 4"
    assert finding("something new: {x}", portuguese) == "something new: {x}"
