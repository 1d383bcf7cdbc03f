"""The texts that say a balance, from their files."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any

from credit.refusal import DEFAULT_LANGUAGE


def texts_in(language: str) -> Mapping[str, str]:
    """Of the balance: templates in a language, English for one that is not there."""
    texts: Mapping[str, str] = _read("balance.json", language)
    return texts


def line_in(language: str, name: str, fields: Mapping[str, str]) -> str:
    """The line `cut` or `low` in a language; a clause that names a field nobody filled is dropped."""
    clauses: Sequence[str] = _read("lines.json", language)[name]
    known = [c for c in clauses if all(fields.get(field) for field in _names(c))]
    return "".join(clause.format(**fields) for clause in known)


@cache
def _read(file: str, language: str) -> Any:
    loaded = json.loads((files("authz") / file).read_text(encoding="utf-8"))
    return loaded.get(language, loaded[DEFAULT_LANGUAGE])


def _names(clause: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(clause) if name]
