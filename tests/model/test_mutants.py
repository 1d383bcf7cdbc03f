"""Each rule of the model switched off in the product itself: a test of the product sees it."""

from pathlib import Path

import asyncpg
import pytest

from tests.model.histories import run
from tests.model.mutants import MUTANTS, Mutant, mutated
from tests.model.python_mutants import PYTHON_MUTANTS, PythonMutant
from tests.model.store import PostgresStore

FEW = 50


async def mutate(root: Path, pool: asyncpg.Pool, mutant: Mutant) -> None:
    """Switch the rule off in this test's database."""
    if mutant.besides:
        await pool.execute(mutant.besides)
    for text in mutated(root, mutant.changes).values():
        await pool.execute(text)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
async def test_product_without_one_rule_fails_a_test(
    root: Path, pool: asyncpg.Pool, mutant: Mutant
) -> None:
    """By an assertion: an error of the database might only mean that the mutant is no SQL."""
    await mutate(root, pool, mutant)
    with pytest.raises(AssertionError):
        await mutant.killer(pool)
    if mutant.in_histories:
        assert await differ(pool), "random histories do not notice the missing rule"


async def differ(pool: asyncpg.Pool) -> bool:
    """Whether a few random histories end otherwise than their references: their zeros prove something."""
    try:
        return bool((await run(PostgresStore(pool), FEW, seed=1)).differences)
    except AssertionError:
        return True  # the books did not add up


@pytest.mark.parametrize(
    "killer", {mutant.killer for mutant in MUTANTS}, ids=lambda killer: killer.__name__
)
async def test_product_with_all_its_rules_passes_each_killer(
    pool: asyncpg.Pool, killer: object
) -> None:
    """What kills a mutant must be the mutant."""
    assert callable(killer)
    await killer(pool)


@pytest.mark.parametrize("mutant", PYTHON_MUTANTS, ids=lambda mutant: mutant.rule)
async def test_module_without_one_rule_fails_a_scene(root: Path, mutant: PythonMutant) -> None:
    """The scene passes with the product's module, and dies with the changed one."""
    await mutant.killer(mutant.real())
    with pytest.raises(AssertionError):
        await mutant.killer(mutant.mutant(root))
