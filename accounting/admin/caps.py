"""Caps: what a person, or everybody together, may spend in a period."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from accounting.admin import accounts, fields, holder, plans, statements
from accounting.admin.errors import InvalidFieldError, NotFoundError


@dataclass(frozen=True, slots=True)
class Cap:
    """Amounts in nano-USD. No account: the whole organisation; a pool: what is drawn out of it."""

    account: accounts.Name | None
    pool: str
    period: str
    time_zone: str
    limit_nanos: int
    left_nanos: int = 0
    held_nanos: int = 0
    renews_at: datetime | None = None
    id: int = 0
    own: bool = False  # the person's own, of their settings


async def set_cap(pool: asyncpg.Pool, cap: Cap, change: fields.Change) -> Cap:
    """Put a cap in force; what was spent in this period counts already where the cap was there."""
    owner, pool_id = await _subject(pool, cap)
    row = await statements.row(
        pool, "set_cap", owner=owner, pool_id=pool_id,
        period=fields.choice("cap.period", cap.period, plans.PERIODS),
        time_zone=await plans.zone(pool, "cap.time_zone", cap.time_zone),
        limit=fields.amount("cap.limit_nanos", cap.limit_nanos),
        actor=change.actor, reason=change.reason,
    )  # fmt: skip
    assert row is not None
    return next(each for each in await list_all(pool) if each.id == row["cap_id"])


async def clear_cap(pool: asyncpg.Pool, cap: Cap, change: fields.Change) -> None:
    """Nothing counts under it any more; a person's own limit is not reached from here."""
    owner, pool_id = await _subject(pool, cap)
    row = await statements.row(
        pool, "clear_cap", owner=owner, pool_id=pool_id,
        period=fields.choice("cap.period", cap.period, plans.PERIODS),
        actor=change.actor, reason=change.reason,
    )  # fmt: skip
    if row is None or not row["gone"]:
        raise NotFoundError("there is no such cap: `pedagio cap list` shows them")


async def list_all(pool: asyncpg.Pool) -> list[Cap]:
    """All caps in force, the organisation's first."""
    return [
        Cap(
            accounts.Name(r["client_id"], r["external_id"] or "") if r["client_id"] else None,
            r["pool"], r["period"], r["time_zone"], r["limit_nanos"], r["left_nanos"], r["held"],
            r["renews_at"], r["id"], r["source"] == "self",
        )
        for r in await statements.rows(pool, "list_caps")
    ]  # fmt: skip


async def _subject(pool: asyncpg.Pool, cap: Cap) -> tuple[int | None, int | None]:
    if cap.account is None and cap.pool:
        raise InvalidFieldError("cap.account", "is needed with a pool: whose draws are bounded?")
    owner = (await accounts.read(pool, cap.account)).id if cap.account else None
    return owner, await holder.find_pool(pool, cap.pool) if cap.pool else None
