"""The fault table of the protocol keeps its word: every row names tests, and each of them exists."""

import ast
import re
from functools import cache
from pathlib import Path

NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
COLUMNS = ["Component", "Fault", "Behaviour", "Bound per account", "Tests"]


def rows(root: Path) -> list[list[str]]:
    """The cells of section 7, header first."""
    text = (root / "docs/design/protocol.md").read_text(encoding="utf-8")
    section = text.partition("\n## 7.")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@cache
def names_in(path: Path) -> frozenset[str]:
    """The names of the tests in a file."""
    found = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in found if isinstance(node, kinds))


def test_each_row_of_the_fault_table_names_a_test_that_exists(root: Path) -> None:
    """A behaviour that nobody tests is a hope; a test that was renamed is no proof."""
    header, _, *faults = rows(root)
    assert header == COLUMNS
    assert len(faults) >= 12
    for cells in faults:
        assert len(cells) == len(COLUMNS), cells[0]
        named = NAMED.findall(cells[-1])
        assert named, f"{cells[0]}: {cells[1]}"
        for file, name in named:
            assert name in names_in(root / file), f"{file}::{name}"
