"""The hold token: what authz says about a call, signed, so that nobody has to be asked."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

VERSION = "v1"
LONGEST_TOKEN_CHARS = 8192
LARGEST_INTEGER = 1 << 62  # a bigint; beyond it a signed token is a mistake, not a price

Mode = Literal["enforce", "shadow", "off"]
# `unmetered`: a path without a hold, which passes outside of enforce; its cost is still booked.
Route = Literal[
    "chat",
    "responses",
    "embeddings",
    "images",
    "image_edits",
    "speech",
    "transcriptions",
    "moderations",
    "unmetered",
]
MODES = ("enforce", "shadow", "off")
ROUTES = get_args(Route)
STYLES = ("librechat", "plain")


class TokenError(ValueError):
    """The text is no token that authz made: wrong form, wrong signature, wrong types."""


@dataclass(frozen=True)
class Above:
    """Prices (picos per token) of a prompt with more than `threshold_tokens` tokens."""

    threshold_tokens: int
    input_picos: int
    output_picos: int


@dataclass(frozen=True)
class HoldToken:
    """A hold and the terms of its call. Amounts in nanos, prices in picos per token.

    `limit_tokens`: the output per choice that a policy allows, 0 for no such limit; `asked_model`: what
    the client asked for, where `model` answers in its place, else empty; `house_prices`: LiteLLM's own say
    nothing; `price_version`: where these are from, for accounting; `markup_percent` comes on top of the
    prices, and `granted_nanos` covers it. `cut_line`: for the end of an answer that credit cut short, empty where
    no line may be added; `low_line`: that credit runs low, said once a day.
    """

    hold: str
    account: str
    client: str
    mode: Mode
    route: Route
    model: str
    granted_nanos: int
    input_picos: int
    output_picos: int
    above: Above | None
    audio_input_picos: int
    audio_output_picos: int
    fee_nanos: int
    context_tokens: int
    max_output_tokens: int
    min_output_tokens: int
    image_tokens: int
    style: str
    language: str
    issued_s: int
    limit_tokens: int = 0
    asked_model: str = ""
    price_version: int = 0
    house_prices: bool = False
    markup_percent: int = 0
    cut_line: str = ""
    low_line: str = ""

    @property
    def named_model(self) -> str:
        """What the client's body says."""
        return self.asked_model or self.model


def read_token(text: str, keys: Sequence[bytes]) -> HoldToken:
    """Verify and read a token; raises TokenError. Its age is the caller's question."""
    if len(text) > LONGEST_TOKEN_CHARS or not text.isascii():
        raise TokenError("no token")
    version, _, rest = text.partition(".")
    payload, _, signature = rest.partition(".")
    if version != VERSION or not payload or not signature:
        raise TokenError("no token of a known version")
    given = _decode(signature)
    signed = f"{version}.{payload}".encode()
    # Every key is tried, whatever the first one said: the time tells nothing about the keys.
    matches = [
        hmac.compare_digest(hmac.new(key, signed, hashlib.sha256).digest(), given) for key in keys
    ]
    if not any(matches):
        raise TokenError("the signature does not match")
    return _from_fields(_fields(_decode(payload)))


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise TokenError("not base64") from error


def _fields(payload: bytes) -> Mapping[str, Any]:
    try:
        fields = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise TokenError("not JSON") from error
    if not isinstance(fields, dict):
        raise TokenError("not an object")
    return fields


def _from_fields(fields: Mapping[str, Any]) -> HoldToken:
    return HoldToken(
        hold=_text(fields, "hold"),
        account=_text(fields, "account"),
        client=_text(fields, "client"),
        mode=cast("Mode", _one_of(fields, "mode", MODES)),
        route=cast("Route", _one_of(fields, "route", ROUTES)),
        # Outside of enforce a call passes although authz could not read what it asks for.
        model=_text(fields, "model", may_be_empty=True),
        granted_nanos=_integer(fields, "granted"),
        input_picos=_integer(fields, "in"),
        output_picos=_integer(fields, "out"),
        above=_above(fields.get("above")),
        audio_input_picos=_integer(fields, "audio_in"),
        audio_output_picos=_integer(fields, "audio_out"),
        fee_nanos=_integer(fields, "fee"),
        context_tokens=_integer(fields, "context"),
        max_output_tokens=_integer(fields, "max_out"),
        min_output_tokens=_integer(fields, "min_out"),
        image_tokens=_integer(fields, "image"),
        style=_one_of(fields, "style", STYLES),
        language=_text(fields, "lang"),
        issued_s=_integer(fields, "issued"),
        # Absent from the tokens of the release before.
        limit_tokens=_integer(fields, "limit") if "limit" in fields else 0,
        asked_model=_text(fields, "asked", may_be_empty=True) if "asked" in fields else "",
        price_version=_integer(fields, "prices") if "prices" in fields else 0,
        house_prices=_yes_or_no(fields, "house") if "house" in fields else False,
        markup_percent=_integer(fields, "markup") if "markup" in fields else 0,
        cut_line=_text(fields, "cut", may_be_empty=True) if "cut" in fields else "",
        low_line=_text(fields, "low", may_be_empty=True) if "low" in fields else "",
    )


def _above(value: Any) -> Above | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(_is_amount(item) for item in value):
        raise TokenError("above is no list of integers")
    try:
        threshold, input_picos, output_picos = value
    except ValueError as error:
        raise TokenError("above has not three members") from error
    return Above(threshold, input_picos, output_picos)


def _is_amount(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST_INTEGER


def _integer(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    if not _is_amount(value):
        raise TokenError(f"{name} is no amount")
    return cast("int", value)


def _yes_or_no(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if not isinstance(value, bool):
        raise TokenError(f"{name} is neither true nor false")
    return value


def _text(fields: Mapping[str, Any], name: str, *, may_be_empty: bool = False) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not (value or may_be_empty):
        raise TokenError(f"{name} is no text")
    return value


def _one_of(fields: Mapping[str, Any], name: str, allowed: Sequence[str]) -> str:
    value = _text(fields, name)
    if value not in allowed:
        raise TokenError(f"{name} is not one of {', '.join(allowed)}")
    return value
