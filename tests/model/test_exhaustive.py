"""Every order of every step, for small sizes: the promises hold, and fall with any rule."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from tests.model.explore import explore
from tests.model.mutants import MUTANTS
from tests.model.python_mutants import PYTHON_MUTANTS
from tests.model.state import Rules, World
from tests.model.worlds import WORLDS

BY_NAME = {world.name: world for world in WORLDS}
SWITCHED_OFF = [(m.rule, m.world) for m in MUTANTS] + [(m.rule, m.world) for m in PYTHON_MUTANTS]


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_protocol_in_every_order_of_steps_keeps_its_promises(world: World) -> None:
    """I1 to I5 of protocol.md 1, in every state that can be reached."""
    explored = explore(world)
    assert explored.violation is None, explored
    assert explored.states > 50, "the world is too small to prove anything"


@pytest.mark.parametrize(("rule", "world"), SWITCHED_OFF)
def test_protocol_without_one_rule_breaks_a_promise(rule: str, world: str) -> None:
    """A rule whose absence nobody notices is not needed, or not proved."""
    explored = explore(BY_NAME[world], replace(Rules(), **{rule: False}))
    assert explored.violation is not None
    assert explored.path


def test_rules_of_the_model_all_have_a_mutant() -> None:
    """No rule escapes being switched off."""
    assert sorted(rule for rule, _ in SWITCHED_OFF) == sorted(f.name for f in fields(Rules))


@pytest.mark.parametrize(("rule", "world"), SWITCHED_OFF)
def test_rule_of_the_model_is_documented(root: Path, rule: str, world: str) -> None:
    """The page of the proofs names each rule with the world that shows it."""
    page = (root / "docs/explanation/proofs.md").read_text(encoding="utf-8")
    assert f"| `{rule}` | {world} |" in page
