"""The scalar fields of a body at the door: what bounds the cost is checked, what escapes it refused."""

import math
from typing import Any

import pytest

from authz.body import CHOICES_LIMIT, OUTPUT_KEYS, REFUSED_KEYS, BadField, Body, read_body

MODEL = {"model": "gpt-4o"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"model": None},
        {"model": ""},
        {"model": 4.0},
        {"model": True},
        {"model": ...},
        {"model": "x" * 257},
        {"model": "gpt\x00-4o"},
        {"model": "gpt-4o\n"},
    ],
)
def test_model_that_is_no_name_is_refused(body: dict[str, Any]) -> None:
    """Missing, not a text, empty, overlong, or with characters that no name has."""
    assert read_body(body) == BadField("model")


def test_body_that_envoy_could_not_read_is_refused() -> None:
    """Not JSON, or another content type."""
    assert read_body({"unreadable": True}) == BadField("body")
    assert read_body({"unreadable": True} | MODEL) == BadField("body")


@pytest.mark.parametrize("key", OUTPUT_KEYS)
@pytest.mark.parametrize(
    "value",
    [
        -1.0,
        0.0,
        0.5,
        1.5,
        1e30,
        10_000_001.0,
        math.nan,
        math.inf,
        -math.inf,
        "100",
        "",
        True,
        False,
        ...,
    ],
)
def test_output_limit_that_is_no_count_is_refused(key: str, value: Any) -> None:
    """Negative, zero, fractional, huge, text, boolean: each is named, none is guessed at."""
    assert read_body({**MODEL, key: value}) == BadField(key)


@pytest.mark.parametrize(
    "value", [0.0, -1.0, 1.5, 10_000.0, CHOICES_LIMIT + 1.0, math.nan, "2", True, ...]
)
def test_choices_that_are_no_count_are_refused(value: Any) -> None:
    """`n` multiplies the output."""
    assert read_body({**MODEL, "n": value}) == BadField("n")


@pytest.mark.parametrize("key", REFUSED_KEYS)
@pytest.mark.parametrize("value", [True, False, 0.0, "", "x", ...])
def test_key_that_escapes_the_meter_is_refused_whatever_its_value(key: str, value: Any) -> None:
    """`no-log`, `best_of`, `api_base`, ...: named in the refusal."""
    assert read_body({**MODEL, key: value}) == BadField(key)


@pytest.mark.parametrize("value", [True, 1.0, "true", ...])
def test_background_that_is_asked_for_is_refused(value: Any) -> None:
    """A call that ends after its answer reports no cost."""
    assert read_body({**MODEL, "background": value}) == BadField("background")


@pytest.mark.parametrize("value", [1.0, True, ..., "", "\x00", "x" * 65])
def test_service_tier_that_is_no_name_is_refused(value: Any) -> None:
    """It chooses the price; and a long one would be kept in memory with the terms."""
    assert read_body({**MODEL, "service_tier": value}) == BadField("service_tier")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Body("gpt-4o", None, 1, None, continued=False)),
        ({"max_tokens": 100.0}, Body("gpt-4o", 100, 1, None, continued=False)),
        (
            {"max_tokens": 5.0, "max_completion_tokens": 7.0, "n": 3.0},
            Body("gpt-4o", 7, 3, None, continued=False),
        ),
        ({"max_tokens": None, "n": None}, Body("gpt-4o", None, 1, None, continued=False)),
        ({"background": False, "stream": True}, Body("gpt-4o", None, 1, None, continued=False)),
        ({"service_tier": "flex"}, Body("gpt-4o", None, 1, "flex", continued=False)),
        ({"previous_response_id": "resp_1"}, Body("gpt-4o", None, 1, None, continued=True)),
        ({"conversation": ...}, Body("gpt-4o", None, 1, None, continued=True)),
        (
            {"no-log": None, "user": "x", "store": True},
            Body("gpt-4o", None, 1, None, continued=False),
        ),
    ],
)
def test_body_that_is_good_is_read(fields: dict[str, Any], expected: Body) -> None:
    """Null is as good as absent, as the provider has it; of two limits the larger one bounds."""
    assert read_body(MODEL | fields) == expected
