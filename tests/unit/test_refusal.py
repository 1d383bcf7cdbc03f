"""What a refused person reads: short, complete, in their language, in the form their client shows."""

import json
from datetime import UTC, datetime

import pytest

from credit.refusal import SENTENCE_LIMIT, STATUS, Reason, error_body, sentence
from credit.wording import ABOUT_MODELS, Wording

HOLD = "0d9f4c2e-0000-4000-8000-000000000001"
URL = "https://credit.example.com/ask"
FIELDS = {
    "available": "0,3 créditos",
    "held": "12 créditos",
    "contact": "ti@example.com",
    "url": URL,
    "date": "21/11/2026",
    "field": "max_tokens",
    "model": "gpt-4o",
    "cheaper_model": "gpt-4o-mini",
    "next_amount": "500 créditos",
    "next_date": "01/12/2026",
    "ref": "0d9f4c",
}


def test_status_of_every_reason_is_an_error_that_nobody_retries() -> None:
    """402 for credit, never 429 (LibreChat would retry for minutes); 503 only for our own absence."""
    assert set(STATUS) == set(Reason)
    assert set(STATUS.values()) <= {400, 401, 402, 403, 404, 503}
    assert [r for r, s in STATUS.items() if s == 503] == [Reason.ENFORCEMENT_UNAVAILABLE]


@pytest.mark.parametrize("language", ["pt-BR", "en"])
@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("length", [0, 1, 20, 300])
def test_sentence_with_fields_of_any_length_stays_readable(
    reason: Reason, language: str, length: int
) -> None:
    """Under 200 characters, no placeholder left, and with the reference wherever one is kept."""
    fields = dict.fromkeys(FIELDS, "x" * length) | {"ref": "0d9f4c"}
    fields["model"] = "m" * max(
        length, 1
    )  # the door names no price only for a model that was named
    text = sentence(reason, language, fields)
    assert 20 < len(text) <= SENTENCE_LIMIT
    assert "{" not in text
    # Strangers are not written down: there is nothing that a reference could find.
    assert ("0d9f4c" in text) == (reason is not Reason.UNKNOWN_KEY)


@pytest.mark.parametrize("language", ["pt-BR", "en"])
@pytest.mark.parametrize("reason", Reason)
def test_sentence_without_any_field_is_still_one(reason: Reason, language: str) -> None:
    """A clause whose field is missing is dropped; what is left is a sentence."""
    text = sentence(reason, language, {"model": "m"} if reason in ABOUT_MODELS else {})
    assert text.endswith((".", "?"))
    assert "{" not in text
    assert "  " not in text


def test_sentence_clause_with_an_empty_field_is_dropped() -> None:
    """An amount nobody knows is not announced as nothing."""
    full = sentence(Reason.INSUFFICIENT_CREDIT, "pt-BR", FIELDS)
    bare = sentence(Reason.INSUFFICIENT_CREDIT, "pt-BR", {"ref": "0d9f4c", "available": ""})
    assert "restam 0,3 créditos" in full
    assert "01/12/2026" in full
    assert bare == "Seu crédito de IA acabou. (ref. 0d9f4c)"


def test_sentence_in_an_unknown_language_is_english() -> None:
    """A client row from a newer release must not turn a refusal into an exception."""
    assert sentence(Reason.UNKNOWN_KEY, "fr", {}) == sentence(Reason.UNKNOWN_KEY, "en", {})


def test_sentence_from_the_wording_says_the_figures_of_the_decision() -> None:
    """Amounts, date and reference come from the decision, contact and page from the installation."""
    wording = Wording("pt-BR", "usd", "ti@example.com", URL)
    fields = wording.amounts(3_000_000, 0, "pt-BR")
    text = wording.sentence(Reason.INSUFFICIENT_CREDIT, "pt-BR", HOLD, None, fields)
    assert "US$ 0,003" in text
    assert URL in text
    assert text.endswith("(ref. 0d9f4c)")
    assert "reservou" not in wording.sentence(
        Reason.CREDIT_IN_FLIGHT, "pt-BR", HOLD, None, wording.amounts(-5, 0, "pt-BR")
    )
    moment = datetime(2026, 11, 21, tzinfo=UTC)
    assert (wording.date(moment, "pt-BR"), wording.date(moment, "en")) == (
        "21/11/2026",
        "2026-11-21",
    )


@pytest.mark.parametrize("reason", Reason)
def test_error_body_for_librechat_is_json_in_the_message(reason: Reason) -> None:
    """LibreChat shows `info` verbatim; quotes and line breaks inside the sentence survive."""
    text = 'Seu "crédito"\nacabou'
    error = json.loads(error_body(reason, text, "librechat", "max_tokens"))["error"]
    assert json.loads(error["message"]) == {"type": "google_error", "info": text}
    assert (error["type"], error["code"], error["param"]) == (reason, reason, "max_tokens")


def test_error_body_for_plain_clients_is_an_openai_error() -> None:
    """The official client reads message, type, param and code."""
    body = json.loads(error_body(Reason.BAD_REQUEST, "No.", "plain", "n"))
    assert body == {
        "error": {"message": "No.", "type": "bad_request", "param": "n", "code": "bad_request"}
    }
