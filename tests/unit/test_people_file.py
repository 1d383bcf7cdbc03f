"""Files of people: what can be read, and the line of whatever cannot."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from accounting.admin.errors import InvalidFieldError
from accounting.admin.people_file import Line, Rules, read_people
from accounting.cli.spreadsheet import cell
from credit.identity import fold_email

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def read(file: str | bytes, rate: str = "5,40") -> list[Line]:
    """With one plan, on a day in November."""
    raw = file if isinstance(file, bytes) else file.encode()
    return read_people(raw, Rules({"team"}, rate, NOW))


def problem(file: str | bytes, rate: str = "5,40") -> str:
    """Why a file is refused."""
    with pytest.raises(InvalidFieldError) as caught:
        read(file, rate)
    return str(caught.value)


def test_file_of_a_spreadsheet_is_read_as_it_comes() -> None:
    """Byte order mark, semicolons, CRLF, blank lines, capitals, accents, the end of a day in São Paulo."""
    file = "\ufeffEmail;Name;Plan;Credit;valid_until\r\n\r\n ANA@Example.org ;Ána;team;R$ 54,00;2026-12-31\r\n"
    (line,) = read(file)
    assert (line.number, line.email, line.credit_nanos) == (3, "ana@example.org", 10 * 10**9)
    assert line.values == {"name": "Ána", "plan": "team"}
    assert line.valid_until == datetime(2027, 1, 1, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("ana,,,", "line 2, email: 'ana' is no e-mail address"),
        (",Ana,,", "line 2, email: must not be empty"),
        ("a@x.org,,gold,", "line 2, plan: there is no plan 'gold'"),
        ("a@x.org,,,30", "line 2, credit: '30' is no amount with a unit"),
        ("a@x.org,,,R$ 3.000", "line 2, credit: 'R$ 3.000' can be read in two ways"),
        ("a@x.org,,,US$-5", "line 2, credit:"),
        ('a@x.org,"Ana\r\nBcc: x@x.org",,', "name: must be one line of printable characters"),
        ("a@x.org,A\x00na,,", "line 2"),
        ("a@x.org,Ana", "line 2 has 2 cells, the header 4"),
        ("a@x.org,,,\nb@x.org,,,\nA@x.org,,,", "line 4, email: stands in line 2 already"),
        ('a@x.org,"Ana,,', "line 2"),
        (f"{'a' * 250}@x.org,,,", "line 2, email:"),
        ("a@x.org,Ana,team,US$5,more", "line 2 has 5 cells"),
    ],
)
def test_line_that_cannot_be_used_is_named(row: str, said: str) -> None:
    """With its column, and nothing is imported."""
    assert said in problem(f"email,name,plan,credit\n{row}\n")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"", "line 1 must name each column once"),
        (b"email,name\n", "has no people"),
        (b"name\nAna\n", "email is needed"),
        (b"email,salary\na@x.org,1\n", "not 'salary'"),
        (b"email,email\na@x.org,b@x.org\n", "each column once"),
        ("email,name\na@x.org,José\n".encode("latin-1"), "is not UTF-8 (line 2)"),
        ("email,name\na@x.org,Ana\n".encode("utf-16"), "is not UTF-8 (line 1)"),
        (
            b"email\n" + b"".join(b"p%d@x.org\n" % n for n in range(100_000)),
            "more than 5,000 people",
        ),
        (b"email\n" + b"x" * 5_000_000, "is larger than 4 MB"),
        (b"email,team\na@x.org,=cmd|'/C calc'!A0\n", "line 2, team:"),
        (b"email,valid_until\na@x.org,2027-01-01\n", "there is no credit"),
        (b"email,credit,valid_until\na@x.org,US$5,2026-11-01\n", "is past"),
        (b"email,credit,valid_until\na@x.org,US$5,31/12/2026\n", "is no date"),
    ],
    ids=str,
)
def test_file_that_cannot_be_used_says_why(file: bytes, said: str) -> None:
    """One sentence, in a time that does not grow with what was sent."""
    assert said in problem(file)


def test_reais_without_a_rate_are_refused_with_their_line() -> None:
    """Nobody guesses an exchange rate."""
    assert "line 2, credit: 'R$ 50' is in reais" in problem("email,credit\na@x.org,R$ 50\n", "")
    assert "is no rate" in problem("email\na@x.org\n", "NaN")
    assert "is no rate" in problem("email\na@x.org\n", "1e-999999")


def test_many_problems_are_told_in_one_answer() -> None:
    """Twenty, and how many more."""
    said = problem("email,plan\n" + "".join(f"p{n}@x.org,gold\n" for n in range(50)))
    assert said.count("there is no plan") == 20
    assert said.endswith("30 more")


@pytest.mark.parametrize("text", ["=1+1", "+55", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_cell_of_an_export_is_never_a_formula(text: str) -> None:
    """A display name must not run in somebody's spreadsheet."""
    assert cell(text) == f"'{text}"
    assert cell("Ana") == "Ana"


@pytest.mark.parametrize(
    ("value", "folded"),
    [
        (" Ana@Example.ORG ", "ana@example.org"),
        ("{{LIBRECHAT_USER_EMAIL}}", None),
        ("a@x.org,b@x.org", None),
        ("\u212aate@x.org", None),  # the Kelvin sign folds to k
        ("ana@localhost", None),
        ("a b@x.org", None),
        ("a@x.org\nBcc: b@x.org", None),
        ("b64:YW5hQHgub3Jn", None),
        ("", None),
    ],
)
def test_email_is_compared_folded_or_is_none(value: str, folded: str | None) -> None:
    """Two addresses that differ never fold to the same one."""
    assert fold_email(value) == folded


@pytest.mark.parametrize(
    "rows",
    [["a@x.org,US$" + "9" * 100_000], [f"{'ã' * 70}{n}@x.org,{'ã' * 99}" for n in range(30)]],
    ids=["one long cell", "many in Portuguese"],
)
def test_whatever_is_wrong_fits_into_an_answer(rows: list[str]) -> None:
    """GRPC refuses trailers of more than 8 kB: nobody would read even the first line."""
    told = problem("\n".join(["email,credit", *rows]))
    assert "line 2, " in told
    assert len(quote(told)) < 3_500
