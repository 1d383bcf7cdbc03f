"""LiteLLM's router settings, in the shapes it was seen to write them."""

import json
from pathlib import Path
from typing import Any

import pytest

from accounting.router_settings import aliases_of, fallbacks_of

GOLDEN = json.loads((Path(__file__).parent / "data" / "model_info.json").read_text("utf-8"))


def test_fallbacks_of_a_real_router_join_all_conditions() -> None:
    """A window too small and a policy violated lead to other names as a failure does."""
    found = fallbacks_of(GOLDEN["router_settings"])
    assert found["escola-rapido"] == ("gpt-4o",)
    assert found["gpt-4o"] == ("gemini",)
    assert found.get("*", ()) == ()  # null there


def test_fallbacks_for_every_name_may_be_written_twice() -> None:
    """`default_fallbacks` is added once more as `*`, as null or repeated."""
    chains = [{"a": ["b", {"model": "c"}]}, {"*": ["z"]}, {"*": ["z"]}, {"*": None}]
    found = fallbacks_of({"fallbacks": chains, "content_policy_fallbacks": [{"a": ["c", "d"]}]})
    assert found == {"a": ("b", "c", "d"), "*": ("z",)}


@pytest.mark.parametrize(
    "router", [{}, {"fallbacks": None, "model_group_alias": None}, {"fallbacks": []}]
)
def test_settings_that_are_absent_are_empty(router: dict[str, Any]) -> None:
    """Most installations set none of them."""
    assert fallbacks_of(router) == {}
    assert aliases_of(router) == {}


def test_aliases_may_be_names_or_objects() -> None:
    """A hidden alias is not listed among the models, and answers all the same."""
    router = {"model_group_alias": {"x": "gpt-4o", "y": {"model": "g5", "hidden": True}, "z": None}}
    assert aliases_of(router) == {"x": "gpt-4o", "y": "g5"}
