"""The short address in a refusal: what it says, to whom it is given, what it cannot be used for."""

import uuid
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from accounting.addresses import WRONG_A_MINUTE, Guesses
from authz.answers import Answers, Problem
from authz.settings import AuthzSettings
from credit.address import ALPHABET, Addresses, code_of, mark_of, read_code, written
from credit.policy import Policy
from credit.refusal import Reason
from credit.wording import Wording
from tests.unit.door import HOLD, MARIA, TOKEN_KEYS, a_client, a_request

KEY, OTHER = b"k" * 32, b"o" * 32
URL = "https://credit.example.com"


def test_code_has_45_bits_and_each_counts() -> None:
    """Every place takes each of the 32 characters about as often: 20,000 refusals, no two alike."""
    codes = [code_of(str(uuid.UUID(int=n)), KEY) for n in range(20_000)]
    assert len(set(codes)) == len(codes)
    for place in range(9):
        seen = Counter(code[place] for code in codes)
        assert set(seen) == set(ALPHABET)
        assert (
            450 < min(seen.values()) <= max(seen.values()) < 810
        )  # 625 expected, 25 the deviation


def test_code_is_nothing_without_the_key() -> None:
    """Another key, another code; and no mark is a code or a token's signature."""
    assert code_of(HOLD, KEY) == code_of(HOLD, KEY) != code_of(HOLD, OTHER)
    marks = {mark_of("x", KEY), mark_of("x", OTHER), mark_of("y", KEY)}
    assert len(marks) == 3


@given(st.integers(0, 32**9 - 1), st.sampled_from(["{}-{}", "{}{}", " {} {} ", "{}_{}"]))
def test_code_is_read_as_people_write_it(number: int, form: str) -> None:
    """Small letters, other separators, O for 0, I and L for 1."""
    code = "".join(ALPHABET[number >> place & 31] for place in range(40, -1, -5))
    assert read_code(written(code)) == code
    typed = form.format(code[:5], code[5:]).lower().replace("0", "o").replace("1", "l")
    assert read_code(typed) == code


@pytest.mark.parametrize(
    "text", ["", "7KQ2M-9XD", "7KQ2M-9XDA1", "7KQ2M-9XDU", "7KQ2M/9XDA", "é" * 9, "A" * 10**6]
)
def test_text_that_is_no_code_is_none(text: str) -> None:
    """Of any length and script; nothing raises."""
    assert read_code(text) is None


@given(st.text(max_size=40))
def test_text_of_any_kind_is_a_code_of_the_alphabet_or_none(text: str) -> None:
    """Upper-casing may lengthen a text: what comes out is still nine known characters."""
    code = read_code(text)
    assert code is None or (len(code) == 9 and set(code) <= set(ALPHABET))


def text_of(problem: Problem, public_url: str = URL, url: str = "https://ask.example.com") -> str:
    """What a person reads."""
    wording = Wording("pt-BR", "credits", "ti@example.com", url, public_url)
    return Answers(TOKEN_KEYS, wording).refuse(a_request(), a_client(), "enforce", problem).text


def test_refusal_carries_an_address_of_its_own() -> None:
    """In place of the installation's page, within the limit, the reference at the end."""
    fields = {"available": "3 créditos", "cheaper_model": "gpt-4o-mini"}
    text = text_of(Problem(Reason.INSUFFICIENT_CREDIT, None, MARIA, None, fields))
    code = written(code_of(HOLD, TOKEN_KEYS[0]))
    assert f" {URL}/p/{code} (ref. 0d9f4c)" in text
    assert len(text) <= 200
    assert len(f"{URL}/p/{code}") == len(URL) + 13
    assert "https://ask.example.com" not in text


def test_address_is_the_last_clause_to_go() -> None:
    """A sentence that is too long loses whom to ask before it loses where."""
    fields = {
        "available": "1.234,5 créditos",
        "cheaper_model": "a-model-with-a-rather-long-name-2026-11",
    }
    text = text_of(Problem(Reason.INSUFFICIENT_CREDIT, None, MARIA, None, fields))
    assert f"{URL}/p/" in text
    assert "ti@example.com" not in text
    assert len(text) <= 200


def test_refusal_of_nobody_known_has_no_address_of_its_own() -> None:
    """It would lead nowhere; a text that names a page names the installation's."""
    own = Policy.from_json(
        {"texts": {"identity_missing": {"pt-BR": ["Quem é?", " {url}", " ({ref})"]}}}
    )
    text = text_of(Problem(Reason.IDENTITY_MISSING, None, None, own))
    assert text == "Quem é? https://ask.example.com (0d9f4c)"
    problem = Problem(Reason.INSUFFICIENT_CREDIT, None, MARIA)
    assert "https://ask.example.com" in text_of(problem, public_url="")
    assert Addresses("", TOKEN_KEYS).of(HOLD) == Addresses(URL, TOKEN_KEYS).of("") == ""


@pytest.mark.parametrize(
    "url", ["credit.example.com", "javascript:alert(1)", "https://a b", "https://"]
)
def test_setting_that_is_no_web_address_is_refused(url: str) -> None:
    """At the start, not in front of a person."""
    with pytest.raises(ValidationError):
        AuthzSettings(database_url="postgresql://x", token_keys="t" * 32, public_url=url)


def test_guesses_close_a_peer_for_the_minute() -> None:
    """Others are answered; a whole network of IPv6 is one peer; the count of all goes on."""
    now = [0.0]
    guesses = Guesses(lambda: now[0])
    for n in range(WRONG_A_MINUTE):
        assert not guesses.is_closed_to("2001:db8::1")
        assert guesses.wrong(f"2001:db8::{n:x}") == n + 1
    assert guesses.is_closed_to("2001:db8::ffff")
    assert not guesses.is_closed_to("2001:db8:0:1::1")
    assert not guesses.is_closed_to("192.0.2.1")
    now[0] = 60.0
    assert not guesses.is_closed_to("2001:db8::1")
    assert guesses.wrong("not an address") == 1
