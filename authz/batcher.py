"""Group commit: holds that arrive while a batch is being flushed travel in the next one.

No timers: a batch leaves as soon as the one before has returned, so an idle service
adds nothing and a busy one amortises the flush (protocol.md 4).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import cast

from credit.away import is_wrong
from credit.ledger import Place, Placed

BATCH_LIMIT = 256
QUEUE_LIMIT = 4096

PlaceBatch = Callable[[Sequence[Place]], Awaitable[Mapping[str, Placed]]]


class QueueFullError(RuntimeError):
    """More holds are waiting than the service is willing to keep waiting."""


class Batcher:
    """Places holds many at a time. Outcome unknown (store error) reaches every waiter as the exception."""

    def __init__(self, place_batch: PlaceBatch, *, lanes: int = 1) -> None:
        """`lanes`: batches in flight at once."""
        self._place_batch = place_batch
        self._waiting: dict[str, tuple[Place, asyncio.Future[Placed]]] = {}
        self._flying: dict[str, asyncio.Future[Placed]] = {}
        self._lanes = lanes
        self._tasks: set[asyncio.Task[None]] = set()

    async def place(self, place: Place) -> Placed:
        """Place one hold. A cancelled caller never cancels the placement.

        The cancellation may be Envoy's per-try timeout while the other replica has already
        allowed the same hold (measured): the hold is left to its evidence, never voided.
        """
        future = self._flying.get(place.hold_id)
        if future is None and place.hold_id in self._waiting:
            future = self._waiting[place.hold_id][1]
        if future is None:
            if len(self._waiting) >= QUEUE_LIMIT:
                raise QueueFullError
            future = asyncio.get_running_loop().create_future()
            self._waiting[place.hold_id] = (place, future)
            self._start_lane()
        return await asyncio.shield(future)

    async def drain(self) -> None:
        """Wait until nothing is waiting or in flight."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _start_lane(self) -> None:
        if len(self._tasks) < self._lanes:
            task = asyncio.create_task(self._run_lane())
            self._tasks.add(task)

    async def _run_lane(self) -> None:
        try:
            while self._waiting:
                # One turn of the loop lets Checks that arrived together share a batch.
                await asyncio.sleep(0)
                await self._run_batch()
        finally:
            # Here, not in a done-callback: a hold that arrives in between would find a lane that
            # is about to end, start none, and wait for ever.
            self._tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _run_batch(self) -> None:
        batch = [self._waiting.pop(hold_id) for hold_id in list(self._waiting)[:BATCH_LIMIT]]
        self._flying.update({place.hold_id: future for place, future in batch})
        try:
            await self._flush(batch)
        finally:
            for place, _ in batch:
                self._flying.pop(place.hold_id, None)

    async def _place(self, places: Sequence[Place]) -> Mapping[str, Placed]:
        """One statement for all; a call that the ledger cannot decide is found by halving, and refused alone."""
        try:
            return await self._place_batch(places)
        except Exception as error:
            if len(places) <= 1 or not is_wrong(error):
                raise
        middle = len(places) // 2
        found: dict[str, Placed] = {}
        for half in (places[:middle], places[middle:]):
            try:
                found |= await self._place(half)
            except Exception as error:
                if not is_wrong(error):
                    raise
        return found

    async def _flush(self, batch: Sequence[tuple[Place, asyncio.Future[Placed]]]) -> None:
        try:
            placed = await self._place([place for place, _ in batch])
            answers: Sequence[Placed | BaseException] = [
                placed.get(place.hold_id, KeyError(place.hold_id)) for place, _ in batch
            ]
        except Exception as error:  # noqa: BLE001 (whatever happened, each waiter must hear of it)
            answers = [error] * len(batch)
        for (_, future), answer in zip(batch, answers, strict=True):
            # A result set on a finished future would kill the lane (measured).
            if future.done():
                continue
            if isinstance(answer, BaseException):
                future.set_exception(answer)
                future.exception()  # a caller that left must not turn this into a warning
            else:
                future.set_result(answer)
