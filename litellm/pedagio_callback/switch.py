"""The callback's own off switch: a file that is looked at once a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

LOOK_EVERY_S = 1.0


class Switch:
    """Says whether the hooks stand aside. Any content but `off`, or no file, means they work."""

    def __init__(self, file: Path | None, clock: Callable[[], float]) -> None:
        self._file = file
        self._clock = clock
        self._looked_s = float("-inf")
        self._off = False

    def is_off(self) -> bool:
        """True while the file says `off`; a second old at most."""
        if self._file is None:
            return False
        now_s = self._clock()
        if now_s - self._looked_s >= LOOK_EVERY_S:
            self._looked_s = now_s
            self._off = self._read(self._file)
        return self._off

    @staticmethod
    def _read(file: Path) -> bool:
        try:
            return file.read_text(encoding="utf-8").strip() == "off"
        except (OSError, UnicodeDecodeError):
            return False
