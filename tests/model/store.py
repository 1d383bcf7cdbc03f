"""What the proofs ask of a ledger, many accounts at once: the interface, and the real store behind it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import asyncpg

from credit import ledger
from credit.ledger import Place
from tests.books import (
    HALF_OPEN,
    OPEN_CLIENT,
    PLACEMENTS,
    POSTED,
    REFUSALS,
    STALE_HISTORY,
    check_placement,
    check_refusal,
)
from tests.model.reference import Answer

DEADLINE_S = 2100
OPEN = """
    INSERT INTO account (client_id, external_id, kind) SELECT 'librechat', n, 'user' FROM unnest($1::text[]) AS n
    RETURNING id"""
GIVE = """
    SELECT grant_credit(g.account_id, g.nanos, 'goodwill', 100, NULL, NULL, 'test', NULL, NULL)
    FROM unnest($1::bigint[], $2::bigint[]) AS g (account_id, nanos) ORDER BY g.account_id"""
SUSPEND = """
    UPDATE account AS a SET status = s.status, status_at = now(), version = a.version + 1
    FROM unnest($1::bigint[], $2::text[]) AS s (account_id, status)
    WHERE a.id = s.account_id AND a.status <> s.status"""
LEND = """
    UPDATE account AS a SET overdraft = l.nanos, version = a.version + 1
    FROM unnest($1::bigint[], $2::bigint[]) AS l (account_id, nanos)
    WHERE a.id = l.account_id AND a.overdraft <> l.nanos"""
EXTEND = """
    SELECT x.hold_id, e.o_result, e.o_reason, coalesce(e.o_granted, 0) AS o_granted
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS x (hold_id, want, minimum),
    LATERAL extend_hold(x.hold_id, x.want, x.minimum) AS e"""
FIGURES = """
    SELECT a.id, a.posted, a.held,
        (SELECT coalesce(sum(c.overage), 0)::bigint FROM hold AS h JOIN hold_close AS c ON c.hold_id = h.id
         WHERE h.account_id = a.id) AS overage
    FROM account AS a WHERE a.id = ANY($1)"""
STORED = (
    "SELECT account_id, count(*) AS n FROM decision WHERE account_id = ANY($1) GROUP BY account_id"
)


Figures = tuple[int, int, int]  # posted, held, overage


class Extension(NamedTuple):
    """A hold to be raised to a total; nano-USD."""

    hold_id: str
    want: int
    minimum: int


class Store(Protocol):
    """The ledger's verbs, and what may be read back."""

    async def open(self, names: Sequence[str]) -> list[int]:
        """New accounts without credit."""

    async def give(self, gifts: Mapping[int, int]) -> None:
        """Top accounts up."""

    async def lend(self, overdrafts: Mapping[int, int]) -> None:
        """Set overdrafts."""

    async def suspend(self, accounts: Mapping[int, str]) -> None:
        """Set the status of accounts: suspended, frozen, or active again."""

    async def place(self, places: Sequence[Place]) -> dict[str, Answer]:
        """credit.ledger.place_batch."""

    async def place_bounded(self, lines: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """credit.ledger.place_bounded."""

    async def extend(self, asked: Sequence[Extension]) -> dict[str, Answer]:
        """credit.ledger.extend_hold, for each."""

    async def capture(
        self, records: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]
    ) -> dict[tuple[str, str], str]:
        """credit.ledger.capture_batch."""

    async def close(self, closes: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """credit.ledger.close_batch."""

    async def figures(self, accounts: Sequence[int]) -> dict[int, Figures]:
        """Posted, held, and what was recorded as overage."""

    async def check(self, accounts: Sequence[int]) -> dict[int, int]:
        """Raise AssertionError where the books do not add up; refusals on file, all of them recomputed."""


class PostgresStore:
    """The product's own functions, on a real Postgres."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def open(self, names: Sequence[str]) -> list[int]:
        """New accounts without credit."""
        await self._pool.execute(OPEN_CLIENT, "librechat")
        return [int(row["id"]) for row in await self._pool.fetch(OPEN, list(names))]

    async def give(self, gifts: Mapping[int, int]) -> None:
        """Top accounts up."""
        await self._pool.execute(GIVE, list(gifts), list(gifts.values()))

    async def lend(self, overdrafts: Mapping[int, int]) -> None:
        """Each a version of its account."""
        await self._pool.execute(LEND, list(overdrafts), list(overdrafts.values()))

    async def suspend(self, accounts: Mapping[int, str]) -> None:
        """As the administrator does, or the auditor."""
        await self._pool.execute(SUSPEND, list(accounts), list(accounts.values()))

    async def place(self, places: Sequence[Place]) -> dict[str, Answer]:
        """One batch."""
        answers = await ledger.place_batch(self._pool, places, DEADLINE_S)
        return {hold: (a.result, a.reason, a.granted_nanos) for hold, a in answers.items()}

    async def place_bounded(self, lines: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """One batch."""
        return await ledger.place_bounded(self._pool, lines, DEADLINE_S)

    async def extend(self, asked: Sequence[Extension]) -> dict[str, Answer]:
        """One statement for all, which must be of different accounts."""
        rows = await self._pool.fetch(EXTEND, *map(list, zip(*asked, strict=True)))
        return {
            str(row["hold_id"]): (row["o_result"], row["o_reason"], row["o_granted"])
            for row in rows
        }

    async def capture(
        self, records: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]
    ) -> dict[tuple[str, str], str]:
        """One batch."""
        return await ledger.capture_batch(self._pool, records, events, DEADLINE_S)

    async def close(self, closes: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """One batch."""
        return await ledger.close_batch(self._pool, closes)

    async def figures(self, accounts: Sequence[int]) -> dict[int, Figures]:
        """As the ledger has them."""
        rows = await self._pool.fetch(FIGURES, list(accounts))
        return {row["id"]: (row["posted"], row["held"], row["overage"]) for row in rows}

    async def check(self, accounts: Sequence[int]) -> dict[int, int]:
        """The questions of tests/books.py, about these accounts alone."""
        ids = list(accounts)
        for row in await self._pool.fetch(f"{POSTED} AND a.id = ANY($1)", ids):
            assert (row["posted_gap"], row["held_gap"]) == (0, 0), f"account {row['id']}"
        assert not await self._pool.fetch(f"{HALF_OPEN} AND h.account_id = ANY($1)", ids)
        assert not await self._pool.fetch(f"{STALE_HISTORY} AND a.id = ANY($1)", ids)
        for row in await self._pool.fetch(f"{REFUSALS} AND d.account_id = ANY($1)", ids):
            check_refusal(dict(row))
        for row in await self._pool.fetch(f"{PLACEMENTS} AND h.account_id = ANY($1)", ids):
            check_placement(dict(row))
        return {row["account_id"]: row["n"] for row in await self._pool.fetch(STORED, ids)}
