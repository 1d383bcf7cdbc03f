"""The callback's reading of hold tokens, against the signer that authz uses."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pedagio_callback.token import Above, TokenError, read_token

from credit.token import Claims, sign

KEYS = [b"new", b"old"]
CLAIMS = Claims(
    hold="4fb73fc8-a5da-4949-ab6a-8433058c2415",
    account="7",
    client="librechat",
    mode="enforce",
    route="chat",
    model="gpt-5",
    granted=10**9,
    input_picos=1_250_000,
    output_picos=10_000_000,
    above=(272_000, 2_500_000, 15_000_000),
    audio_in=0,
    audio_out=0,
    fee=0,
    context=400_000,
    max_out=128_000,
    min_out=4_096,
    image=1_100,
    style="librechat",
    lang="pt-BR",
    issued=1_800_000_000,
)


@pytest.mark.parametrize("signer", KEYS)
def test_token_signed_by_a_live_key_is_read(signer: bytes) -> None:
    """Both live keys verify, and every claim arrives under its own name."""
    token = read_token(sign(CLAIMS, [signer]), KEYS)
    assert (token.hold, token.granted_nanos, token.input_picos) == (CLAIMS.hold, 10**9, 1_250_000)
    assert token.above == Above(272_000, 2_500_000, 15_000_000)
    assert (token.language, token.issued_s) == ("pt-BR", 1_800_000_000)


def test_token_of_a_call_whose_model_authz_could_not_read_is_read() -> None:
    """In shadow and off such a call passes: the token still says whose it is."""
    unread = dataclasses.replace(CLAIMS, model="", mode="off", granted=0, context=0)
    assert read_token(sign(unread, KEYS), KEYS).model == ""


def test_token_signed_by_another_key_is_refused() -> None:
    """Only authz's keys count."""
    with pytest.raises(TokenError):
        read_token(sign(CLAIMS, [b"someone"]), KEYS)


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "admin"},
        {"route": "files"},
        {"granted": -1},
        {"granted": True},
        {"granted": 1.5},
        {"above": (1, 2)},
        {"hold": ""},
        {"style": None},
        {"input_picos": 1 << 80},
    ],
)
def test_token_with_an_impossible_claim_is_refused(change: dict[str, object]) -> None:
    """A signature does not make nonsense true: a bug of ours must not become a price."""
    with pytest.raises(TokenError):
        read_token(sign(dataclasses.replace(CLAIMS, **change), KEYS), KEYS)  # type: ignore[arg-type]


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_token_of_arbitrary_text_is_refused(text: str) -> None:
    """Whatever arrives in the header, the only answers are a token and TokenError."""
    with pytest.raises(TokenError):
        read_token(text, KEYS)


@given(st.data())
def test_token_with_one_changed_character_is_refused(data: st.DataObject) -> None:
    """No character of a token can be changed (but for bits that base64 does not use)."""
    text = sign(CLAIMS, KEYS)
    index = data.draw(st.integers(0, len(text) - 2))
    other = data.draw(st.characters(codec="ascii").filter(lambda char: char != text[index]))
    with pytest.raises(TokenError):
        read_token(text[:index] + other + text[index + 1 :], KEYS)
