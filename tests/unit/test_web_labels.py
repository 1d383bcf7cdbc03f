"""What words of the contracts are called on the pages, what the readiness report finds: in both languages."""

from pathlib import Path

from accounting.oddities import KINDS
from accounting.web import look
from accounting.web.findings import COUNTS, FINDINGS, finding
from accounting.web.labels import LABELS
from accounting.web.look import LANGUAGES, say, words

REPORTS = Path(look.__file__).parents[1] / "reports"
SAME = {"E-mail"}


def test_words_of_the_contracts_are_in_every_language() -> None:
    """A page half in English looks broken to whoever reads Portuguese."""
    wanted = {text for kind in LABELS.values() for text in kind.values()}
    wanted |= {*FINDINGS, *COUNTS}
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


def test_finding_with_values_is_said_in_portuguese() -> None:
    """Names and figures stay; one that nobody knows stays as it came."""

    def portuguese(text: str, **values: str) -> str:
        return say("pt-BR", text, **values)

    said = finding("2 people would be refused: chat / maria and 4 more", portuguese)
    assert said == "2 pessoas seriam recusadas: chat / maria and 4 more"
    assert finding("something new: {x}", portuguese) == "something new: {x}"
