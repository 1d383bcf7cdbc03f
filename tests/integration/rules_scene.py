"""A team on a real ledger: people, a pool, caps, plans, and a clock that the test moves."""

import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from credit import ledger
from credit.grant import Payer, Sizes, Standing, Verdict, decide_over
from credit.ledger import Placed
from tests.books import Books, a_place, a_record, an_event

ZONE = "America/Sao_Paulo"
NOON = datetime(2026, 11, 10, 12, tzinfo=ZoneInfo(ZONE))
EVE = datetime(2026, 11, 30, 23, 59, 58, tzinfo=ZoneInfo(ZONE))
DECEMBER = datetime(2026, 12, 1, 0, 0, 1, tzinfo=ZoneInfo(ZONE))
OPEN_POOL = "INSERT INTO account (kind, name) VALUES ('pool', $1) RETURNING id"
JOIN = "INSERT INTO pool_member (account_id, pool_id, position) VALUES ($1, $2, $3)"
PLAN = """
    INSERT INTO plan (id, period, time_zone, allowance, rollover, rollover_cap, prorate)
    VALUES ($1, $2, $3, $4, $5, $6, $7)"""
CLOCK = "CREATE OR REPLACE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT {}::timestamptz'"
FIGURES = """
    SELECT a.id, a.kind, a.posted, a.held, a.overdraft, a.status, a.pool_first, c.owner_id, c.pool_id AS cap_pool
    FROM account AS a LEFT JOIN cap AS c ON c.account_id = a.id"""
POOLS = "SELECT account_id, pool_id FROM pool_member ORDER BY position, pool_id"
# Whatever happened: what remains of grants and caps is what their entries say, and posted is made of it.
GRANTS_WRONG = """
    SELECT 'remaining' AS what, g.id FROM credit_grant AS g LEFT JOIN grant_entry AS e ON e.grant_id = g.id
    GROUP BY g.id HAVING g.remaining <> coalesce(sum(e.amount), 0)
    UNION ALL
    SELECT 'posted', a.id FROM account AS a LEFT JOIN credit_grant AS g ON g.account_id = a.id AND g.remaining > 0
    WHERE a.kind IN ('user', 'pool') GROUP BY a.id
    HAVING a.posted > coalesce(sum(g.remaining), 0)
        OR a.posted < coalesce(sum(g.remaining), 0) AND count(*) FILTER (WHERE g.open) > 0
    UNION ALL
    SELECT 'spared', g.id FROM credit_grant AS g LEFT JOIN hold_spared AS s ON s.grant_id = g.id
    WHERE g.state IN ('expired', 'revoked') GROUP BY g.id HAVING g.remaining <> coalesce(sum(s.amount), 0)
    UNION ALL
    SELECT 'spared for a closed hold', s.grant_id FROM hold_spared AS s
    WHERE NOT EXISTS (SELECT FROM hold_open AS o WHERE o.hold_id = s.hold_id)
    UNION ALL
    SELECT 'cap', c.account_id FROM cap AS c JOIN account AS a ON a.id = c.account_id
    LEFT JOIN cap_use AS u ON u.cap_id = c.account_id AND u.period_at = c.period_at
    GROUP BY c.account_id, a.posted HAVING a.posted <> c.limit_nanos - coalesce(sum(u.amount), 0)
    UNION ALL
    SELECT 'held under a cap', a.id FROM account AS a
    LEFT JOIN hold AS h ON a.id = ANY (h.caps) LEFT JOIN hold_open AS o ON o.hold_id = h.id
    WHERE a.kind = 'cap' GROUP BY a.id HAVING a.held <> coalesce(sum(o.amount), 0)"""
# Every nano that was ever granted is there still, was spent, expired, or was taken back.
CREATED_OR_LOST = """
    SELECT sum(CASE WHEN t.kind = 'grant' THEN t.amount WHEN t.kind IN ('expiry', 'revocation') THEN -t.amount
                    WHEN t.kind IN ('charge', 'estimate') THEN -t.amount WHEN t.kind = 'reversal' THEN t.amount END)
           - (SELECT sum(a.posted) FROM account AS a WHERE a.kind IN ('user', 'pool')) AS gap
    FROM transfer AS t"""


