"""Follows the code blocks of a Markdown text that comes in pieces."""

from __future__ import annotations

from dataclasses import dataclass

FENCES = ("```", "~~~")
# Of a line its beginning says whether it is a fence.
_FENCE_LOOK = 200


@dataclass
class Fence:
    """Whether a text so far ends inside a code block, whose end a line must not fall into."""

    open: str = ""
    _line: str = ""

    def feed(self, text: str) -> None:
        """The next piece; of a line its beginning is enough."""
        first, *more = text.split("\n")
        self._line = (self._line + first)[:_FENCE_LOOK]
        for line in more:
            self._take()
            self._line = line[:_FENCE_LOOK]

    def closing(self) -> str:
        """What ends the block that is open; empty: none is."""
        self._take()
        return f"\n{self.open}" if self.open else ""

    def _take(self) -> None:
        line, self._line = self._line.strip(), ""
        if self.open:
            if line.startswith(self.open) and not line.strip(self.open[0]):
                self.open = ""
        elif line.startswith(FENCES):
            self.open = line[: len(line) - len(line.lstrip(line[0]))]
