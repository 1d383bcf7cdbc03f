"""Fuzz of LiteLLM's webhook: one odd payload never costs its neighbours their debit."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from accounting.ingest.record import reduce
from accounting.ingest.webhook import cost_record, payloads
from tests.unit.fuzzing import JSON, damaged, fuzz

# What JSON can say and floats, clocks or texts cannot.
EXTREMES: list[Any] = [10**400, -(10**400), 1e308, -1e308, 5e-324, float("nan"), float("inf"), True]
TEXTS = ["", "\ud800" * 300, "\x00", "x" * 5_000, "0d9f4c2e-0000-4000-8000-000000000001"]
VALUES = st.sampled_from(EXTREMES) | st.sampled_from(TEXTS) | JSON
NAMES = [
    "id", "litellm_call_id", "status", "startTime", "endTime", "response_cost", "model", "model_id",
    "model_group", "metadata", "response", "error_information", "prompt_tokens",
]  # fmt: skip
PAYLOADS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)


@given(PAYLOADS)
@fuzz(150)
def test_payload_of_any_kind_becomes_a_record_to_judge(payload: dict[str, Any]) -> None:
    """Accepted or quarantined, by the same gate as everything else; never an error."""
    record = cost_record(payload)
    if record is not None:
        assert reduce(record)[0] in {"report", "quarantine"}


@given(st.lists(PAYLOADS, min_size=1, max_size=3), st.integers(0, 2**32), st.booleans())
@fuzz(100)
def test_body_that_is_damaged_is_read_as_far_as_it_can_be(
    told: list[dict[str, Any]],
    seed: int,
    lines: bool,  # noqa: FBT001 (drawn)
) -> None:
    """An array or an object a line, with damage anywhere."""
    texts = [json.dumps(one) for one in told]
    body = "\n".join(texts) if lines else f"[{','.join(texts)}]"
    for one in payloads(damaged(body.encode(), seed)) or []:
        cost_record(one)
