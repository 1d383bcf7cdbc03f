"""A small ledger to act on in tests, with the invariants that must hold after every act."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from credit import ledger
from credit.ledger import Place, Placed

OPEN_CLIENT = """
    INSERT INTO client (id, kind, key_sha256, unknown_users)
    VALUES ($1::text, 'trusted', sha256(convert_to($1, 'UTF8')), 'create')
    ON CONFLICT DO NOTHING"""
FUND = """
    WITH given AS (
        INSERT INTO transfer (debit_account, credit_account, amount, kind, actor, event_at)
        SELECT f.id, $1, $2, 'grant', 'test', now() FROM account AS f WHERE f.kind = 'funding')
    UPDATE account SET posted = posted + $2, version = version + 1 WHERE id = $1"""
POSTED = """
    SELECT a.id,
        a.posted - coalesce((SELECT sum(t.amount) FROM transfer AS t WHERE t.credit_account = a.id), 0)
            + coalesce((SELECT sum(t.amount) FROM transfer AS t WHERE t.debit_account = a.id), 0) AS posted_gap,
        a.held - coalesce((SELECT sum(o.amount) FROM hold_open AS o WHERE o.account_id = a.id), 0) AS held_gap
    FROM account AS a WHERE a.kind NOT IN ('funding', 'provider')"""
HALF_OPEN = """
    SELECT h.id FROM hold AS h
    WHERE (SELECT count(*) FROM hold_open AS o WHERE o.hold_id = h.id)
        + (SELECT count(*) FROM hold_close AS c WHERE c.hold_id = h.id) <> 1"""


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
        account_id = await ledger.find_or_create_account(self.pool, client, name, create=True)
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
