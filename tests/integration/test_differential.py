"""The ledger's SQL of grants, plans: equal to the reference after every act of two simulated years."""

import itertools
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from credit.plan import PERIODS, period_of
from tests.books import a_record, an_event
from tests.integration.rules_scene import CREATED_OR_LOST, GRANTS_WRONG, Team
from tests.model.burn import Account
from tests.model.burning import ACTS, PLANS, START, Act, Burning, check_account, perform

ANSWERS = itertools.count(1)
ADD_PLAN = """
    INSERT INTO plan (id, period, time_zone, allowance, rollover, rollover_cap, prorate)
    VALUES ($1, $2, $3, $4, $5, $6, $7)"""
# Whatever is asked is held: whether it may be is another test's matter.
WITHOUT_LIMIT = "UPDATE account SET overdraft = 1000000000, version = version + 1 WHERE id = $1"
BURN_ORDER = """
    SELECT id, source, priority, valid_until, amount, remaining FROM credit_grant
    WHERE account_id = $1 AND open ORDER BY priority, valid_until NULLS LAST, id"""
SPARED = """
    SELECT s.hold_id::text, sum(s.amount)::bigint AS amount FROM hold_spared AS s
    JOIN credit_grant AS g ON g.id = s.grant_id WHERE g.account_id = $1 GROUP BY s.hold_id"""
POSTED = "SELECT posted FROM account WHERE id = $1"
DUE = "SELECT due_at FROM account WHERE id = $1"
BOUNDS = "SELECT period_start($1, $2, $3), period_end($1, $2, $3)"
ZONES = (
    "America/Sao_Paulo", "America/New_York", "Pacific/Apia", "Atlantic/Azores", "America/Havana",
    "America/Santiago", "America/St_Johns", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Beirut",
)  # fmt: skip


@dataclass(slots=True)
class Twin:
    """One account on the ledger, and the same one in the reference."""

    team: Team
    id: int
    account: Account = field(default_factory=Account)
    burning: Burning = field(default_factory=Burning)
    holds: dict[str, str] = field(default_factory=dict)
    grants: dict[int, int] = field(default_factory=dict)

    async def step(self, what: str, seed: int, at: datetime) -> None:
        """One act on both, which then are equal."""
        await self.team.set_clock(at)
        await self.team.settle(self.id)
        self.account.settle(at)
        await self.compare()
        act = self.burning.draw(self.account, what, seed, at)
        if act is None or (what == "revoke" and not await self.find_grant(act)):
            return
        perform(self.account, act, at)
        await self.perform(act)
        await self.compare()

    async def find_grant(self, act: Act) -> bool:
        """The ledger's number of a grant to revoke: given by hand, or by its place in the burn order."""
        if act.grant in self.grants:
            return True
        places = [g.number for g in self.account.burn_order()]
        if act.grant not in places:
            return False
        rows = await self.team.pool.fetch(BURN_ORDER, self.id)
        self.grants[act.grant] = rows[places.index(act.grant)]["id"]
        return True

    async def perform(self, act: Act) -> None:
        """Do it to the ledger."""
        team = self.team
        if act.what == "add":
            self.grants[len(self.account.grants) - 1] = await team.give(
                self.id, act.amount, begins=act.begins, until=act.until, priority=act.priority
            )
        elif act.what == "place":
            hold_id, placed = await team.place(self.id, act.amount, act.amount, act.amount)
            assert placed.granted_nanos == act.amount
            self.holds[act.hold_id] = hold_id
        elif act.what == "assign":
            await team.assign(self.id, act.plan, now=act.now)
        elif act.what == "revoke":
            await team.pool.fetch("SELECT revoke_grant($1, 't', 'r')", self.grants[act.grant])
        elif act.what != "settle":
            await self.perform_on_hold(act, self.holds[act.hold_id])

    async def perform_on_hold(self, act: Act, hold_id: str) -> None:
        """Charge or close."""
        if act.what in {"charge", "true_up"}:
            event = an_event(hold_id, act.amount, f"answer-{next(ANSWERS)}")
            await self.team.report([a_record(hold_id, self.id)], [event])
        elif act.what == "close":
            await self.team.close(hold_id, "captured", "complete")
        else:
            await self.team.close(hold_id, "settled", "report_missing", act.amount)

    async def compare(self) -> None:
        """Posted, the grants in burn order and what is spared for each hold are the same."""
        check_account(self.account)
        assert await self.seen() == self.expected()
        # A grant that was used up leaves its day behind: the ledger may look too early, never too late.
        due_at, expected = await self.team.pool.fetchval(DUE, self.id), self.account.due_at()
        assert expected is None or due_at <= expected

    async def seen(self) -> dict[str, Any]:
        """The account on the ledger."""
        pool = self.team.pool
        posted = await pool.fetchval(POSTED, self.id)
        spared = {row["hold_id"]: row["amount"] for row in await pool.fetch(SPARED, self.id)}
        grants = [tuple(row)[1:] for row in await pool.fetch(BURN_ORDER, self.id)]
        return {"posted": posted, "grants": grants, "spared": spared}

    def expected(self) -> dict[str, Any]:
        """The account in the reference."""
        one = self.account
        sums = {self.holds[name]: sum(h.spared.values()) for name, h in one.holds.items()}
        grants = [
            (g.source, g.priority, g.valid_until, g.amount, g.remaining) for g in one.burn_order()
        ]
        return {
            "posted": one.posted,
            "grants": grants,
            "spared": {hold_id: amount for hold_id, amount in sums.items() if amount},
        }


@pytest.mark.parametrize("seed", range(6))
async def test_ledger_and_reference_agree_over_two_years_of_anything(
    pool: asyncpg.Pool, seed: int
) -> None:
    """Posted is the sum of unexpired remainders, burn order holds, no credit is created or lost."""
    rng = random.Random(seed)
    team = Team(pool)
    await team.set_clock(START)
    for name, p in PLANS.items():
        await pool.execute(
            ADD_PLAN, name, p.period, p.time_zone, p.allowance_nanos, p.rollover,
            p.rollover_cap_nanos, p.prorate,
        )  # fmt: skip
    twin = Twin(team, await team.account(0))
    await pool.execute(WITHOUT_LIMIT, twin.id)
    at = START
    while at < START + timedelta(days=730):
        await twin.step(rng.choice(ACTS), rng.randrange(2**32), at)
        at += timedelta(seconds=rng.choice((60, 3_600, 90_000, 1_500_000)))
    assert [tuple(row) for row in await pool.fetch(GRANTS_WRONG)] == []
    assert not await pool.fetchval(CREATED_OR_LOST)


async def test_periods_of_the_ledger_are_those_of_the_reference(pool: asyncpg.Pool) -> None:
    """Around every change of clocks too, where midnight is missing or comes twice."""
    rng = random.Random(1)
    for _ in range(1_500):
        at = datetime.fromtimestamp(rng.randrange(1_400_000_000, 1_900_000_000), UTC)
        zone, period = rng.choice(ZONES), rng.choice(PERIODS)
        expected = period_of(at, period, zone)
        # The edges are where the two could differ.
        for moment in (at, expected.start, expected.end - timedelta(seconds=1), expected.end):
            found = period_of(moment, period, zone)
            [row] = await pool.fetch(BOUNDS, moment, period, zone)
            assert tuple(row) == (found.start, found.end), (zone, period, moment)
