"""Whoever holds credit: a person, a service, a pool."""

from dataclasses import dataclass

import asyncpg

from accounting.admin import accounts, fields, statements
from accounting.admin.errors import AlreadyExistsError, InvalidFieldError, NotFoundError


@dataclass(frozen=True, slots=True)
class Holder:
    """A pool by its name, or else an account by its."""

    account: accounts.Name | None
    pool: str


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool with its figures, nano-USD."""

    id: int
    name: str
    posted_nanos: int
    held_nanos: int
    members: int
    plan: str
    status: str


@dataclass(frozen=True, slots=True)
class Member:
    """Who draws on a pool; nano-USD out of it: spent in the present month, held by calls that run.

    `label`: the person's name, else the e-mail.
    """

    name: accounts.Name
    position: int
    pool_first: bool
    spent_nanos: int
    held_nanos: int
    label: str


async def find(pool: asyncpg.Pool, holder: Holder) -> int:
    """The id of the account, brought to the present."""
    if (holder.account is None) == (not holder.pool):
        raise InvalidFieldError("holder", "must name an account, or a pool")
    if holder.account is not None:
        return (await accounts.read(pool, holder.account)).id
    account_id = await find_pool(pool, holder.pool)
    await statements.row(pool, "settle_due", account_id=account_id)
    return account_id


async def find_pool(pool: asyncpg.Pool, name: str) -> int:
    """The account of a pool."""
    row = await statements.row(pool, "find_pool", name=name)
    if row is None:
        raise NotFoundError(f"there is no pool {name[:40]!r}: `pedagio pool list` shows them")
    return int(row["id"])


async def list_members(pool: asyncpg.Pool, pool_id: int) -> list[Member]:
    """Who draws on a pool, who spent most first; at most 1,000."""
    return [
        Member(
            accounts.Name(r["client_id"], r["external_id"]), r["position"], r["pool_first"],
            r["spent"], r["held"], r["label"],
        )
        for r in await statements.rows(pool, "list_pool_members", pool_id=pool_id)
    ]  # fmt: skip


async def create_pool(pool: asyncpg.Pool, name: str, change: fields.Change) -> Pool:
    """A pool without credit or members."""
    name = fields.pool_name("name", name)
    made = await statements.row(
        pool, "create_pool", name=name, actor=change.actor, reason=change.reason
    )
    if made is None:
        raise AlreadyExistsError(f"there is a pool {name} already; nothing was changed")
    return (await list_pools(pool, name))[0]


async def list_pools(pool: asyncpg.Pool, name: str = "") -> list[Pool]:
    """All pools, or the one of that name, brought to the present."""
    rows = await statements.rows(pool, "list_pools", name=name)
    for row in rows:
        await statements.row(pool, "settle_due", account_id=row["id"])
    return [
        Pool(r["id"], r["name"], r["posted"], r["held"], r["members"], r["plan"], r["status"])
        for r in await statements.rows(pool, "list_pools", name=name)
    ]


async def set_member(
    pool: asyncpg.Pool,
    name: str,
    account: accounts.Name,
    position: int,
    change: fields.Change,
    *,
    pool_first: bool,
) -> Pool:
    """Let a person draw on a pool, before or after the own credit. A pool is nobody's member: no cycles."""
    pool_id, person = await find_pool(pool, name), await accounts.read(pool, account)
    if person.kind not in {"user", "service"}:
        raise InvalidFieldError("account", "must be a person's account, or a service's own")
    if position < 0:
        raise InvalidFieldError("position", f"must not be below 0; it is {position}")
    await statements.row(
        pool, "set_member", account_id=person.id, pool_id=pool_id, position=position,
        pool_first=pool_first, actor=change.actor, reason=change.reason,
    )  # fmt: skip
    return (await list_pools(pool, name))[0]


async def remove_member(
    pool: asyncpg.Pool, name: str, account: accounts.Name, change: fields.Change
) -> Pool:
    """Calls that run are still paid by the pool; the next one is not."""
    pool_id, person = await find_pool(pool, name), await accounts.read(pool, account)
    gone = await statements.row(
        pool, "remove_member", account_id=person.id, pool_id=pool_id, actor=change.actor,
        reason=change.reason,
    )  # fmt: skip
    if gone is None:
        raise NotFoundError(f"{account.external_id or account.client} is no member of {name}")
    return (await list_pools(pool, name))[0]
