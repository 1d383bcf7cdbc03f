"""Spends what a round left on its accounts, with ever smaller calls, until even the smallest is refused."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from tests.chaos.traffic import LAST_SHAPES, Attempt, Door

BOUND_S: Final = 240.0
PAUSE_S: Final = 0.25
IN_FLIGHT_PAUSE_S: Final = 0.5
TOO_MUCH: Final = frozenset({"insufficient_credit", "request_too_large_for_balance"})


async def finish(
    door: Door, person: str, number: int, unusual: Callable[[], bool], gate: asyncio.Semaphore
) -> bool:
    """Whether the account was spent to its end within the bound.

    While `unusual()` another mode than enforce rules: then nobody would be refused, so it waits.
    """
    deadline, place = time.monotonic() + BOUND_S, 0
    while time.monotonic() < deadline:
        if unusual():
            await asyncio.sleep(PAUSE_S)
            continue
        async with gate:
            attempt = await door.call(person, LAST_SHAPES[place], number=number, kind="finish")
        if attempt.answered:
            continue
        if attempt.status == 402 and attempt.reason in TOO_MUCH:
            if place + 1 == len(LAST_SHAPES):
                return True
            place += 1
            continue
        await asyncio.sleep(_pause_s(attempt))
    return False


def _pause_s(attempt: Attempt) -> float:
    """A hold in flight needs its evidence or its deadline; anything else is a fault being healed."""
    return IN_FLIGHT_PAUSE_S if attempt.status == 402 else PAUSE_S
