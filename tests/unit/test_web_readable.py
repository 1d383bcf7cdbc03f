"""JSON as people read it, and figures as their language writes them."""

import pytest

from accounting.web.entry import Entry
from accounting.web.export import cell
from accounting.web.readable import fields, leaves


def test_amounts_and_moments_carry_their_unit() -> None:
    """Nobody counts nine zeros; what says nothing is left out."""
    document = (
        '{"amount_nanos": "20000000000", "valid_until_ms": 1767225600000, "note": "", "now": false,'
        ' "holder": {"account": {"client": "chat", "external_id": "maria"}}}'
    )
    assert fields(document) == [
        ("amount", "US$20.00"),
        ("valid until", "2026-01-01 00:00 UTC"),
        ("now", "\u2717"),
        ("holder", "account: client: chat; external id: maria"),
    ]
    assert leaves(document, aside=frozenset({"amount", "now"})) == [
        ("valid until", "2026-01-01 00:00 UTC"),
        ("client", "chat"),
        ("external id", "maria"),
    ]


@pytest.mark.parametrize(
    "document", ["", "[]", "3", '{"a_nanos": "x", "b_ms": -1, "c_nanos": null}']
)
def test_any_document_is_said_somehow(document: str) -> None:
    """The log may hold what a newer release wrote."""
    assert isinstance(fields(document), list)


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "  =1"])
def test_formula_is_text_in_a_spreadsheet(value: str) -> None:
    """A number stays a number."""
    assert cell(value) == f"'{value}"
    assert cell(-1) == -1
    assert cell("a=1") == "a=1"


def test_field_says_what_is_wrong_once() -> None:
    """And keeps what was typed."""
    entry = Entry(
        {"amount": "20", "many": "1" * 501, "lines": "a\nb", "day": "31/12/2026", "who": "x"}
    )
    assert (entry.amount("amount"), entry.text("many"), entry.text("lines")) == (0, "", "")
    assert (entry.day("day", "America/Sao_Paulo"), entry.whole("amount")) == (0, 20)
    assert entry.person("who").client == ""
    assert set(entry.errors) == {"amount", "many", "lines", "day", "who"}
    assert entry.values["amount"] == "20"
    assert entry.status == 422


@pytest.mark.parametrize(
    ("typed", "nanos"),
    [("US$20", 20 * 10**9), ("US$ 20,50", 20_500_000_000), ("500cr", 5 * 10**9), ("", 0)],
)
def test_amount_is_read_as_people_write_it(typed: str, nanos: int) -> None:
    """In both languages, as the page itself shows it."""
    entry = Entry({"amount": typed})
    assert entry.amount("amount", optional=True) == nanos
    assert entry.errors == {}
