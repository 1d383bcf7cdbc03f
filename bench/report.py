"""The tables of a run, in Markdown: aligned, so that a terminal shows them well."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """One subject: figures by row, a sentence on how they were taken."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def render(self) -> str:
        """As Markdown."""
        cells = [list(self.head), *(list(row) for row in self.rows)]
        widths = [max(len(row[n]) for row in cells) for n in range(len(self.head))]
        lines = [
            "| " + " | ".join(_align(cell, widths[n], n) for n, cell in enumerate(row)) + " |"
            for row in cells
        ]
        rule = (
            "|" + "|".join("-" * (w + 1) + (":" if n else "-") for n, w in enumerate(widths)) + "|"
        )
        text = [f"### {self.title}", "", lines[0], rule, *lines[1:]]
        return "\n".join([*text, "", self.note] if self.note else text)


@dataclass(frozen=True)
class Bar:
    """A figure of DESIGN.md 9 and where this run stands."""

    what: str
    wanted: str
    measured: str
    reached: bool

    @property
    def row(self) -> tuple[str, str, str, str]:
        """As a row of the last table."""
        return self.what, self.wanted, self.measured, "reached" if self.reached else "NOT reached"


def bars_table(bars: Sequence[Bar]) -> Table:
    """The verdicts, for the end of a run."""
    head = ("bar (DESIGN.md 9)", "wanted", "measured", "stands")
    return Table("Where it stands", head, [bar.row for bar in bars])


def _align(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if column else cell.ljust(width)
