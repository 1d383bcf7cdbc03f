"""A small ledger to act on in tests, with the invariants that must hold after every act."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from credit import ledger
from credit.grant import decide
from credit.ledger import Place, Placed

OPEN_CLIENT = """
    INSERT INTO client (id, kind, key_sha256, unknown_users)
    VALUES ($1::text, 'trusted', sha256(convert_to($1, 'UTF8')), 'create')
    ON CONFLICT DO NOTHING"""
OPEN_ACCOUNT = """
    INSERT INTO account (client_id, external_id, kind) VALUES ($1, $2, 'user') ON CONFLICT DO NOTHING"""
FUND = "SELECT grant_credit($1, $2, 'goodwill', 100, NULL, NULL, 'test', NULL, NULL)"
POSTED = """
    SELECT a.id,
        a.posted - coalesce((SELECT sum(t.amount) FROM transfer AS t WHERE t.credit_account = a.id), 0)
            + coalesce((SELECT sum(t.amount) FROM transfer AS t WHERE t.debit_account = a.id), 0) AS posted_gap,
        a.held - coalesce((SELECT sum(o.amount) FROM hold_open AS o WHERE o.account_id = a.id), 0) AS held_gap
    FROM account AS a WHERE a.kind NOT IN ('funding', 'provider', 'breakage', 'cap')"""
HALF_OPEN = """
    SELECT h.id FROM hold AS h
    WHERE (SELECT count(*) FROM hold_open AS o WHERE o.hold_id = h.id)
        + (SELECT count(*) FROM hold_close AS c WHERE c.hold_id = h.id) <> 1"""

# Each stored refusal, with what the ledger itself was at the version that it names (migrations/0004).
REFUSALS = """
    SELECT d.hold_id, d.reason, d.want, d.target, d.minimum, d.posted, d.held, d.overdraft, d.own_held, d.own_granted,
        coalesce(b.posted, 0) AS then_posted, coalesce(b.overdraft, 0) AS then_overdraft,
        coalesce(b.status, 'active') AS then_status,
        coalesce(b.held, 0) + coalesce((SELECT sum(h.granted) FROM hold AS h
            WHERE h.account_id = d.account_id AND h.account_version >= coalesce(b.version, 0)
              AND h.account_version < d.account_version), 0)::bigint AS then_held
    FROM decision AS d
    LEFT JOIN LATERAL (
        SELECT x.version, x.posted, x.held, x.overdraft, x.status FROM account_history AS x
        WHERE x.account_id = d.account_id AND x.version <= d.account_version
        ORDER BY x.version DESC LIMIT 1) AS b ON true
    WHERE d.account_version IS NOT NULL AND d.others IS NULL"""
# Each hold that authz placed, with what the ledger itself was at its version: the history, and the holds since.
PLACEMENTS = """
    SELECT h.id AS hold_id, h.granted, h.want, h.target, h.minimum, coalesce(b.posted, 0) AS then_posted,
        coalesce(b.overdraft, (SELECT x.overdraft FROM account_history AS x WHERE x.account_id = h.account_id
            ORDER BY x.version LIMIT 1), 0) AS then_overdraft, coalesce(b.status, 'active') AS then_status,
        coalesce(b.held, 0) + coalesce((SELECT sum(o.granted) FROM hold AS o
            WHERE o.account_id = h.account_id AND o.account_version >= coalesce(b.version, 0)
              AND o.account_version < h.account_version), 0)::bigint AS then_held
    FROM hold AS h
    LEFT JOIN LATERAL (
        SELECT x.version, x.posted, x.held, x.overdraft, x.status FROM account_history AS x
        WHERE x.account_id = h.account_id AND x.version <= h.account_version
        ORDER BY x.version DESC LIMIT 1) AS b ON true
    WHERE h.placed_by = 'authz' AND h.others IS NULL"""
STALE_HISTORY = """
    SELECT a.id FROM account AS a JOIN LATERAL (
        SELECT x.version, x.posted, x.held, x.overdraft, x.status FROM account_history AS x
        WHERE x.account_id = a.id ORDER BY x.version DESC LIMIT 1) AS b ON true
    WHERE (b.version, b.posted, b.held, b.overdraft, b.status)
        <> (a.version, a.posted, a.held, a.overdraft, a.status)"""


@dataclass(frozen=True, slots=True)
class Figures:
    """An account at a moment, nano-USD."""

    posted: int
    held: int

    @property
    def available(self) -> int:
        """What may still be reserved."""
        return self.posted - self.held


class Books:
    """Accounts with credit, holds, reports; `check` raises when the books do not add up."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Act on the database behind `pool`."""
        self.pool = pool

    async def account(self, nanos: int, name: str = "maria", client: str = "librechat") -> int:
        """Open an account and grant it so much."""
        await self.pool.execute(OPEN_CLIENT, client)
        await self.pool.execute(OPEN_ACCOUNT, client, name)
        account_id = await ledger.find_account(self.pool, client, name)
        assert account_id is not None
        if nanos:
            await self.pool.execute(FUND, account_id, nanos)
        return account_id

    async def place(
        self,
        account_id: int,
        want: int,
        target: int | None = None,
        minimum: int | None = None,
        **more: Any,
    ) -> tuple[str, Placed]:
        """Place one hold; target and minimum default to `want`."""
        place = a_place(account_id, want, target, minimum, **more)
        answers = await ledger.place_batch(self.pool, [place], 2100)
        return place.hold_id, answers[place.hold_id]

    async def report(
        self, records: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]
    ) -> dict[tuple[str, str], str]:
        """Capture a batch."""
        return await ledger.capture_batch(self.pool, records, events, 2100)

    async def close(
        self, hold_id: str, outcome: str = "captured", reason: str = "reported", estimate: int = 0
    ) -> int | None:
        """Close a hold on the evidence that is there now; None when it did not close."""
        seen = await self.pool.fetchval(
            "SELECT count(*) FROM call_record WHERE hold_id = $1", hold_id
        )
        one = {
            "hold_id": hold_id,
            "outcome": outcome,
            "reason": reason,
            "estimate": estimate,
            "records_seen": seen,
        }
        return (await ledger.close_batch(self.pool, [one])).get(hold_id)

    async def figures(self, account_id: int) -> Figures:
        """The account as the ledger has it."""
        row = await self.pool.fetchrow("SELECT posted, held FROM account WHERE id = $1", account_id)
        assert row is not None
        return Figures(row["posted"], row["held"])

    async def check(self) -> None:
        """Posted and held equal what the rows say; every hold is either open or closed."""
        for row in await self.pool.fetch(POSTED):
            assert (row["posted_gap"], row["held_gap"]) == (0, 0), (
                f"account {row['id']} does not add up"
            )
        assert not await self.pool.fetch(HALF_OPEN), "a hold is neither open nor closed, or both"
        assert not await self.pool.fetch(STALE_HISTORY), "an account is not what its history says"
        for row in await self.pool.fetch(REFUSALS):
            check_refusal(dict(row))
        for row in await self.pool.fetch(PLACEMENTS):
            check_placement(dict(row))


