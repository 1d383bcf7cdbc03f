"""Refusals: the closed list of reasons, their HTTP status, and the sentence a person reads.

Source of reasons, statuses and sentences: DESIGN section 4. The sentences are data
(sentences.json), one list of clauses each; a clause that names a field nobody filled is dropped.
"""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from importlib.resources import files
from string import Formatter

SENTENCE_LIMIT = 200
# A field longer than this is cut, so that the clause which must stay cannot fill the whole sentence.
FIELD_LIMIT = 80
DEFAULT_LANGUAGE = "en"
REF_LENGTH = 6


class Reason(StrEnum):
    """Why a request was refused; the text is also `error.code`."""

    INSUFFICIENT_CREDIT = "insufficient_credit"
    CAP_REACHED = "cap_reached"
    POOL_EXHAUSTED = "pool_exhausted"
    CREDIT_IN_FLIGHT = "credit_in_flight"
    REQUEST_TOO_LARGE = "request_too_large_for_balance"
    MODEL_NOT_ALLOWED = "model_not_allowed"
    MODEL_UNPRICED = "model_unpriced"
    ACCOUNT_SUSPENDED = "account_suspended"
    IDENTITY_MISSING = "identity_missing"
    BAD_REQUEST = "bad_request"
    ENFORCEMENT_UNAVAILABLE = "enforcement_unavailable"
    UNKNOWN_KEY = "unknown_key"
    UNKNOWN_PATH = "unknown_path"


# 402 for everything about credit: 429 and 5xx make LibreChat retry for minutes (facts-librechat.md).
STATUS: Mapping[Reason, int] = {
    Reason.INSUFFICIENT_CREDIT: 402,
    Reason.CAP_REACHED: 402,
    Reason.POOL_EXHAUSTED: 402,
    Reason.CREDIT_IN_FLIGHT: 402,
    Reason.REQUEST_TOO_LARGE: 402,
    Reason.MODEL_NOT_ALLOWED: 402,
    Reason.MODEL_UNPRICED: 402,
    Reason.ACCOUNT_SUSPENDED: 403,
    Reason.IDENTITY_MISSING: 403,
    Reason.BAD_REQUEST: 400,
    Reason.ENFORCEMENT_UNAVAILABLE: 503,
    Reason.UNKNOWN_KEY: 401,
    Reason.UNKNOWN_PATH: 404,
}


@cache
def _sentences() -> Mapping[str, Mapping[str, list[str]]]:
    text = (files("credit") / "sentences.json").read_text(encoding="utf-8")
    loaded: Mapping[str, Mapping[str, list[str]]] = json.loads(text)
    return loaded


def reference(hold_id: str) -> str:
    """The six characters that a person reads out and `pedagio explain` understands."""
    return hold_id[:REF_LENGTH]


def sentence(
    reason: Reason, language: str, fields: Mapping[str, str], own: Sequence[str] | None = None
) -> str:
    """The sentence for a person, in `pt-BR` or `en` (also for any other), at most SENTENCE_LIMIT characters.

    `own`: the clauses of a policy, checked when it was made (credit/template.py).

    Clauses whose fields are missing or empty are dropped; a too long one loses its
    optional clauses from the back, the address last (the reference stays: support needs it).
    """
    usual = _sentences().get(language, _sentences()[DEFAULT_LANGUAGE])[reason]
    shown = {name: text if name == "url" else _cut(text) for name, text in fields.items()}
    clauses = [c for c in own or usual if all(shown.get(name) for name in _names(c))]
    texts = [clause.format(**shown) for clause in clauses]
    # Between the first and the reference; what a person can open is worth more than what else is said.
    optional = sorted(
        range(1, len(texts) - 1), key=lambda place: ("{url}" in clauses[place], -place)
    )
    for place in optional:
        if sum(map(len, texts)) <= SENTENCE_LIMIT:
            break
        texts[place] = ""
    return "".join(texts)


def _cut(text: str) -> str:
    return text if len(text) <= FIELD_LIMIT else f"{text[: FIELD_LIMIT - 1]}…"


def _names(clause: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(clause) if name]


def error_body(reason: Reason, text: str, style: str, param: str | None = None) -> bytes:
    """The OpenAI error object; for `librechat` the message is the JSON that LibreChat shows verbatim."""
    message = text
    if style == "librechat":
        message = json.dumps({"type": "google_error", "info": text}, ensure_ascii=False)
    error = {"message": message, "type": reason.value, "param": param, "code": reason.value}
    return json.dumps({"error": error}, ensure_ascii=False).encode()
