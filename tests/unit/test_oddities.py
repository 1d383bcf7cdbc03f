"""The list of exceptions' kinds is what the code writes, and what the page explains."""

import re
from pathlib import Path

from accounting.oddities import KINDS
from accounting.settling.outcome import DOUBTFUL

# Where a kind stands in each file that names one as it is written.
WRITTEN = {
    "ingest/charge.py": r'return \w+, \("(\w+)",\)',
    "ingest/record.py": r'\(\s*"(\w+)",\s*(?:name|hold_id|str\(row\["hold_id"\]\)),',
    "settling/outcome.py": r'^    return "(\w+)" if|^        return "(\w+)" if',
    "settling/settle.py": r'notes\.append\(\("(\w+)",',
    "sql/match.sql": r"INSERT INTO exception[^']*'(\w+)'",
    "sql/person.sql": r"INSERT INTO exception[^']*'(\w+)'",
}
WRITERS = {"ingest/record.py", "settling/settle.py", "sql/match.sql", "sql/person.sql"}


def test_kinds_are_those_that_are_written(root: Path) -> None:
    """A kind that nobody writes is refused; one that is missing could not be asked for."""
    written = set(DOUBTFUL)
    for name, pattern in WRITTEN.items():
        text = (root / "accounting" / name).read_text(encoding="utf-8")
        found = {kind for kinds in re.findall(f"(?m){pattern}", text) for kind in _parts(kinds)}
        assert found, name
        written |= found
    assert written == set(KINDS)


def test_exceptions_are_written_in_known_places_only(root: Path) -> None:
    """A new place belongs into the test above."""
    found = set()
    for path in [*(root / "accounting").rglob("*.py"), *(root / "accounting").rglob("*.sql")]:
        if re.search(r'"note_exception"|INSERT INTO exception', path.read_text(encoding="utf-8")):
            found.add(path.relative_to(root / "accounting").as_posix())
    assert found == WRITERS


def test_each_kind_is_explained(root: Path) -> None:
    """What happened, what was debited, what to do."""
    page = (root / "docs/how-to/look-at-exceptions.md").read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"\n| `{kind}` |" not in page] == []


def _parts(found: str | tuple[str, ...]) -> set[str]:
    return {found} if isinstance(found, str) else set(found) - {""}