def check_placement(row: Mapping[str, Any]) -> None:
    """A row of PLACEMENTS: the account was active, and the rule grants what was granted."""
    assert row["then_status"] == "active", f"the hold {row['hold_id']} of an account that was not"
    free = row["then_posted"] + row["then_overdraft"] - row["then_held"]
    granted = decide(free, row["want"], row["target"], row["minimum"])
    assert granted == row["granted"], (
        f"the hold {row['hold_id']} was granted {row['granted']} of {free}, not {granted}"
    )


def check_refusal(row: Mapping[str, Any]) -> None:
    """A row of REFUSALS: its figures were the ledger's own then, and the rule refuses on them."""
    figures = (row["posted"], row["held"] + row["own_held"], row["overdraft"])
    then = (row["then_posted"], row["then_held"], row["then_overdraft"])
    assert figures == then, f"the refusal {row['hold_id']} was decided on {figures}, not {then}"
    if row["reason"] == "account_suspended":
        assert row["then_status"] != "active"
        return
    limits = (row["want"], row["target"], row["minimum"])
    owned = row["posted"] + row["overdraft"]
    assert decide(owned - row["held"] - row["own_held"] + row["own_granted"], *limits) is None
    if row["own_granted"] == 0:
        in_flight = row["held"] > 0 and decide(owned, *limits) is not None
        assert (row["reason"] == "credit_in_flight") == in_flight


def a_place(
    account_id: int,
    want: int,
    target: int | None = None,
    minimum: int | None = None,
    *,
    hold_id: str | None = None,
    shadow: bool = False,
) -> Place:
    """A hold to ask for."""
    target = want if target is None else target
    minimum = target if minimum is None else minimum
    return Place(
        hold_id or str(uuid.uuid4()),
        account_id,
        "librechat",
        "chat",
        "gpt-4o",
        want,
        target,
        minimum,
        shadow,
    )


def a_record(hold_id: str, account_id: int, kind: str = "cost", **body: Any) -> dict[str, Any]:
    """A report row as accounting hands it to the ledger."""
    return {
        "id": uuid.uuid4().hex,
        "hold_id": hold_id,
        "account_id": account_id,
        "client_id": "librechat",
        "route": "chat",
        "model": "gpt-4o",
        "kind": kind,
        "body": body,
        "at_ms": 1_795_000_000_000,
    }


def an_event(
    hold_id: str, cost: int, provider_id: str = "chatcmpl-1", **more: Any
) -> dict[str, Any]:
    """A usage event that costs so many nano-USD."""
    return {
        "id": f"{hold_id}:success:{provider_id}",
        "hold_id": hold_id,
        "record_id": uuid.uuid4().hex,
        "source": "callback",
        "status": "success",
        "provider_id": provider_id,
        "model_group": "gpt-4o",
        "model": "gpt-4o",
        "model_id": "m1",
        "usage": {"prompt_tokens": 10},
        "service_tier": None,
        "cost": cost,
        "litellm_cost": cost,
        "book_cost": cost,
        "price_version": None,
        "flags": [],
        "event_at_ms": 1_795_000_000_000,
        **more,
    }
