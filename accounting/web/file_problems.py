"""What is wrong with a file of people, as the service says it, so that it can be said in another language."""

import re
from collections.abc import Mapping
from typing import Final

# Beginnings and ends of the service's sentences; each a key of words/ with what varies in braces.
SENTENCES: Final = (
    "line {line}, email: {what} is no e-mail address",
    "line {line}, email: stands in line {first} already",
    "line {line}, email: must not be empty",
    "line {line}, plan: there is no plan {what}: `pedagio plan list` shows them",
    "line {line}, credit: {what} is no amount with a unit: write US$20, 'R$ 50' or 500cr",
    "line {line}, credit: {what} is in reais: give the rate (BRL per USD)",
    "line {line}, credit: {what} can be read in two ways: leave out the thousands separator",
    "line {line}, credit: {what} is no number: write it as 1234.56",
    "line {line}, credit: {what} is more than anybody means",
    "line {line}, valid_until: {what} is no date: write 2027-06-30",
    "line {line}, valid_until: {what} is past",
    "line {line}, valid_until: says until when, but there is no credit",
    "line {line}, language: must be one of {known}; it is {what}",
    "line {line}, team: must be 1 to 63 letters, digits, dots, hyphens or underscores",
    "line {line} has {cells} cells, the header {columns}",
    "has no people: a header line, then one line each",
    "is not UTF-8 (line {line}): save it as 'CSV UTF-8'",
    "{count} more",
)
_NAME: Final = re.compile(r"\\\{(\w+)\\\}")
_PATTERNS: Final = tuple(
    (re.compile(_NAME.sub(r"(?P<\1>.+)", re.escape(each))), each) for each in SENTENCES
)


def sentence(problem: str) -> tuple[str, Mapping[str, str]]:
    """A key of words/ and what fills it in; a problem that is not known is said as it came."""
    for pattern, text in _PATTERNS:
        found = pattern.fullmatch(problem)
        if found is not None:
            return text, found.groupdict()
    return problem, {}
