"""What a refused client is told: a status, and an OpenAI error object with one sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BAD_REQUEST = "bad_request"
UNAVAILABLE = "enforcement_unavailable"
EMPTY_UNDER_CLAMP = "answer_cut"
STATUS_UNAVAILABLE = 503
STATUS_BAD_REQUEST = 400
STATUS_NOT_FROM_GATE = 403
STATUS_CREDIT = 402
# What the ledger may say of a hold besides lack of credit: it does not know it (yet), or its account rests.
STATUS_BESIDES_CREDIT = {UNAVAILABLE: 503, "account_suspended": 403}
LONGEST_FIELD_CHARS = 60

# Spoken only when the sentences' file is away: a refusal without words shows as a raw error.
_SPARE: Mapping[str, Mapping[str, Sequence[str]]] = {
    "pt-BR": {
        BAD_REQUEST: ("O pedido não pôde ser aceito: {field}.", " (ref. {ref})"),
        UNAVAILABLE: ("O controle de créditos está indisponível neste instante.", " (ref. {ref})"),
        EMPTY_UNDER_CLAMP: ("O crédito acabou antes da resposta.",),
    },
    "en": {
        BAD_REQUEST: ("The request could not be accepted: {field}.", " (ref. {ref})"),
        UNAVAILABLE: ("Credit control is unavailable right now.", " (ref. {ref})"),
        EMPTY_UNDER_CLAMP: ("The credit ran out before the answer began.",),
    },
}


@dataclass(frozen=True)
class Refusal:
    """A refusal as a value. `error` is the complete object `{"error": {...}}`, `field` what it is about."""

    reason: str
    status: int
    error: Mapping[str, Any]
    field: str | None = None


class RefusedCallError(Exception):
    """Carries a refusal out of the hooks to the one place that speaks LiteLLM's dialect."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class Sentences:
    """The templates: language -> reason -> clauses. A clause that lacks a field is dropped."""

    def __init__(self, by_language: Mapping[str, Any]) -> None:
        self._by_language = by_language

    @classmethod
    def load(cls, file: Path | None) -> Sentences:
        """Read the file; without a readable one the spare sentences speak."""
        if file is None:
            return cls({})
        try:
            read = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return cls({})
        return cls(read if isinstance(read, dict) else {})

    def say(self, reason: str, language: str, fields: Mapping[str, str]) -> str:
        """The sentence of a reason in a language; English when the language is unknown."""
        clauses = self._clauses(reason, language)
        return "".join(_filled(clause, fields) for clause in clauses).strip()

    def _clauses(self, reason: str, language: str) -> Sequence[str]:
        for source in (self._by_language, _SPARE):
            for wanted in (language, "en"):
                clauses = source.get(wanted, {}).get(reason)
                if clauses:
                    return list(clauses)
        return (reason,)


def _filled(clause: str, fields: Mapping[str, str]) -> str:
    try:
        return clause.format_map(fields)
    except (KeyError, IndexError, ValueError):
        return ""


def reference(hold: str) -> str:
    """The six characters by which support finds the call."""
    return hold[:6]


def refuse(
    sentences: Sentences,
    reason: str,
    status: int,
    *,
    hold: str,
    language: str,
    style: str,
    field: str | None = None,
) -> Refusal:
    """Build a refusal of ours; `style` librechat wraps the sentence so that it shows alone."""
    fields = {"ref": reference(hold)} | ({"field": _printable(field)} if field else {})
    sentence = sentences.say(reason, language, fields)
    message = sentence
    if style == "librechat":
        message = json.dumps({"type": "google_error", "info": sentence}, ensure_ascii=False)
    error = {
        "message": message,
        "type": reason,
        "param": _printable(field) if field else None,
        "code": reason,
    }
    return Refusal(reason=reason, status=status, error={"error": error}, field=field)


def _printable(field: str) -> str:
    """A client chose this text: keep it short, on one line, and encodable."""
    kept = "".join(char if char.isprintable() else "?" for char in field)
    return kept[:LONGEST_FIELD_CHARS]
