"""Whom a request is about, and whether that lies within the caller's reach."""

from dataclasses import dataclass, field
from typing import Any

import asyncpg
from google.protobuf.message import Message

from accounting.admin import accounts, holder, requests, statements
from accounting.admin.caller import Caller
from accounting.admin.errors import ForbiddenError, NotFoundError
from accounting.admin.roles import Rule, acts_alone
from protos.pedagio.v1 import admin_pb2, plans_pb2

# The same for what does not exist: a scoped role does not learn what lies outside.
OUTSIDE = "there is nobody of that name among the people of your pools"
OWN = "nobody does this for themselves: it takes another administrator"


@dataclass(slots=True)
class Named:
    """Accounts as client with person, or none with an e-mail; pools by name; an empty name is one that nothing has.

    `requests`: credit requests by number, which stand for whoever asked.
    """

    accounts: list[tuple[str, str]] = field(default_factory=list)
    pools: list[str] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)

    @property
    def arrays(self) -> dict[str, list[str] | list[int]]:
        """As the statements take them."""
        return {
            "clients": [client for client, _ in self.accounts],
            "people": [person for _, person in self.accounts],
            "pools": self.pools,
            "requests": self.requests,
        }


def named(request: Message, paths: tuple[str, ...]) -> Named:
    """Whom these fields of a request name: an account, a pool, or a holder, which is either."""
    found = Named()
    for path in paths:
        value: Any = request
        for part in path.split(".") if path else ():
            value = getattr(value, part)
        if isinstance(value, plans_pb2.Holder):
            if value.HasField("account") or not value.pool:
                found.accounts.append(_account(value.account))
            if value.pool:
                found.pools.append(value.pool)
        elif isinstance(value, admin_pb2.AccountName):
            found.accounts.append(_account(value))
        elif isinstance(value, int):
            found.requests.append(value)
        else:
            _name_by_word(found, path, value)
    return found


def _name_by_word(found: Named, path: str, value: Any) -> None:
    assert isinstance(value, str), f"{path} names neither an account nor a pool"
    if path.rpartition(".")[2] == "email":
        found.accounts.append(("", value.strip()))
    else:
        found.pools.append(value)


def _account(name: admin_pb2.AccountName) -> tuple[str, str]:
    """As the use cases read it (fields.external_id): a space more would else be another person here."""
    return name.client, name.external_id.strip()


async def check_within(
    pool: asyncpg.Pool, rule: Rule, request: Message, pools: frozenset[int]
) -> None:
    """NotFoundError unless everybody whom it names is reached through these pools."""
    if rule.of is None:
        raise NotFoundError(OUTSIDE)
    asked = named(request, rule.of)
    row = await statements.row(pool, "count_within", pool_ids=sorted(pools), **asked.arrays)
    assert row is not None, "a count always has a row"
    if row["within"] != len(asked.accounts) + len(asked.pools) + len(asked.requests):
        raise NotFoundError(OUTSIDE)


async def check_not_own(pool: asyncpg.Pool, rule: Rule, request: Message, caller: Caller) -> None:
    """ForbiddenError where it is about the caller's own credit; the installation's token is nobody's."""
    if caller.installation or not rule.not_own:
        return
    asked = named(request, rule.not_own)
    # Nor does somebody's deputy for whom they stand in, who chose them.
    others = () if acts_alone(caller, rule) or not rule.deputies else caller.stands_for
    for email in (caller.actor, *others):
        row = await statements.row(pool, "is_own", email=email, **asked.arrays)
        assert row is not None, "a truth value always has a row"
        if row["own"]:
            raise ForbiddenError(OWN)


async def check_there(pool: asyncpg.Pool, rule: Rule, request: Message) -> None:
    """NotFoundError where somebody whom it names does not exist: such a thing is not even proposed."""
    asked = named(request, rule.of or ())
    for client, person in asked.accounts:
        await accounts.read(pool, accounts.Name(client, person))
    for name in asked.pools:
        await holder.find_pool(pool, name)
    for number in asked.requests:
        await requests.find(pool, number)


async def keep_own_pools(
    pool: asyncpg.Pool, answer: Any, field_name: str, pools: frozenset[int]
) -> None:
    """Leave in a list of pools those that the caller reaches."""
    rows = await statements.rows(pool, "name_pools", pool_ids=sorted(pools))
    names = {row["name"] for row in rows}
    shown = getattr(answer, field_name)
    kept = [each for each in shown if each.name in names]
    del shown[:]
    shown.extend(kept)
