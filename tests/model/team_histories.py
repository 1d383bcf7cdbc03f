"""Random histories of teams on the real ledger: own credit, a pool, caps and plans, while the clock goes on.

Every answer is what the rule in Python says of the figures at that moment; at the end every placement and
every refusal recomputes from what was stored with it, and no nano was created or lost.
"""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg

from accounting.audit.placements import check_placements
from accounting.audit.refusals import check_refusals
from accounting.audit.scope import everything
from tests.integration.rules_scene import NOON, Team, place_sizes, random_sizes, verdict_of

ACTS = 60
MEMBERS = 4
SCALE = 100_000
BOUND_S = 120.0
PLANS = {"daily": ("day", "none"), "weekly": ("week", "all"), "monthly": ("month", "none")}
WEIGHTS = {"place": 50, "end": 30, "later": 10, "give": 5, "limit": 3, "turn": 2}
TURN = "UPDATE account SET pool_first = NOT pool_first, version = version + 1 WHERE id = $1"


@dataclass
class TeamTally:
    """What was done, and every answer that was not the rule's."""

    teams: int = 0
    placements: int = 0
    refusals: int = 0
    by_pool: int = 0
    periods: int = 0
    recomputed: int = 0
    reasons: set[str] = field(default_factory=set)
    differences: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """The last line of a run."""
        return (
            f"{self.teams} teams, {self.placements} placements ({self.by_pool} paid by a pool), "
            f"{self.refusals} refusals, {self.periods} moves of the clock, {self.recomputed} recomputed, "
            f"{len(self.differences)} differences"
        )


@dataclass
class TeamHistory:
    """Four people of one pool, two with caps, all but one on a plan; the same seed gives the same life."""

    team: Team
    rng: random.Random
    tally: TeamTally
    now: datetime
    people: list[int] = field(default_factory=list)
    accounts: list[int] = field(default_factory=list)
    open: dict[str, tuple[int, int]] = field(default_factory=dict)

    async def begin(self, name: str) -> None:
        """Open the accounts."""
        for number in range(MEMBERS):
            own = self.rng.choice([0, SCALE // 10, SCALE])
            self.people.append(await self.team.account(own, f"{name}-{number}"))
        shared = await self.team.open_pool(name, self.rng.randint(1, 3 * SCALE), self.people)
        first, second, third, _ = self.people
        caps = [
            await self.team.set_cap(first, self.rng.randint(1, SCALE), period="day"),
            await self.team.set_cap(second, self.rng.randint(1, SCALE), pool_id=shared),
        ]
        self.accounts = [*self.people, shared, *caps]
        for person in (first, second, third):
            await self.team.assign(person, self.rng.choice(list(PLANS)))
        await self.turn()

    async def next(self) -> None:
        """Whatever happens now."""
        act = self.rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        await getattr(self, act)()

    async def place(self) -> None:
        """Somebody calls; the answer is the rule's."""
        person, sizes = self.rng.choice(self.people), random_sizes(self.rng, SCALE // 2)
        for account in self.accounts:
            await self.team.settle(account)
        expected = await self.team.expected(person, sizes)
        hold_id, placed = await place_sizes(self.team, person, sizes)
        if verdict_of(placed) != expected:
            self.tally.differences.append(f"{person} {sizes}: {placed}, not {expected}")
        if placed.result != "placed":
            self.tally.refusals += 1
            self.tally.reasons.add(str(placed.reason))
            return
        assert placed.payer is not None
        self.open[hold_id] = (placed.payer, placed.granted_nanos or 0)
        self.tally.placements += 1
        self.tally.by_pool += placed.payer not in self.people

    async def end(self) -> None:
        """A call ends: charged, perhaps above its hold, estimated, or released."""
        if not self.open:
            return
        hold_id = self.rng.choice(list(self.open))
        payer, granted = self.open.pop(hold_id)
        how = self.rng.choice(["captured", "captured", "settled", "released"])
        if how == "captured":
            over = self.rng.random() < 1 / 20
            await self.team.charge(hold_id, payer, self.rng.randint(0, granted) + over)
        estimate = self.rng.randint(0, granted) if how == "settled" else 0
        await self.team.close(hold_id, how, "tried", estimate=estimate)

    async def later(self) -> None:
        """Hours or weeks go by: periods turn over, grants end."""
        hours = self.rng.choice([1, 13, 24, 24 * 8, 24 * 32])
        self.now += timedelta(hours=hours)
        self.tally.periods += 1
        await self.team.set_clock(self.now)

    async def give(self) -> None:
        """More credit for somebody or for the pool, sometimes only for some days."""
        until = self.now + timedelta(days=3) if self.rng.random() < 1 / 2 else None
        receiver = self.rng.choice(self.accounts[: MEMBERS + 1])
        await self.team.give(receiver, self.rng.randint(1, SCALE), until=until)

    async def limit(self) -> None:
        """Another cap for the first of them."""
        await self.team.set_cap(self.people[0], self.rng.randint(1, SCALE), period="day")

    async def turn(self) -> None:
        """The pool pays first, or own credit again."""
        await self.team.pool.execute(TURN, self.rng.choice(self.people))


async def run_teams(pool: asyncpg.Pool, count: int, seed: int) -> TeamTally:
    """Live `count` histories one after the other; the clock never goes back."""
    team, tally, now = Team(pool), TeamTally(), NOON
    await team.set_clock(now)
    for name, (period, rollover) in PLANS.items():
        await team.add_plan(name, SCALE // 4, period=period, rollover=rollover)
    for number in range(seed, seed + count):
        history = TeamHistory(team, random.Random(number), tally, now)
        await history.begin(f"team-{number}")
        for _ in range(ACTS):
            await history.next()
        now = history.now
        tally.teams += 1
    await team.check_rules()
    async with pool.acquire() as connection, connection.transaction():
        refused = await check_refusals(connection, everything(), BOUND_S)
        placed = await check_placements(connection, everything(), BOUND_S)
    tally.recomputed = refused.checked + placed.checked
    tally.differences += [str(each) for each in (*refused.violations, *placed.violations)]
    return tally
