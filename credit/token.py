"""The hold token: what authz vouches for, carried to the callback and back in reports.

Source: protocol.md section 2. `v1.<payload>.<hmac-sha256>`, both parts base64url without padding.
"""

import base64
import hmac
import json
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from operator import attrgetter
from typing import Any

_KEYWORDS = {"in": "input_picos", "out": "output_picos"}
_KEYWORDS_BACK = {name: key for key, name in _KEYWORDS.items()}


class TokenError(ValueError):
    """The token is malformed, or none of the live keys signed it."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a hold token says. Amounts in nano-USD, prices in pico-USD per token.

    `limit`: output tokens per choice that a policy allows, 0 for no such limit; `asked`: the model the
    client asked for, where `model` is a cheaper one that answers in its place, else empty; `prices`: the
    model map that the prices are from, 0 for none; `house`: a person set them here, so that LiteLLM's
    say nothing; `markup`: per cent that a plan puts on the cost. Prices are without it, `granted` covers it;
    `cut`: the line for the end of an answer that credit cut short, empty where none may be added; `low`: the
    one that credit runs low.
    """

    hold: str
    account: str
    client: str
    mode: str
    route: str
    model: str
    granted: int
    input_picos: int
    output_picos: int
    above: tuple[int, int, int] | None
    audio_in: int
    audio_out: int
    fee: int
    context: int
    max_out: int
    min_out: int
    image: int
    style: str
    lang: str
    issued: int
    limit: int = 0
    asked: str = ""
    prices: int = 0
    house: bool = False
    markup: int = 0
    cut: str = ""
    low: str = ""


TIER_MEMBERS = 3  # threshold, input price, output price
_CLAIMS = tuple(field.name for field in fields(Claims))
# Tokens of the release before lack the claims that have a default.
_REQUIRED = {field.name for field in fields(Claims) if field.default is MISSING}
_KINDS = {field.name: field.type for field in fields(Claims) if field.name != "above"}
# Every allowed request is signed: dataclasses.asdict and json.dumps would cost a third of its decision.
_KEYS = tuple(_KEYWORDS_BACK.get(name, name) for name in _CLAIMS)
_values = attrgetter(*_CLAIMS)
_compact = json.JSONEncoder(separators=(",", ":")).encode


def sign(claims: Claims, keys: Sequence[bytes]) -> str:
    """Return the token text, signed with the first key."""
    body = dict(zip(_KEYS, _values(claims), strict=True))
    payload = _encode(_compact(body).encode())
    signed = f"v1.{payload}"
    return f"{signed}.{_encode(_mac(keys[0], signed))}"


def verify(token: str, keys: Sequence[bytes]) -> Claims:
    """Return the claims of a token that one of the live keys signed; raise TokenError otherwise."""
    signed, _, signature = token.rpartition(".")
    version, _, payload = signed.partition(".")
    try:
        given = _decode(signature)
        # Every key is tried, whichever fits: time tells nothing.
        genuine = sum([hmac.compare_digest(given, _mac(key, signed)) for key in keys]) > 0
        if version != "v1" or not genuine:
            raise TokenError("hold token is not signed by a live key")
        body: Any = json.loads(_decode(payload))
    except (ValueError, RecursionError) as error:
        raise TokenError(str(error)) from error
    if not isinstance(body, dict):
        raise TokenError("hold token carries no claims")
    values = {_KEYWORDS.get(name, name): value for name, value in body.items()}
    if _REQUIRED - set(values):
        raise TokenError("hold token lacks a claim")
    above = values["above"]
    plain = {name: values[name] for name in _KINDS if name in values}
    # Signed by us does not mean sound: a number for a text would fail somewhere behind, in a batch of others.
    if any(type(value) is not _KINDS[name] for name, value in plain.items()) or not _is_tier(above):
        raise TokenError("hold token has a claim of another kind")
    return Claims(**plain, above=None if above is None else tuple(above))


def _is_tier(above: Any) -> bool:
    """Three whole numbers, or none at all."""
    if above is None:
        return True
    whole = isinstance(above, list) and all(type(member) is int for member in above)
    return whole and len(above) == TIER_MEMBERS


def _mac(key: bytes, signed: str) -> bytes:
    return hmac.digest(key, signed.encode(), "sha256")


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
