"""Records at the gate: allow-listed, bounded, and storable whatever a provider writes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from accounting.ingest.reports import NANOS_LIMIT, RECORD, TOKENS_LIMIT, Cost, End, Start
from tests.unit.evidence import RECORD_ID

HEAD = {"id": RECORD_ID, "token": None, "hold": None, "at_ms": 1_795_000_000_000}
START = HEAD | {
    "record": "start",
    "route": "chat",
    "model": "m",
    "input_bound_tokens": 9,
    "input_count_tokens": 5,
}
END = HEAD | {"record": "end", "outcome": "ok"}
COST: dict[str, Any] = HEAD | {
    "record": "cost", "status": "success", "provider_id": "p", "cost_usd": "0", "usage": {},
}  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(("raw", "kind"), [(START, Start), (END, End), (COST, Cost)])
def test_record_with_the_least_it_needs_is_accepted(raw: dict[str, Any], kind: type) -> None:
    """What LiteLLM did not tell is null or absent."""
    assert isinstance(RECORD.validate_python(raw), kind)


@pytest.mark.parametrize("raw", [START, END, COST])
@pytest.mark.parametrize("name", ["messages", "prompt", "error", "metadata", ""])
def test_record_with_a_field_that_is_not_listed_is_refused(raw: dict[str, Any], name: str) -> None:
    """A prompt cannot slip in under a new name."""
    with pytest.raises(ValidationError):
        RECORD.validate_python(raw | {name: "x"})


@pytest.mark.parametrize(
    ("raw", "changes"),
    [
        (COST, {"usage": {"secret_tokens": 1}}),
        (COST, {"usage": {"prompt_tokens": -1}}),
        (COST, {"usage": {"prompt_tokens": TOKENS_LIMIT + 1}}),
        (COST, {"usage": {"prompt_tokens": 1.5}}),
        (COST, {"cost_usd": "-1"}),
        (COST, {"cost_usd": "nan"}),
        (COST, {"cost_usd": "Infinity"}),
        (COST, {"cost_usd": "1000000"}),
        (COST, {"cost_usd": "999999e99"}),
        (COST, {"cost_usd": "٣"}),
        (COST, {"cost_usd": 0.5}),
        (COST, {"status": "maybe"}),
        (COST, {"provider_id": "x" * 257}),
        (COST, {"at_ms": -1}),
        (COST, {"at_ms": 10**15}),
        (COST, {"hold": "1"}),
        (COST, {"id": "F" * 32}),
        (COST, {"id": RECORD_ID + "\n"}),
        (COST, {"token": "x" * 8193}),
        (END, {"outcome": "fine"}),
        (START, {"granted_nanos": NANOS_LIMIT + 1}),
        (START, {"bound_nanos": -1}),
        (START, {"record": "begin"}),
    ],
)
def test_record_beyond_its_bounds_is_refused(raw: dict[str, Any], changes: dict[str, Any]) -> None:
    """Absurd figures are a mistake or an attack; either way nothing is debited for them."""
    with pytest.raises(ValidationError):
        RECORD.validate_python(raw | changes)


@pytest.mark.parametrize("cost_usd", [str(c) for c in (0.0, 5e-08, 1.23e-05, 0.1, 12.5, 7.5e-100)])
def test_record_with_any_float_of_litellm_is_accepted(cost_usd: str) -> None:
    """Python writes small floats with an exponent."""
    record = RECORD.validate_python(COST | {"cost_usd": cost_usd})
    assert isinstance(record, Cost)
    assert record.cost_usd == cost_usd


def test_record_with_an_odd_character_keeps_its_debit() -> None:
    """Postgres stores neither NUL nor half a surrogate pair; the rest of the record matters more."""
    record = RECORD.validate_python(COST | {"provider_id": "a\x00b\ud800c"})
    assert isinstance(record, Cost)
    assert record.provider_id == "a?b?c"


@given(JSON)
def test_record_of_any_json_is_valid_or_refused(raw: Any) -> None:
    """Nothing else is raised."""
    with pytest.raises(ValidationError):
        RECORD.validate_python(raw)
