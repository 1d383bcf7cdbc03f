"""`--set key=value`: what it makes of a policy's body."""

from typing import Any

import pytest

from accounting.cli.assignments import assign


@pytest.mark.parametrize(
    ("assignment", "after"),
    [
        ("degrade=switch", {"models": ["a"], "degrade": "switch"}),
        ("max_output_tokens=4000", {"models": ["a"], "max_output_tokens": 4000}),
        ("list_models=true", {"models": ["a"], "list_models": True}),
        ('models=["b*"]', {"models": ["b*"]}),
        ("models=null", {}),
        ("degrade=null", {"models": ["a"]}),
        ("grant_rule.small_percent=5", {"models": ["a"], "grant_rule": {"small_percent": 5}}),
        ("cheaper.gpt-4.1=gpt-4.1-mini", {"models": ["a"], "cheaper": {"gpt-4.1": "gpt-4.1-mini"}}),
        (
            'texts.bad_request.en=["No.", " {ref}"]',
            {"models": ["a"], "texts": {"bad_request": {"en": ["No.", " {ref}"]}}},
        ),
    ],
)
def test_assignment_changes_one_field(assignment: str, after: dict[str, Any]) -> None:
    """JSON where it is JSON, else a text; null removes; names of models may hold dots."""
    body: dict[str, Any] = {"models": ["a"]}
    assert assign(body, assignment) is None
    assert body == after


@pytest.mark.parametrize("assignment", ["degrade", "=1", "", "grant_rule.small_percent=1"])
def test_assignment_that_cannot_be_made_is_a_sentence(assignment: str) -> None:
    """And nothing is changed."""
    body = {"grant_rule": 7}
    assert (assign(body, assignment) or "").startswith("--set ")
    assert body == {"grant_rule": 7}
