"""Failover to a synchronous standby: two real servers, the same code, one address that names both."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest

from credit import ledger
from credit.away import is_away
from credit.pool import RELEASE_TIMEOUT_S, connect, find_writer
from tests.books import Books, a_place, a_record, an_event
from tests.integration.doors import Replica, claims_of, new_id, open_for_business, until
from tests.integration.pair import Pair, signal_all

CREDIT = 10**12
COST = 1_000
DEADLINE_S = 2100
WORKERS = 8
# From the promotion to the first hold that is placed on the new primary.
RECOVERY_BOUND_S = 5.0
# A hold is unknown after one second (setting place_timeout_s), whatever happens to the server.
UNKNOWN_AFTER_S = 1.0


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    """Two servers, in mode enforce."""
    async with Pair(tmp_path) as running:
        yield running


@pytest.fixture
async def books(pair: Pair) -> AsyncIterator[Books]:
    """Maria's account, over the product's own pool."""
    async with await connect(pair.url, max_size=WORKERS) as pool:
        await open_for_business(pool)
        opened = Books(pool)
        await opened.account(CREDIT)
        yield opened


@dataclass
class Traffic:
    """Calls in a loop: authz places the hold, the pool of accounting books its debit."""

    authz: Replica
    books: Books
    account: int
    granted: dict[str, int] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    debited: list[str] = field(default_factory=list)
    undebited: list[str] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Until `ended`, `WORKERS` at a time."""
        await asyncio.gather(*(self._work() for _ in range(WORKERS)))

    async def _work(self) -> None:
        while not self.ended.is_set():
            hold_id = new_id()
            if await self.place(hold_id):
                await self.debit(hold_id)
            else:
                await asyncio.sleep(0.02)

    async def place(self, hold_id: str) -> bool:
        """Whether the hold was acknowledged."""
        try:
            answer = await self.authz.ask(hold_id)
        except grpc.aio.AioRpcError:
            answer = None
        if answer is None or answer.status.code:
            self.unknown.append(hold_id)
            return False
        granted = claims_of(answer).granted
        assert self.granted.setdefault(hold_id, granted) == granted, "a replay granted otherwise"
        return True

    async def debit(self, hold_id: str) -> None:
        """Book the one event of a hold, and close it."""
        record, event = (
            a_record(hold_id, self.account),
            an_event(hold_id, COST, f"chatcmpl-{hold_id}"),
        )
        try:
            done = await ledger.capture_batch(self.books.pool, [record], [event], DEADLINE_S)
        except Exception as error:
            if not is_away(error):
                raise
            self.undebited.append(hold_id)
            return
        assert done["event", event["id"]] in {"recorded", "duplicate"}, done
        self.debited.append(hold_id)

    async def more(self, count: int) -> None:
        """Wait until so many further debits are acknowledged."""
        target = len(self.debited) + count

        async def enough() -> bool:
            return len(self.debited) >= target

        await until(enough)


async def test_failover_in_mid_traffic_loses_nothing_that_was_acknowledged(
    pair: Pair, books: Books, tmp_path: Path
) -> None:
    """The primary's machine dies: every granted hold and booked debit is on the standby, to the nano.

    What was unknown is asked again with the same id, as Envoy and the callback do: one answer, one debit.
    """
    account = await books.pool.fetchval("SELECT id FROM account WHERE external_id = 'maria'")
    async with Replica(tmp_path, pair.url) as authz:
        traffic = Traffic(authz, books, account)
        running = asyncio.create_task(traffic.run())
        await traffic.more(100)
        await pair.lose_primary()
        promoted_s = time.monotonic()
        await traffic.more(1)
        assert time.monotonic() - promoted_s < RECOVERY_BOUND_S
        await traffic.more(100)
        traffic.ended.set()
        await running
        assert traffic.unknown, "a failover that nobody noticed proves nothing"
        await _ask_again(traffic)
    await _everything_is_there(traffic)
    assert await find_writer(pair.url) == pair.standby.url + "?target_session_attrs=read-write"


async def _ask_again(traffic: Traffic) -> None:
    """Each unknown outcome is settled by asking with the same id, as often as anybody likes."""
    for hold_id in list(traffic.unknown):
        assert await traffic.place(hold_id)
        assert await traffic.place(hold_id)
        await traffic.debit(hold_id)
    for hold_id in list(traffic.undebited):
        await traffic.debit(hold_id)


async def _everything_is_there(traffic: Traffic) -> None:
    """The books of the new primary say what was acknowledged, each debit once."""
    rows = await traffic.books.pool.fetch("SELECT id::text, granted FROM hold")
    stored = {row["id"]: row["granted"] for row in rows}
    assert {hold_id: stored.get(hold_id) for hold_id in traffic.granted} == traffic.granted
    events = await traffic.books.pool.fetch("SELECT hold_id::text FROM usage_event")
    assert sorted(row["hold_id"] for row in events) == sorted(set(traffic.debited))
    await traffic.books.check()
    posted = (await traffic.books.figures(traffic.account)).posted
    assert posted == CREDIT - COST * len(set(traffic.debited))


