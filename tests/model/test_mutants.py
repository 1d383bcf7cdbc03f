"""Each rule of the model switched off in the product itself: a test of the product sees it."""

from pathlib import Path

import asyncpg
import pytest

from tests.model.mutants import MUTANTS, WITH_CODE, Mutant

MODEL_ONLY = {"all_accounts_or_none", "due_is_settled_first", "allowance_is_granted_once"}
MODEL_ONLY |= {
    "cancel_leaves_the_hold",
    "acknowledged_when_recorded",
    "deadline_closes",
    "no_evidence_is_shown",
    "bounded_is_placed_first",
    "bounded_counts_its_grants",
}


def mutated(root: Path, mutant: Mutant) -> dict[str, str]:
    """The changed files of the product, by path; each change must still find its text."""
    texts: dict[str, str] = {}
    for change in mutant.changes:
        text = texts.get(change.path) or (root / change.path).read_text(encoding="utf-8")
        assert text.count(change.old) == 1, f"{change.path} has no longer one {change.old!r}"
        texts[change.path] = text.replace(change.old, change.new)
    return texts


async def mutate(root: Path, pool: asyncpg.Pool, mutant: Mutant) -> None:
    """Switch the rule off in this test's database."""
    if mutant.besides:
        await pool.execute(mutant.besides)
    for text in mutated(root, mutant).values():
        await pool.execute(text)


@pytest.mark.parametrize("mutant", WITH_CODE, ids=lambda mutant: mutant.rule)
async def test_product_without_one_rule_fails_a_test(
    root: Path, pool: asyncpg.Pool, mutant: Mutant
) -> None:
    """An assertion must see it: an error of the database might only mean that the mutant is no SQL."""
    assert mutant.killer is not None
    await mutate(root, pool, mutant)
    with pytest.raises(AssertionError):
        await mutant.killer(pool)


@pytest.mark.parametrize(
    "killer", {mutant.killer for mutant in WITH_CODE}, ids=lambda killer: killer.__name__
)
async def test_product_with_all_its_rules_passes_each_killer(
    pool: asyncpg.Pool, killer: object
) -> None:
    """What kills a mutant must be the mutant."""
    assert callable(killer)
    await killer(pool)


def test_rules_without_code_are_those_of_what_is_not_built() -> None:
    """Pools, caps and what falls due are in the model before they are in SQL."""
    assert {mutant.rule for mutant in MUTANTS if mutant.killer is None} == MODEL_ONLY