class Team(Books):
    """Books with pools, caps and plans."""

    async def set_clock(self, at: datetime) -> None:
        """The ledger's clock stands at this moment from now on."""
        await self.pool.execute(CLOCK.format(f"''{at.isoformat()}''"))

    async def open_pool(self, name: str, nanos: int, members: Sequence[int] = ()) -> int:
        """A pool with credit, the first choice of nobody yet."""
        pool_id = int(await self.pool.fetchval(OPEN_POOL, name))
        if nanos:
            await self.give(pool_id, nanos)
        for member in members:
            await self.pool.execute(JOIN, member, pool_id, 1)
        return pool_id

    async def charge(self, hold_id: str, payer: int, cost: int) -> None:
        """The call's cost is reported."""
        await self.report([a_record(hold_id, payer)], [an_event(hold_id, cost)])

    async def give(
        self,
        account_id: int,
        nanos: int,
        *,
        begins: datetime | None = None,
        until: datetime | None = None,
        priority: int = 100,
    ) -> int:
        """A grant; its id."""
        return int(
            await self.pool.fetchval(
                "SELECT o_grant_id FROM grant_credit($1, $2, 'goodwill', $3, $4, $5, 'test', NULL, NULL)",
                account_id, nanos, priority, begins, until,
            )
        )  # fmt: skip

    async def set_cap(
        self, owner: int | None, limit: int, *, period: str = "month", pool_id: int | None = None
    ) -> int:
        """A cap; its account."""
        return int(
            await self.pool.fetchval(
                "SELECT set_cap($1, $2, $3, $4, $5)", owner, pool_id, period, ZONE, limit
            )
        )

    async def add_plan(
        self,
        name: str,
        allowance: int,
        *,
        period: str = "month",
        rollover: str = "none",
        rollover_cap: int | None = None,
        prorate: bool = False,
    ) -> None:
        """A plan in the team's zone."""
        await self.pool.execute(
            PLAN, name, period, ZONE, allowance, rollover, rollover_cap, prorate
        )

    async def assign(self, account_id: int, plan: str | None, *, now: bool = True) -> None:
        """Put an account on a plan."""
        await self.pool.execute("SELECT assign_plan($1, $2, $3)", account_id, plan, now)

    async def settle(self, account_id: int) -> None:
        """Look at an account."""
        await ledger.settle_due(self.pool, account_id)

    async def remaining(self, account_id: int) -> list[tuple[str, str, int]]:
        """Source, state and rest of the account's grants, oldest first."""
        rows = await self.pool.fetch(
            "SELECT source, state, remaining FROM credit_grant WHERE account_id = $1 ORDER BY id",
            account_id,
        )
        return [(row["source"], row["state"], row["remaining"]) for row in rows]

    async def expected(self, person: int, sizes: Sizes) -> Verdict:
        """What the Python rule says to a call of this person now."""
        rows = {row["id"]: row for row in await self.pool.fetch(FIGURES)}
        pools = [
            row["pool_id"] for row in await self.pool.fetch(POOLS) if row["account_id"] == person
        ]
        own = Payer(_standing(rows[person]), _caps(rows, person, None))
        shared = [Payer(_standing(rows[p]), _caps(rows, person, p), is_pool=True) for p in pools]
        first = rows[person]["pool_first"]
        return decide_over([*shared, own] if first else [own, *shared], sizes)

    async def check_rules(self) -> None:
        """Everything above holds, and the sums of the books too."""
        await self.check()
        assert [tuple(row) for row in await self.pool.fetch(GRANTS_WRONG)] == []
        assert not await self.pool.fetchval(CREATED_OR_LOST)


def verdict_of(placed: Placed) -> Verdict:
    """The ledger's answer in the words of the rule."""
    if placed.result == "placed":
        return Verdict(placed.payer, placed.granted_nanos)
    return Verdict(None, None, placed.reason)


def random_sizes(rng: random.Random, most: int) -> Sizes:
    """A call of any size."""
    minimum, target, want = sorted(rng.randint(0, most) for _ in range(3))
    return Sizes(want, target, minimum)


async def place_sizes(team: Team, person: int, sizes: Sizes) -> tuple[str, Placed]:
    """Ask for a hold of these sizes."""
    asked = a_place(person, sizes.want_nanos, sizes.target_nanos, sizes.minimum_nanos)
    answers = await ledger.place_batch(team.pool, [asked], 2100)
    return asked.hold_id, answers[asked.hold_id]


def _standing(row: Any) -> Standing:
    return Standing(
        row["id"], row["posted"], row["held"], row["overdraft"], row["status"] == "active"
    )


def _caps(rows: dict[int, Any], person: int, payer: int | None) -> list[Standing]:
    return [
        _standing(row)
        for row in rows.values()
        if row["kind"] == "cap"
        and row["owner_id"] in {person, None}
        and row["cap_pool"] in {None, payer}
    ]
