"""The service's sentences about a file of people are those that the pages can say in Portuguese."""

from datetime import UTC, datetime

import pytest

from accounting.admin.errors import InvalidFieldError
from accounting.admin.people_file import Rules, read_people
from accounting.web.file_problems import SENTENCES, sentence
from accounting.web.look import say, words

RULES = Rules({"basic"}, "", datetime(2026, 11, 27, tzinfo=UTC))
LINES = """email,plan,team,language,credit,valid_until
no-address,,,,,
a@x.example,gold,,,,
b@x.example,,a b,fr,,
c@x.example,,,,30,
d@x.example,,,,R$ 30,
e@x.example,,,,US$3.000,
f@x.example,,,,"US$1,2,3.4",
g@x.example,,,,US$9999999999,
h@x.example,,,,US$1,tomorrow
i@x.example,,,,US$1,2020-01-01
j@x.example,,,,,2027-01-01
j@x.example,,,,,
,basic,,,,
"""


def problems(file: str, encoding: str = "utf-8") -> list[str]:
    """What the service says of it."""
    with pytest.raises(InvalidFieldError) as error:
        read_people(file.encode(encoding), RULES)
    lines = (line.strip() for line in error.value.problem.split("\n"))
    return [line for line in lines if line != "was not imported:"]


def test_each_problem_of_a_file_is_known_to_the_pages() -> None:
    """A sentence that is changed there would be English here."""
    found = [
        *problems(LINES), *problems("email\n"), *problems("email,name\na@x.example\n"),
        *problems("email\nm\xe3e@x.example\n", "latin-1"),
        *problems("email\n" + "x\n" * 30)[-1:],
    ]  # fmt: skip
    unknown = [problem for problem in found if sentence(problem)[0] == problem]
    assert unknown == ["has no people: a header line, then one line each"]  # nothing varies in it
    assert {sentence(problem)[0] for problem in found} == set(SENTENCES)


def test_problem_is_said_in_portuguese_with_its_own_words() -> None:
    """What the person wrote stays as it was written."""
    text, values = sentence("line 3, email: 'x{y}' is no e-mail address")
    assert say("pt-BR", text, **values) == "linha 3, email: 'x{y}' não é um endereço de e-mail"
    assert set(SENTENCES) <= set(words("pt-BR"))


def test_problem_that_is_not_known_is_said_as_it_came() -> None:
    """Better English than nothing."""
    assert sentence("line 1: something {new}") == ("line 1: something {new}", {})
    assert say("pt-BR", "line 1: something {new}") == "line 1: something {new}"