async def _unknown(work: Any) -> bool:
    """Whether the work was not acknowledged within the bound, nor its wait drawn out."""
    began_s = time.monotonic()
    try:
        await asyncio.wait_for(work, UNKNOWN_AFTER_S)
    except Exception as error:
        if not is_away(error):
            raise
        assert time.monotonic() - began_s < 2 * UNKNOWN_AFTER_S
        return True
    return False


async def test_commit_that_the_standby_has_not_is_neither_acknowledged_nor_shown(
    pair: Pair, books: Books
) -> None:
    """While the standby is silent no hold and no debit is answered, also not as "done already".

    A driver that cancels what takes too long would end the wait for the standby: the same hold asked
    again would be a `replay`, the same report a `duplicate`, and a failover would lose both.
    """
    account = await books.pool.fetchval("SELECT id FROM account WHERE external_id = 'maria'")
    closed, _ = await books.place(account, 500)
    place = a_place(account, 700)
    record, event = a_record(closed, account), an_event(closed, COST)

    async def both() -> list[bool]:
        placing = ledger.place_batch(books.pool, [place], DEADLINE_S)
        debiting = ledger.capture_batch(books.pool, [record], [event], DEADLINE_S)
        return [await _unknown(placing), await _unknown(debiting)]

    signal_all(pair.standby_child, signal.SIGSTOP)
    try:
        assert [await both(), await both()] == [[True, True]] * 2
        assert await books.pool.fetchval("SELECT count(*) FROM hold") == 1
        assert await books.pool.fetchval("SELECT count(*) FROM usage_event") == 0
    finally:
        signal_all(pair.standby_child, signal.SIGCONT)

    async def served() -> bool:
        return not await _unknown(ledger.place_batch(books.pool, [place], DEADLINE_S))

    await until(served)
    placed = await ledger.place_batch(books.pool, [place], DEADLINE_S)
    assert placed[place.hold_id].granted_nanos == 700
    await ledger.capture_batch(books.pool, [record], [event], DEADLINE_S)
    figures = await books.figures(account)
    assert figures.posted == CREDIT - COST
    await books.check()


async def test_primary_that_falls_silent_is_left_within_the_bound(
    pair: Pair, books: Books, tmp_path: Path
) -> None:
    """A machine that answers nothing, not even a reset, costs one bounded wait; then the other serves.

    It costs that once, not once for each connection that stood idle in the pool. When it comes back,
    still believing itself the primary, it can acknowledge nothing.
    """
    account = await books.pool.fetchval("SELECT id FROM account WHERE external_id = 'maria'")
    await asyncio.gather(*(books.place(account, 100) for _ in range(WORKERS)))
    assert books.pool.get_idle_size() > 2
    async with Replica(tmp_path, pair.url) as authz:
        claims_of(await authz.ask(new_id()))
        signal_all(pair.primary_child, signal.SIGSTOP)
        try:
            began_s = time.monotonic()
            assert (await authz.ask(new_id())).denied_response.status.code == 503
            assert time.monotonic() - began_s < 2 * UNKNOWN_AFTER_S
            await pair.standby.promote()
            promoted_s = time.monotonic()

            async def served() -> bool:
                return (await authz.ask(new_id())).status.code == 0

            await until(served, RECOVERY_BOUND_S)
            assert time.monotonic() - promoted_s < RECOVERY_BOUND_S
            tries = [await _unknown(books.place(account, 100)) for _ in range(WORKERS)]
            assert tries == [True] + [False] * (WORKERS - 1)
        finally:
            signal_all(pair.primary_child, signal.SIGCONT)
        async with await connect(pair.primary.url) as stale:
            assert await _unknown(ledger.place_batch(stale, [a_place(account, 100)], DEADLINE_S))


async def test_several_workers_behind_one_address_reach_the_new_primary(
    pair: Pair, books: Books
) -> None:
    """Connections that stood idle in the pool are replaced, each within one try."""
    account = await books.pool.fetchval("SELECT id FROM account WHERE external_id = 'maria'")
    await asyncio.gather(*(books.place(account, 100) for _ in range(WORKERS)))
    await pair.lose_primary()
    placed = [not await _unknown(books.place(account, 100)) for _ in range(2 * WORKERS)]
    assert placed.count(True) >= WORKERS
    assert placed[-1]
    await books.check()


async def test_pool_of_a_silent_server_closes_within_its_bound(pair: Pair) -> None:
    """A process that ends while Postgres answers nothing does end; nobody has to kill it."""
    pool = await connect(pair.primary.url, min_size=4)
    signal_all(pair.primary_child, signal.SIGSTOP)
    try:
        began_s = time.monotonic()
        await pool.close()
        assert time.monotonic() - began_s < 2 * RELEASE_TIMEOUT_S
    finally:
        signal_all(pair.primary_child, signal.SIGCONT)
