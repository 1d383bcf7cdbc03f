"""Every order of every step, for small sizes: the promises hold, and fall with any rule."""

from dataclasses import fields, replace

import pytest

from tests.model.explore import explore
from tests.model.mutants import MUTANTS, Mutant
from tests.model.state import Rules, World
from tests.model.worlds import WORLDS

BY_NAME = {world.name: world for world in WORLDS}


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_protocol_in_every_order_of_steps_keeps_its_promises(world: World) -> None:
    """I1 to I5 of protocol.md 1, in every state that can be reached."""
    explored = explore(world)
    assert explored.violation is None, explored
    assert explored.states > 50, "the world is too small to prove anything"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_protocol_without_one_rule_breaks_a_promise(mutant: Mutant) -> None:
    """A rule whose absence nobody notices is not needed, or not proved."""
    explored = explore(BY_NAME[mutant.world], replace(Rules(), **{mutant.rule: False}))
    assert explored.violation is not None
    assert explored.path


def test_rules_of_the_model_all_have_a_mutant() -> None:
    """No rule escapes being switched off."""
    assert sorted(m.rule for m in MUTANTS) == sorted(f.name for f in fields(Rules))
