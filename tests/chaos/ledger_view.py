"""What the ledger says about the accounts of a chaos run, read once, after everything is over."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import asyncpg

ACCOUNTS: Final = """
    SELECT id, external_id, posted, held, overdraft, version, status FROM account
    WHERE client_id = $1 AND external_id IS NOT NULL"""
HOLDS: Final = """
    SELECT h.id::text AS id, h.account_id, h.granted, h.want, h.target, h.minimum, h.account_version,
           h.placed_by, h.placed_at, o.hold_id IS NOT NULL AS is_open, o.granted AS open_granted, c.outcome, c.reason,
           c.granted AS closed_granted, c.captured, c.overage, c.closed_at
    FROM hold AS h JOIN account AS a ON a.id = h.account_id
    LEFT JOIN hold_open AS o ON o.hold_id = h.id LEFT JOIN hold_close AS c ON c.hold_id = h.id
    WHERE a.client_id = $1"""
TRANSFERS: Final = """
    SELECT t.id, t.kind, t.amount, t.hold_id::text AS hold_id, t.event_id, t.reverses, t.recorded_at,
           a.id AS account_id
    FROM transfer AS t JOIN account AS a ON a.id IN (t.debit_account, t.credit_account)
    WHERE a.client_id = $1"""
EVENTS: Final = """
    SELECT u.id, u.hold_id::text AS hold_id, u.provider_id, u.cost, u.status, u.recorded_at
    FROM usage_event AS u JOIN account AS a ON a.id = u.account_id WHERE a.client_id = $1"""
DECISIONS: Final = """
    SELECT d.hold_id::text AS hold_id, d.account_id, d.kind, d.reason, d.want, d.target, d.minimum, d.posted,
           d.held, d.own_held, d.own_granted, d.overdraft, d.account_version
    FROM decision AS d JOIN account AS a ON a.id = d.account_id WHERE a.client_id = $1"""
HISTORY: Final = """
    SELECT y.account_id, y.version, y.posted, y.held, y.overdraft, y.status, y.at
    FROM account_history AS y JOIN account AS a ON a.id = y.account_id WHERE a.client_id = $1
    ORDER BY y.account_id, y.version"""
SUMS: Final = """
    SELECT (SELECT count(*) FROM usage_conflict) AS conflicts, (SELECT count(*) FROM usage_quarantine) AS quarantined,
           (SELECT coalesce(sum(posted), 0) FROM account WHERE kind = 'suspense') AS strangers"""
OPEN: Final = """
    SELECT count(*) FROM hold_open AS o JOIN account AS a ON a.id = o.account_id WHERE a.client_id = $1"""
STRANGERS: Final = """
    SELECT u.provider_id AS name FROM usage_event AS u JOIN account AS a ON a.id = u.account_id
    WHERE a.client_id = $1 AND a.kind = 'unattributed'
    UNION SELECT t.hold_id::text FROM transfer AS t JOIN account AS a ON a.id = t.debit_account
    WHERE a.client_id = $1 AND a.kind = 'unattributed' AND t.kind IN ('charge', 'estimate')"""


@dataclass(frozen=True)
class Hold:
    """One hold, with its end where it has one; nano-USD."""

    id: str
    account_id: int
    granted: int
    want: int
    target: int
    minimum: int
    account_version: int
    placed_by: str
    placed_at: datetime
    is_open: bool
    open_granted: int | None
    outcome: str | None
    reason: str | None
    closed_granted: int | None
    captured: int | None
    overage: int | None
    closed_at: datetime | None

    @property
    def final_granted(self) -> int:
        """Extensions included."""
        return self.closed_granted or self.open_granted or self.granted


@dataclass(frozen=True)
class Transfer:
    """One movement of an account."""

    id: int
    kind: str
    amount: int
    hold_id: str | None
    event_id: str | None
    reverses: int | None
    recorded_at: datetime
    account_id: int


@dataclass(frozen=True)
class Event:
    """One usage event."""

    id: str
    hold_id: str
    provider_id: str
    cost: int
    status: str
    recorded_at: datetime


@dataclass(frozen=True)
class Decision:
    """One stored refusal with the figures it was decided on; None: made before any figure was read."""

    hold_id: str
    account_id: int
    kind: str
    reason: str
    want: int | None
    target: int | None
    minimum: int | None
    posted: int | None
    held: int | None
    own_held: int
    own_granted: int
    overdraft: int | None
    account_version: int | None


@dataclass(frozen=True)
class Version:
    """An account's figures at one version."""

    account_id: int
    version: int
    posted: int
    held: int
    overdraft: int
    status: str
    at: datetime

    @property
    def available(self) -> int:
        """What was free to reserve, nano-USD."""
        return self.posted + self.overdraft - self.held


@dataclass(frozen=True)
class Account:
    """An account as it is now."""

    id: int
    external_id: str
    posted: int
    held: int
    overdraft: int
    version: int
    status: str


@dataclass
class AccountView:
    """Everything about one account."""

    account: Account
    holds: list[Hold] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    history: list[Version] = field(default_factory=list)


@dataclass(frozen=True)
class LedgerView:
    """All accounts of the run's client by the name of the person, and a few sums.

    `unattributed`: the provider's ids of answers, and the holds, that modes off and shadow booked to
    the client itself, since the ledger could not say whose they were.
    """

    people: dict[str, AccountView]
    sums: dict[str, int]
    unattributed: frozenset[str]


async def count_open(url: str, client: str) -> int:
    """How many holds are open now."""
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(OPEN, client))
    finally:
        await connection.close()


async def read_ledger(url: str, client: str) -> LedgerView:
    """Read everything in one snapshot."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await _read(connection, client)
    finally:
        await connection.close()


async def _read(connection: "asyncpg.Connection[Any]", client: str) -> LedgerView:
    rows = await connection.fetch(ACCOUNTS, client)
    views = {row["id"]: AccountView(Account(**row)) for row in rows}
    by_hold: dict[str, int] = {}
    for row in await connection.fetch(HOLDS, client):
        by_hold[row["id"]] = row["account_id"]
        if row["account_id"] in views:
            views[row["account_id"]].holds.append(Hold(**row))
    kinds: Sequence[tuple[str, Any, str]] = (
        (TRANSFERS, Transfer, "transfers"),
        (DECISIONS, Decision, "decisions"),
        (HISTORY, Version, "history"),
    )
    for query, kind, name in kinds:
        for row in await connection.fetch(query, client):
            if row["account_id"] in views:
                getattr(views[row["account_id"]], name).append(kind(**row))
    for row in await connection.fetch(EVENTS, client):
        account_id = by_hold.get(row["hold_id"])
        if account_id in views:
            views[account_id].events.append(Event(**row))
    sums = {**(await connection.fetchrow(SUMS) or {}), "unmetered": 0}
    return LedgerView(
        {view.account.external_id: view for view in views.values()},
        {name: int(value) for name, value in sums.items()},
        frozenset(row["name"] for row in await connection.fetch(STRANGERS, client)),
    )


def set_aside(folder: Path) -> int:
    """Whole records that the shipper set aside, since accounting could not read them."""
    lines = [
        line
        for path in folder.rglob("*.rejected")
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
    ]
    # A line without its end is what a crash left of it: its call is settled by the other evidence.
    return sum(line.startswith("{") and line.endswith("}") for line in lines)
