"""The recomputation of refusals made at the door: what is stored must say the same again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.audit.door import METERED, NUMBERS, REFUSED, TEXTS, recompute
from authz import body as door_body
from authz.body import BadField, read_body
from authz.call import METERED as ROUTES
from credit.policy import Policy
from tests.unit.door import a_model_map


def a_refusal(reason: str, **changes: Any) -> dict[str, Any]:
    """Maria's, with nothing that the reason would name."""
    whose = {"account_id": 7, "client_kind": "trusted", "model": "gpt-4o", "want": None}
    return {"reason": reason, "detail": None, **whose, **changes}


def test_metered_paths_of_the_door_are_those_that_recompute() -> None:
    """The two processes share no code; what a path is refused for must not drift apart."""
    assert frozenset(ROUTES) == METERED


def test_fields_that_the_door_refuses_are_those_that_recompute() -> None:
    """Keys, limits of numbers, lengths of texts."""
    assert frozenset(door_body.REFUSED_KEYS) == REFUSED
    assert {
        **dict.fromkeys(door_body.OUTPUT_KEYS, door_body.OUTPUT_LIMIT_TOKENS),
        "n": door_body.CHOICES_LIMIT,
    } == NUMBERS
    assert {
        "model": door_body.MODEL_NAME_LIMIT,
        "service_tier": door_body.SERVICE_TIER_LIMIT,
    } == TEXTS


SCALARS = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers(-5, 10_000_005)
    | st.text(max_size=300)
    | st.just(...)
)
FIELDS = st.sampled_from(["model", "service_tier", "background", *NUMBERS, *sorted(REFUSED)[:5]])


@given(st.dictionaries(FIELDS, SCALARS, max_size=4))
def test_body_that_the_door_refuses_recomputes_and_no_other(fields: dict[str, Any]) -> None:
    """From the name of the field with a sketch of its value, without any text of it."""
    found = read_body(fields)
    if not isinstance(found, BadField):
        return
    detail = f"{found.name} = {found.seen}" if found.seen else found.name
    assert recompute(a_refusal("bad_request", detail=detail), []) is None
    value = fields.get(found.name)
    if isinstance(value, str) and len(value) > 3 and not value.isdecimal():
        assert value not in found.seen


@pytest.mark.parametrize(
    "detail",
    [
        "n = 2",
        "n = 128.0",
        "max_tokens = 1",
        "model = text of 6",
        "service_tier = text of 64",
        "user = 1",
    ],
)
def test_refusal_of_a_value_that_is_good_is_said(detail: str) -> None:
    """A wrong refusal must not be explained away, of a body either."""
    assert recompute(a_refusal("bad_request", detail=detail), []) is not None


@pytest.mark.parametrize(
    "row",
    [
        a_refusal("model_unpriced", detail="gpt-none"),
        a_refusal("identity_missing", account_id=None),
        a_refusal("unknown_path", detail="/v1/images/generations"),
        a_refusal("enforcement_unavailable"),
        a_refusal("bad_request", detail="x-user-id", client_kind="service"),
    ],
)
def test_refusal_of_the_door_with_its_inputs_recomputes(row: dict[str, Any]) -> None:
    """Each reason has one thing that must be so."""
    assert recompute(row, [a_model_map()]) is None


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (a_refusal("model_unpriced", detail="gpt-4o"), "gpt-4o had a price"),
        (a_refusal("identity_missing"), "account 7 was known"),
        (
            a_refusal("unknown_path", detail="/v1/responses"),
            "/v1/responses is among the metered paths",
        ),
        (
            a_refusal("enforcement_unavailable", want=5),
            "it has figures: the ledger had answered",
        ),
        (a_refusal("bad_request", detail="x-user-id"), "a trusted client may name a person"),
        (a_refusal("bad_request"), "it names no field"),
    ],
)
def test_refusal_of_the_door_that_does_not_follow_is_said(
    row: dict[str, Any], problem: str
) -> None:
    """A wrong refusal must not be explained away."""
    assert recompute(row, [a_model_map()]) == problem


def test_refusal_by_policy_recomputes_where_a_policy_of_then_refuses() -> None:
    """A plan that allows the model today may not have been the person's plan then: unknown, not wrong."""
    row = a_refusal("model_not_allowed", detail="gpt-4o")
    assert recompute(row, [], [Policy(models=("mini*",))]) is None
    with pytest.raises(LookupError):
        recompute(row, [], [Policy()])


@pytest.mark.parametrize(
    "row", [a_refusal("bad_request", detail="n"), a_refusal("unknown_path"), a_refusal("other")]
)
def test_refusal_whose_inputs_are_not_kept_is_unknown(row: dict[str, Any]) -> None:
    """No body is kept: what cannot be decided again is not said to agree."""
    with pytest.raises(LookupError):
        recompute(row, [])
