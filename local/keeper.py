"""Starts again, after a while, what ended by itself: so that one can hurt a part and watch.

It gives up when the same part keeps ending: something is broken then, and its log says what.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from local.process import ChildError

WATCH_S: Final = 0.5
# Long enough to see what people see while the part is away.
PAUSE_S: Final = 15.0
ENDS_LIMIT: Final = 5
ENDS_WITHIN_S: Final = 120.0


class Part(Protocol):
    """A process of the system (`local.process.Child`)."""

    name: str

    def complaint(self) -> str:
        """How it ended, with the end of its log."""

    async def restart(self) -> None:
        """Run it again; ChildError when it does not become healthy."""


class Keeper:
    """Watches the parts of one system; `say` shows a line, the clock is in seconds."""

    def __init__(
        self,
        dead: Callable[[], Sequence[Part]],
        say: Callable[[str, str], None],
        *,
        pause_s: float = PAUSE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`dead` returns what has ended by itself."""
        self._dead = dead
        self._say = say
        self._pause_s = pause_s
        self._clock = clock
        self._ends: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=ENDS_LIMIT))

    async def run(self) -> None:
        """Until a part ends too often; then everything that is to be said has been said."""
        while await self.round():  # noqa: ASYNC110 - other processes end, not tasks
            await asyncio.sleep(WATCH_S)

    async def round(self) -> bool:
        """Start again what is dead now; False when one of them ends too often."""
        return all(await asyncio.gather(*(self._again(part) for part in self._dead())))

    async def _again(self, part: Part) -> bool:
        complaint = part.complaint()
        while not self._too_often(part.name):
            self._say(complaint, "red")
            self._say(f"{part.name} is started again in {self._pause_s:g} s", "yellow")
            await asyncio.sleep(self._pause_s)
            try:
                await part.restart()
            except ChildError as error:
                complaint = str(error)
            else:
                self._say(f"{part.name} runs again", "green")
                return True
        self._say(complaint, "red")
        self._say(f"{part.name} ended {ENDS_LIMIT} times: everything is stopped", "red")
        return False

    def _too_often(self, name: str) -> bool:
        ends = self._ends[name]
        ends.append(self._clock())
        return len(ends) == ENDS_LIMIT and ends[-1] - ends[0] <= ENDS_WITHIN_S
