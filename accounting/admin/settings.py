"""What a person sets for themselves: language, notices, own limits, which team pays first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import asyncpg

from accounting.admin import accounts, fields, holder, policies, statements
from accounting.admin.errors import ConflictError, InvalidFieldError
from credit.policy_fields import LANGUAGES, SETTINGS

# The field of a request -> the entry of a policy that lets people change it.
RULED_BY: Final[Mapping[str, str]] = {
    "language": "language",
    "notices": "notices",
    "daily_limit_nanos": "own_limits",
    "monthly_limit_nanos": "own_limits",
    "first_pool": "first_pool",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """As they hold now; limits in nano-USD, 0 for none; `locked`: what the policy keeps for itself."""

    account: accounts.Name
    language: str
    notices: bool
    daily_limit_nanos: int
    monthly_limit_nanos: int
    first_pool: str
    client_language: str
    pools: Sequence[str]
    locked: Sequence[str]
    daily_left_nanos: int = 0
    monthly_left_nanos: int = 0
    replayed: bool = False


async def read(pool: asyncpg.Pool, name: accounts.Name) -> Settings:
    """The settings of a person, by default those of the client."""
    return await _read(pool, await _person(pool, name))


async def change(
    pool: asyncpg.Pool,
    name: accounts.Name,
    wanted: Mapping[str, Any],
    request_id: str,
    why: fields.Change,
    *,
    validate_only: bool = False,
) -> Settings:
    """Change what `wanted` names (fields of RULED_BY), all or nothing; the same request id changes once.

    Raises InvalidFieldError naming the field that cannot be, or that the policy does not let people change;
    ConflictError when the id was used for something else.
    """
    account = await _person(pool, name)
    present = await _read(pool, account)
    if not wanted:
        raise InvalidFieldError(
            "settings", f"must name what to change: one of {', '.join(RULED_BY)}"
        )
    for field, value in wanted.items():
        await _check(pool, present, field, value)
    request_id = fields.request_id(request_id)
    if validate_only:
        return replace(present, **_as_it_would_be(present, wanted))
    first = wanted.get("first_pool")
    row = await statements.row(
        pool, "set_settings", account_id=account.id, language=wanted.get("language"),
        notices=wanted.get("notices"), day=wanted.get("daily_limit_nanos"),
        month=wanted.get("monthly_limit_nanos"),
        first_pool=await holder.find_pool(pool, first) if first else None if first is None else 0,
        request_id=request_id, asked=dict(wanted), actor=why.actor, reason=why.reason,
    )  # fmt: skip
    assert row is not None, "an expression always has a row"
    if not row["done"]:
        earlier = await statements.row(pool, "find_setting_request", request_id=request_id)
        if earlier is None or (earlier["account_id"], earlier["asked"]) != (
            account.id,
            dict(wanted),
        ):
            raise ConflictError(
                f"request_id {request_id} was used for another change; nothing was changed"
            )
    return replace(await _read(pool, account), replayed=not row["done"])


async def _person(pool: asyncpg.Pool, name: accounts.Name) -> accounts.Account:
    account = await accounts.read(pool, name)
    if account.kind != "user":
        raise InvalidFieldError("account", "must be a person's: nobody sets anything for a service")
    return account


async def _read(pool: asyncpg.Pool, account: accounts.Account) -> Settings:
    row = await statements.row(pool, "read_settings", account_id=account.id)
    assert row is not None, "an account is never deleted"
    limits = {
        r["period"]: (r["limit_nanos"], r["left_nanos"])
        for r in await statements.rows(pool, "list_own_limits", account_id=account.id)
    }
    daily, monthly = limits.get("day", (0, 0)), limits.get("month", (0, 0))
    policy = await policies.of_person(pool, account.name.client, row["plan_id"])
    return Settings(
        account.name, row["language"], row["notices"], daily[0], monthly[0], row["first_pool"],
        row["client_language"], row["pools"],
        [name for name in SETTINGS if not policy.lets_change(name)], daily[1], monthly[1],
    )  # fmt: skip


async def _check(pool: asyncpg.Pool, present: Settings, field: str, value: Any) -> None:
    if RULED_BY[field] in present.locked:
        raise InvalidFieldError(
            field, f"is not for people to change: the policy says settings.{RULED_BY[field]} false"
        )
    if field == "language" and value:
        fields.choice(field, value, LANGUAGES)
    if field.endswith("_nanos") and value:
        fields.amount(field, value)
    if field == "first_pool" and value:
        await holder.find_pool(pool, value)
        if value not in present.pools:
            raise InvalidFieldError(field, f"must be a pool that the person draws on: not {value}")


def _as_it_would_be(present: Settings, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A changed limit counts what was spent under the old one already."""
    found = dict(wanted)
    for each in ("daily", "monthly"):
        limit = wanted.get(f"{each}_limit_nanos")
        if limit is not None:
            old, left = (
                getattr(present, f"{each}_limit_nanos"),
                getattr(present, f"{each}_left_nanos"),
            )
            found[f"{each}_left_nanos"] = left + limit - old if limit else 0
    first = wanted.get("first_pool")
    if first:
        found["pools"] = sorted(present.pools, key=lambda name: name != first)
    return found
