"""Group commit: who arrives together travels together, and nobody's fate is another's."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from authz import batcher as limits
from authz.batcher import Batcher, QueueFullError
from credit.ledger import Place, Placed
from tests.books import a_place
from tests.unit.door import placed

WITHIN_S = 5.0


class Store:
    """Answers batches when the gate is open; `error` is raised once."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.batches: list[list[str]] = []
        self.entered = asyncio.Event()
        self.error: Exception | None = None

    async def place_batch(self, places: Sequence[Place]) -> Mapping[str, Placed]:
        """What the batcher flushes to."""
        self.batches.append([place.hold_id for place in places])
        self.entered.set()
        await self.gate.wait()
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return {place.hold_id: placed(granted=place.want_nanos) for place in places}


async def test_places_that_arrive_together_share_a_batch() -> None:
    """A busy service amortises the flush; answers find their askers."""
    store = Store()
    batcher = Batcher(store.place_batch)
    answers = await asyncio.gather(*(batcher.place(a_place(1, n)) for n in range(50)))
    assert [answer.granted_nanos for answer in answers] == list(range(50))
    assert len(store.batches) == 1


async def test_places_during_a_flush_wait_for_the_next_batch() -> None:
    """No timer: the next batch leaves when the one before has returned, and no sooner."""
    store = Store()
    store.gate.clear()
    batcher = Batcher(store.place_batch)
    first = asyncio.create_task(batcher.place(a_place(1, 1)))
    await store.entered.wait()
    others = [asyncio.create_task(batcher.place(a_place(1, n))) for n in range(10)]
    await asyncio.sleep(0)
    assert len(store.batches) == 1
    store.gate.set()
    await asyncio.gather(first, *others)
    assert [len(batch) for batch in store.batches] == [1, 10]


async def test_batch_above_its_limit_is_split() -> None:
    """A batch is bounded, whatever the crowd."""
    store = Store()
    batcher = Batcher(store.place_batch)
    count = limits.BATCH_LIMIT + 1
    await asyncio.gather(*(batcher.place(a_place(1, 1)) for _ in range(count)))
    assert [len(batch) for batch in store.batches] == [limits.BATCH_LIMIT, 1]


async def test_place_with_an_id_in_flight_shares_its_answer() -> None:
    """Envoy's retry on the same replica: one placement, whether waiting or already flying."""
    store = Store()
    store.gate.clear()
    batcher = Batcher(store.place_batch)
    place = a_place(1, 7)
    asked = [asyncio.create_task(batcher.place(place)) for _ in range(2)]
    await store.entered.wait()
    asked.append(asyncio.create_task(batcher.place(place)))
    await asyncio.sleep(0)
    store.gate.set()
    answers = await asyncio.gather(*asked)
    assert store.batches == [[place.hold_id]]
    assert all(answer is answers[0] for answer in answers)


async def test_caller_that_is_cancelled_cancels_neither_placement_nor_lane() -> None:
    """It may be Envoy's per-try timeout while the other replica has allowed the same hold."""
    store = Store()
    store.gate.clear()
    batcher = Batcher(store.place_batch)
    place = a_place(1, 7)
    leaver = asyncio.create_task(batcher.place(place))
    await store.entered.wait()
    stayer = asyncio.create_task(batcher.place(place))
    await asyncio.sleep(0)
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    store.gate.set()
    assert (await stayer).granted_nanos == 7
    assert (await batcher.place(a_place(1, 8))).granted_nanos == 8


async def test_callers_that_all_left_leave_the_lane_alive() -> None:
    """An answer for nobody, or an error for nobody, is no reason to stop."""
    store = Store()
    batcher = Batcher(store.place_batch)
    for error in (None, ConnectionError()):
        store.gate.clear()
        store.entered.clear()
        store.error = error
        leaver = asyncio.create_task(batcher.place(a_place(1, 1)))
        await store.entered.wait()
        leaver.cancel()
        store.gate.set()
        await batcher.drain()
        assert leaver.cancelled()
    assert (await batcher.place(a_place(1, 9))).granted_nanos == 9


async def test_store_error_reaches_every_waiter_and_only_that_batch() -> None:
    """The outcome is unknown to all of them; the next batch is another story."""
    store = Store()
    store.error = ConnectionError("gone")
    batcher = Batcher(store.place_batch)
    answers = await asyncio.gather(
        *(batcher.place(a_place(1, 1)) for _ in range(5)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [ConnectionError] * 5
    assert (await batcher.place(a_place(1, 9))).granted_nanos == 9


async def test_answer_that_is_missing_is_an_error_of_that_waiter_alone() -> None:
    """The store forgot one id (its account is gone): the others have their answers."""

    async def forgetful(places: Sequence[Place]) -> Mapping[str, Placed]:
        return {place.hold_id: placed() for place in places[1:]}

    batcher = Batcher(forgetful)
    answers = await asyncio.gather(
        *(batcher.place(a_place(1, 1)) for _ in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [KeyError, Placed, Placed]


async def test_place_beyond_the_queue_is_turned_away_at_once() -> None:
    """Every queue is bounded; those inside it are served all the same."""
    store = Store()
    store.gate.clear()
    batcher = Batcher(store.place_batch)
    first = asyncio.create_task(batcher.place(a_place(1, 1)))
    await store.entered.wait()
    waiting = [asyncio.create_task(batcher.place(a_place(1, 1))) for _ in range(limits.QUEUE_LIMIT)]
    await asyncio.sleep(0)
    with pytest.raises(QueueFullError):
        await batcher.place(a_place(1, 1))
    store.gate.set()
    await asyncio.gather(first, *waiting)


async def test_drain_waits_for_what_is_waiting_and_flying() -> None:
    """A process that leaves has answered everybody it let in."""
    store = Store()
    store.gate.clear()
    batcher = Batcher(store.place_batch)
    first = asyncio.create_task(batcher.place(a_place(1, 1)))
    await store.entered.wait()
    second = asyncio.create_task(batcher.place(a_place(1, 2)))
    await asyncio.sleep(0)
    draining = asyncio.create_task(batcher.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    store.gate.set()
    async with asyncio.timeout(WITHIN_S):
        await draining
    assert [len(batch) for batch in store.batches] == [1, 1]
    await asyncio.gather(first, second)


async def test_place_at_the_very_end_of_a_lane_is_not_forgotten() -> None:
    """Between a lane's last step and the news that it ended, a newcomer must start a lane."""
    come_now = asyncio.Event()
    answered: list[str] = []

    async def place_batch(places: Sequence[Place]) -> Mapping[str, Placed]:
        come_now.set()  # wakes the newcomer right after this lane's last step
        answered.extend(place.hold_id for place in places)
        return {place.hold_id: placed() for place in places}

    batcher = Batcher(place_batch)

    async def newcomer() -> Placed:
        await come_now.wait()
        return await batcher.place(a_place(1, 2))

    late = asyncio.create_task(newcomer())
    await asyncio.sleep(0)
    await batcher.place(a_place(1, 1))
    async with asyncio.timeout(WITHIN_S):
        await late
    assert len(answered) == 2
