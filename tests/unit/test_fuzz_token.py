"""Fuzz of the hold token, in both implementations: authz and accounting's, and the callback's own."""

import base64
import hmac
import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pedagio_callback import token as callback

from credit import token as credit
from credit.token import Claims
from tests.unit.fuzzing import JSON, damaged, fuzz
from tests.unit.test_token import CLAIMS

KINDS = {field.name: field.type for field in fields(Claims) if field.name != "above"}
KEYS = [b"n" * 32, b"o" * 32]
AMOUNT = st.integers(0, 2**62)
GENUINE = st.builds(
    replace,
    st.just(CLAIMS),
    hold=st.uuids().map(str),
    mode=st.sampled_from(callback.MODES),
    route=st.sampled_from(callback.ROUTES),
    model=st.text(max_size=30).filter(lambda text: text.isprintable()),
    granted=AMOUNT,
    input_picos=AMOUNT,
    output_picos=AMOUNT,
    above=st.none() | st.tuples(AMOUNT, AMOUNT, AMOUNT),
    context=AMOUNT,
    issued=AMOUNT,
    limit=AMOUNT,
    asked=st.just("") | st.just("gpt-4o"),
    prices=AMOUNT,
    house=st.booleans(),
    markup=AMOUNT,
    cut=st.text(max_size=40).filter(lambda text: text.isprintable()),
    low=st.just("") | st.just("*Restam 18 % da sua cota.*"),
)
# What the two implementations call the same claim.
NAMES = {
    "granted": "granted_nanos",
    "audio_in": "audio_input_picos",
    "audio_out": "audio_output_picos",
    "fee": "fee_nanos",
    "context": "context_tokens",
    "max_out": "max_output_tokens",
    "min_out": "min_output_tokens",
    "image": "image_tokens",
    "lang": "language",
    "issued": "issued_s",
    "limit": "limit_tokens",
    "asked": "asked_model",
    "prices": "price_version",
    "house": "house_prices",
    "markup": "markup_percent",
    "cut": "cut_line",
    "low": "low_line",
}


def by_credit(text: str) -> Claims | None:
    """The claims that accounting reads; None: refused. Any other exception fails the test."""
    try:
        return credit.verify(text, KEYS)
    except credit.TokenError:
        return None


def by_callback(text: str) -> callback.HoldToken | None:
    """The token that the callback reads; None: refused."""
    try:
        return callback.read_token(text, KEYS)
    except callback.TokenError:
        return None


def same(claims: Claims, token: callback.HoldToken) -> bool:
    """Whether both read the same."""
    pairs = [
        (getattr(claims, field.name), getattr(token, NAMES.get(field.name, field.name)))
        for field in fields(Claims)
        if field.name != "above"
    ]
    above = token.above
    tier = above and (above.threshold_tokens, above.input_picos, above.output_picos)
    return all(mine == theirs for mine, theirs in pairs) and claims.above == tier


@given(GENUINE, st.sampled_from(KEYS))
@fuzz(150)
def test_token_that_is_genuine_reads_the_same_twice(claims: Claims, key: bytes) -> None:
    """What authz vouches for arrives whole in both places."""
    text = credit.sign(claims, [key])
    token = by_callback(text)
    assert by_credit(text) == claims
    assert token is not None
    assert same(claims, token)


@given(GENUINE, st.integers(0, 2**32), st.booleans())
@fuzz(150)
def test_token_that_is_changed_says_nothing_else(
    claims: Claims,
    seed: int,
    joined: bool,  # noqa: FBT001 (drawn)
) -> None:
    """Refused, or (where base64 has bits to spare) the very same claims; never others."""
    text = credit.sign(claims, KEYS)
    other = credit.sign(replace(claims, granted=claims.granted + 1), KEYS)
    changed = damaged(text.encode(), seed).decode("latin-1")
    if joined:  # the payload of one token under the signature of another
        changed = other.rpartition(".")[0] + "." + text.rpartition(".")[2]
    assert by_credit(changed) in (None, claims)
    read = by_callback(changed)
    assert read is None or same(claims, read)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
@fuzz(150)
def test_text_of_any_kind_is_no_token(text: str) -> None:
    """Neither raises anything but its TokenError."""
    assert (by_credit(text), by_callback(text)) == (None, None)
    assert (by_credit(f"v1.{text}"), by_callback(f"v1.{text}")) == (None, None)


PAYLOADS = JSON | st.dictionaries(
    st.sampled_from(["hold", "account", "granted", "in", "out", "above", "issued", "mode", "x"]),
    JSON,
).map(lambda changes: json.loads(payload_of(CLAIMS)) | changes)


def payload_of(claims: Claims) -> bytes:
    """The JSON inside a token."""
    part = credit.sign(claims, KEYS).split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def genuine_over(payload: bytes) -> str:
    """A token with a genuine signature over anything: a mistake of ours."""
    signed = "v1." + base64.urlsafe_b64encode(payload).decode().rstrip("=")
    mark = hmac.digest(KEYS[0], signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mark).decode().rstrip('=')}"


@given(PAYLOADS)
@fuzz(150)
def test_payload_of_any_kind_under_a_genuine_mark_is_read_alike(payload: Any) -> None:
    """A signature does not make nonsense true: what the callback accepts, accounting reads the same."""
    text = genuine_over(json.dumps(payload).encode())
    claims, token = by_credit(text), by_callback(text)
    if token is not None:
        assert claims is not None
        assert same(claims, token)
    if claims is not None:
        kinds = {name: type(getattr(claims, name)) for name in KINDS}
        assert kinds == KINDS


@pytest.mark.parametrize(
    "change",
    [{"hold": 5}, {"granted": "1"}, {"above": [1]}, {"above": 5}, {"above": []}, {"account": None}],
)
def test_claim_of_another_kind_is_refused_by_both(change: dict[str, Any]) -> None:
    """A number where a text belongs would fail somewhere behind, in a batch with others' reports."""
    text = genuine_over(json.dumps(json.loads(payload_of(CLAIMS)) | change).encode())
    assert (by_credit(text), by_callback(text)) == (None, None)
