"""The hold token: what is signed comes back, everything else is a TokenError."""

import base64
import hmac
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pedagio_callback.token import read_token

from credit.token import Claims, TokenError, sign, verify

NEW, OLD = b"n" * 32, b"o" * 32
CLAIMS = Claims(
    hold="0d9f4c2e-0000-4000-8000-000000000001",
    account="1007",
    client="librechat",
    mode="enforce",
    route="chat",
    model="gpt-4o",
    granted=5_000_000,
    input_picos=2_500_000,
    output_picos=10_000_000,
    above=(200_000, 5_000_000, 15_000_000),
    audio_in=0,
    audio_out=0,
    fee=0,
    context=128_000,
    max_out=16_384,
    min_out=256,
    image=1_100,
    style="librechat",
    lang="pt-BR",
    issued=1_795_000_000,
)
PRICED = replace(CLAIMS, prices=41, house=True, markup=15)
# What the release before did not say.
BEFORE = {"limit", "asked", "prices", "house", "markup"}


def raw_token(payload: bytes) -> str:
    """A token with a genuine signature over any payload."""
    signed = "v1." + base64.urlsafe_b64encode(payload).decode().rstrip("=")
    mark = hmac.digest(NEW, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mark).decode().rstrip('=')}"


@pytest.mark.parametrize(
    "claims", [CLAIMS, PRICED, replace(CLAIMS, above=None, model="ação-モデル")]
)
def test_token_that_was_signed_comes_back_equal(claims: Claims) -> None:
    """Every claim survives the trip, the threshold and other alphabets included."""
    assert verify(sign(claims, [NEW]), [NEW]) == claims


def test_token_of_the_release_before_is_accepted() -> None:
    """Calls in flight while authz is replaced: what they do not say means nothing special."""
    token = sign(replace(PRICED, limit=9, asked="gpt-4o"), [NEW])
    body = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    older = {name: value for name, value in body.items() if name not in BEFORE}
    assert verify(raw_token(json.dumps(older).encode()), [NEW]) == CLAIMS
    assert read_token(raw_token(json.dumps(older).encode()), [NEW]).named_model == CLAIMS.model
    with pytest.raises(TokenError):
        verify(raw_token(json.dumps(older | {"limit": "9"}).encode()), [NEW])


def test_token_while_keys_change_is_accepted_under_both() -> None:
    """Two live keys: the first signs, each verifies; a retired key no longer does."""
    assert verify(sign(CLAIMS, [OLD]), [NEW, OLD]) == CLAIMS
    assert verify(sign(CLAIMS, [NEW, OLD]), [NEW]) == CLAIMS
    with pytest.raises(TokenError):
        verify(sign(CLAIMS, [OLD]), [NEW])


def test_token_of_a_stranger_is_refused() -> None:
    """A forged signature, none at all, another version, or a payload of one under the mark of another."""
    token, other = sign(CLAIMS, [NEW]), sign(replace(CLAIMS, account="1008"), [NEW])
    version, payload, mark = token.split(".")
    forged = [
        sign(CLAIMS, [b"x" * 32]),
        f"{version}.{payload}.",
        f"v2.{payload}.{mark}",
        f"{version}.{other.split('.')[1]}.{mark}",
        f"{token}.{mark}",
    ]
    for text in forged:
        with pytest.raises(TokenError):
            verify(text, [NEW])
    with pytest.raises(TokenError):
        verify(token, [])


def test_token_cut_anywhere_is_refused() -> None:
    """No prefix of a token is a token."""
    token = sign(CLAIMS, [NEW])
    for length in range(len(token)):
        with pytest.raises(TokenError):
            verify(token[:length], [NEW])


@pytest.mark.parametrize("payload", [b"null", b"[]", b"{}", b'"x"', b"not json", b"[" * 5_000])
def test_token_with_a_good_signature_over_nonsense_is_refused(payload: bytes) -> None:
    """A signature says who, not that the contents make sense."""
    with pytest.raises(TokenError):
        verify(raw_token(payload), [NEW])


@given(st.one_of(st.text(), st.text("v1.aA_-=é\ud800\x00", max_size=40)))
def test_token_of_arbitrary_text_raises_nothing_else(text: str) -> None:
    """Whatever arrives in the header is a TokenError, never another exception."""
    with pytest.raises(TokenError):
        verify(text, [NEW, OLD])
