"""Redis as the end-to-end tests meet it: `hurt` (the default), `present` or `absent`.

Chosen by PEDAGIO_TEST_REDIS. Hurt means that a thread kills, wipes and freezes it at random moments
during the whole suite; PEDAGIO_TEST_SEED repeats a run's order of faults.
"""

import asyncio
import os
import random
import threading
from collections import Counter
from types import TracebackType
from typing import Final, Literal, Self, cast, get_args

import redis.asyncio

from local.process import Child

Condition = Literal["hurt", "present", "absent"]
VARIABLE: Final = "PEDAGIO_TEST_REDIS"
SEED_VARIABLE: Final = "PEDAGIO_TEST_SEED"
# Between two faults, and how long Redis stays down or frozen, in seconds.
QUIET_S: Final = (0.3, 3.0)
DOWN_S: Final = (0.0, 1.5)
FLUSH_WITHIN_S: Final = 1.0
END_WITHIN_S: Final = 30.0


def condition() -> Condition:
    """What this run asked for."""
    asked = os.environ.get(VARIABLE, "hurt")
    if asked not in get_args(Condition):
        raise ValueError(f"{VARIABLE}={asked}: one of {', '.join(get_args(Condition))}")
    return cast("Condition", asked)


def seed() -> int:
    """The number that the order of faults follows from."""
    return int(os.environ.get(SEED_VARIABLE, random.SystemRandom().randrange(10**6)))


class Hurter:
    """A thread that hurts one Redis until it is left; `fired` counts the faults by name."""

    def __init__(self, child: Child, url: str, number: int) -> None:
        """`number` is the seed."""
        self.fired: Counter[str] = Counter()
        self._child = child
        self._url = url
        self._draw = random.Random(number)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._hurt()), daemon=True)
        self._failed: BaseException | None = None

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End with a Redis that runs; raises what a fault itself could not do."""
        self._stop.set()
        self._thread.join(END_WITHIN_S)
        if self._failed is not None:
            raise self._failed

    async def _hurt(self) -> None:
        faults = {"kill": self._kill, "freeze": self._freeze, "wipe": self._wipe}
        try:
            while not self._stop.wait(self._draw.uniform(*QUIET_S)):
                name = self._draw.choice(sorted(faults))
                await faults[name]()
                self.fired[name] += 1
        except BaseException as error:  # noqa: BLE001 (raised where the suite can see it)
            self._failed = error

    async def _kill(self) -> None:
        """It keeps everything in memory: who comes back knows nothing."""
        await self._child.kill()
        self._stop.wait(self._draw.uniform(*DOWN_S))
        await self._child.start()

    async def _freeze(self) -> None:
        self._child.freeze()
        self._stop.wait(self._draw.uniform(*DOWN_S))
        self._child.thaw()

    async def _wipe(self) -> None:
        async with redis.asyncio.from_url(self._url, socket_timeout=FLUSH_WITHIN_S) as client:
            await client.flushall()
