"""Random traffic on a small ledger: everything that may happen to an account, in any order."""

import random
import uuid

import asyncpg

from credit import ledger
from tests.books import Books, a_place, a_record, an_event

STATUS = """
    UPDATE account SET status = $2, status_at = now(), version = version + 1 WHERE id = $1"""
GRANT = "SELECT grant_credit($1, $2, 'goodwill', 100, NULL, NULL, 'test', NULL, NULL)"


class Traffic:
    """Acts at random, reproducibly; several may act on the same accounts at once."""

    def __init__(self, pool: asyncpg.Pool, accounts: list[int], seed: int) -> None:
        """`accounts` exist; their credit may be anything."""
        self.pool = pool
        self.books = Books(pool)
        self.accounts = accounts
        self.rng = random.Random(seed)
        self.holds: list[tuple[str, int]] = []

    async def run(self, acts: int) -> None:
        """So many acts, one after the other."""
        kinds = (
            self.place, self.place, self.place, self.report, self.report, self.extend, self.close,
            self.close, self.fund, self.status, self.bounded,
        )  # fmt: skip
        for _ in range(acts):
            await self.rng.choice(kinds)()

    async def place(self) -> None:
        """A batch of holds, some beyond what is there, some in shadow."""
        places = [
            a_place(
                self.rng.choice(self.accounts),
                self.rng.choice((0, 10, 300, 5_000)),
                shadow=self.rng.random() < 0.2,
            )
            for _ in range(self.rng.randint(1, 6))
        ]
        await ledger.place_batch(self.pool, places, 2100)
        self.holds += [(place.hold_id, place.account_id) for place in places]

    async def bounded(self) -> None:
        """What a replica granted while Postgres was away, sent twice."""
        account_id, hold_id = self.rng.choice(self.accounts), str(uuid.uuid4())
        sizes = {"granted": 40, "want": 40, "target": 40, "minimum": 40}
        call = {"client_id": "librechat", "route": "chat", "model": "gpt-4o"}
        place = {"id": hold_id, "account_id": account_id, **call, **sizes}
        for _ in range(2):
            await ledger.place_bounded(self.pool, [place], 2100)
        self.holds.append((hold_id, account_id))

    async def report(self) -> None:
        """The cost of some calls: in time, late, of calls that authz never saw, twice."""
        chosen = [self.a_hold() for _ in range(self.rng.randint(1, 4))]
        chosen = list(dict(chosen).items())
        records = [a_record(hold_id, account_id) for hold_id, account_id in chosen]
        events = [
            an_event(hold_id, self.rng.choice((0, 5, 200, 900)), f"answer-{self.rng.randint(0, 2)}")
            for hold_id, _ in chosen
        ]
        for _ in range(self.rng.randint(1, 2)):
            await self.books.report(records, events)
        self.holds += [hold for hold in chosen if hold not in self.holds]

    async def extend(self) -> None:
        """A body that needs more, perhaps more than there is."""
        want = self.rng.choice((50, 600, 20_000))
        await ledger.extend_hold(self.pool, self.a_hold()[0], want, want // 2)

    async def close(self) -> None:
        """The end of a call, with an estimate or without one."""
        estimate = self.rng.choice((0, 0, 70, 700))
        outcome = "settled" if estimate else "captured"
        await self.books.close(self.a_hold()[0], outcome, "test", estimate)

    async def fund(self) -> None:
        """More credit."""
        await self.pool.execute(GRANT, self.rng.choice(self.accounts), self.rng.randint(1, 2_000))

    async def status(self) -> None:
        """Suspended for the moment, or active again."""
        status = self.rng.choice(("active", "active", "suspended"))
        await self.pool.execute(STATUS, self.rng.choice(self.accounts), status)

    def a_hold(self) -> tuple[str, int]:
        """A known call, or one that nobody knows."""
        if not self.holds or self.rng.random() < 0.1:
            return str(uuid.uuid4()), self.rng.choice(self.accounts)
        return self.rng.choice(self.holds[-60:])
