"""The reference pages say what the code does: each setting, refusal and field is on its page."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pedagio_callback.settings import Settings
from pydantic import BaseModel

from accounting.ingest.reports import Cost, End, Start, UsageReport
from accounting.settings import AccountingSettings
from authz.settings import AuthzSettings
from credit.policy import Policy
from credit.refusal import STATUS, Reason
from credit.template import FIELDS
from tests.unit.access_cases import CASES


class Watched(dict[str, str]):
    """An environment in which everything is set; keeps the names that were read."""

    def __init__(self) -> None:
        """Nothing has been read yet."""
        super().__init__()
        self.read: list[str] = []

    def get(self, name: str, default: Any = None) -> Any:
        """A value for each name, but none in a file of its own."""
        if default is None:
            return None
        self.read.append(name)
        return "value"


@pytest.mark.parametrize("settings", [AuthzSettings, AccountingSettings])
def test_each_setting_is_documented(root: Path, settings: type[BaseModel]) -> None:
    """A setting nobody can find does not exist: name, default and meaning are on the page."""
    page = (root / "docs/reference/settings.md").read_text(encoding="utf-8")
    for name, field in settings.model_fields.items():
        rows = [line for line in page.splitlines() if f"`PEDAGIO_{name.upper()}`" in line]
        row = next(line for line in rows if str(field.description) in line)
        assert field.is_required() or field.default in (None, "") or f"`{field.default}`" in row


def test_each_setting_of_the_callback_is_documented(root: Path) -> None:
    """Each variable that it reads has a row in its own section."""
    page = (root / "docs/reference/settings.md").read_text(encoding="utf-8")
    section = page.partition("## The callback")[2].partition("\n## ")[0]
    environment = Watched()
    Settings.from_environment(environment)
    assert len(environment.read) == len(fields(Settings))
    assert [name for name in environment.read if f"| `{name}` |" not in section] == []


@pytest.mark.parametrize("reason", list(Reason))
def test_each_refusal_is_documented_with_its_status(root: Path, reason: Reason) -> None:
    """Support looks refusals up by their code."""
    page = (root / "docs/reference/refusals.md").read_text(encoding="utf-8")
    assert f"| `{reason}` | {STATUS[reason]} |" in page


def test_each_field_of_a_policy_is_documented(root: Path) -> None:
    """Whoever writes a policy finds what it may say on one page, whole."""
    page = (root / "docs/reference/policies.md").read_text(encoding="utf-8")
    parts = {"small_percent", "share_percent"}
    names = {each.name for each in fields(Policy)} - parts
    assert [name for name in names if f"| `{name}` |" not in page] == []
    assert [name for name in parts if f"`{name}`" not in page] == []
    assert [
        name
        for named in FIELDS.values()
        for name in named
        if f"`{name}`" not in page and f"`{{{name}}}`" not in page
    ] == []


@pytest.mark.parametrize("record", [Start, End, Cost, UsageReport])
def test_each_field_of_a_report_is_documented(root: Path, record: type[BaseModel]) -> None:
    """What leaves LiteLLM is on one page, whole."""
    page = (root / "docs/reference/reports.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in record.model_fields if name != "record")


def test_each_field_of_an_access_row_is_documented(root: Path) -> None:
    """What is kept of Envoy's access log is on one page, whole."""
    page = (root / "docs/reference/access-log.md").read_text(encoding="utf-8")
    row = CASES[0].row
    assert row is not None
    assert [name for name in row["body"] if f"| `{name}` |" not in page] == []


def test_each_link_inside_the_documentation_leads_somewhere(root: Path) -> None:
    """A page that moved takes its links along."""
    for page in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        for part in page.read_text(encoding="utf-8").split("](")[1:]:
            target = part.split(")")[0].split("#")[0]
            if target and "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
