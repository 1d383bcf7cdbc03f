"""What the texts of a refusal may say: its clauses, checked before anybody reads them (pure).

A clause names fields in braces, nothing else of Python's format language: no attribute, index,
conversion or width, so that a text can show only what was meant to be shown.
"""

from collections.abc import Mapping
from string import Formatter
from typing import Any, Final

from credit.refusal import SENTENCE_LIMIT, Reason

CLAUSES_LEAST: Final = 2  # what is always read, and the reference
CLAUSES_LIMIT: Final = 12
CLAUSE_LIMIT: Final = 160
_ALWAYS: Final = frozenset({"ref", "contact", "url"})
_BALANCE: Final = frozenset(
    {"available", "held", "model", "cheaper_model", "next_amount", "next_date"}
)
# What a sentence about each reason may name.
FIELDS: Final[Mapping[Reason, frozenset[str]]] = {
    Reason.INSUFFICIENT_CREDIT: _ALWAYS | _BALANCE,
    Reason.CREDIT_IN_FLIGHT: _ALWAYS | _BALANCE,
    Reason.REQUEST_TOO_LARGE: _ALWAYS | _BALANCE,
    Reason.CAP_REACHED: _ALWAYS | _BALANCE | {"period", "cap", "chosen"},
    Reason.POOL_EXHAUSTED: _ALWAYS | _BALANCE | {"pool"},
    Reason.MODEL_NOT_ALLOWED: _ALWAYS | {"model", "models"},
    Reason.MODEL_UNPRICED: _ALWAYS | {"model", "cheaper_model"},
    Reason.ACCOUNT_SUSPENDED: _ALWAYS | {"date"},
    Reason.IDENTITY_MISSING: _ALWAYS,
    Reason.BAD_REQUEST: _ALWAYS | {"field"},
    Reason.ENFORCEMENT_UNAVAILABLE: _ALWAYS,
    Reason.UNKNOWN_PATH: _ALWAYS,
}
# The fields that are never missing.
CERTAIN: Final[Mapping[Reason, frozenset[str]]] = {
    Reason.MODEL_NOT_ALLOWED: frozenset({"model"}),
    Reason.MODEL_UNPRICED: frozenset({"model"}),
}


def find_problem(reason: Reason, clauses: list[Any]) -> tuple[int, str] | None:
    """The first clause that cannot be used, by its place, and what is wrong with it; None: all can."""
    if not CLAUSES_LEAST <= len(clauses) <= CLAUSES_LIMIT:
        return 0, f"must be one of {CLAUSES_LEAST} to {CLAUSES_LIMIT} clauses"
    named: list[frozenset[str]] = []
    for place, clause in enumerate(clauses):
        if not isinstance(clause, str) or not 0 < len(clause) <= CLAUSE_LIMIT:
            return place, f"must be a text of 1 to {CLAUSE_LIMIT} characters"
        if not clause.isprintable():
            return place, "must be one line of printable characters"
        fields = _fields(reason, clause)
        if isinstance(fields, str):
            return place, fields
        named.append(fields)
    return _whole(reason, clauses, named)


def _fields(reason: Reason, clause: str) -> frozenset[str] | str:
    """What the clause names, or what is wrong with it."""
    try:
        parts = list(Formatter().parse(clause))
    except ValueError as error:
        return f"has braces that do not fit ({error})"
    found = [(name, spec, conversion) for _, name, spec, conversion in parts if name is not None]
    for name, spec, conversion in found:
        if name not in FIELDS[reason]:
            known = ", ".join(sorted(FIELDS[reason]))
            return f"names the unknown field {{{name}}}; it may name {known}"
        if spec or conversion:
            return f"must name {{{name}}} alone, without a format"
    return frozenset(name for name, _, _ in found)


def _whole(
    reason: Reason, clauses: list[str], named: list[frozenset[str]]
) -> tuple[int, str] | None:
    """What can be wrong with clauses that are sound one by one."""
    last = len(clauses) - 1
    # A clause whose field is missing is dropped: something must be left to read, and to quote.
    if named[0] - CERTAIN.get(reason, frozenset()):
        return 0, "must name no field that may be missing: the first clause is always read"
    if "ref" not in named[last]:
        return last, "must name {ref}, being the last clause: support finds the request by it"
    if len(clauses[0]) + len(clauses[last]) > SENTENCE_LIMIT:
        return last, f"is too long: with the first clause it exceeds {SENTENCE_LIMIT} characters"
    return None
