"""Plans: what renews the credit of people, pools or services."""

from dataclasses import dataclass
from zoneinfo import available_timezones

import asyncpg

from accounting.admin import fields, statements
from accounting.admin.errors import InvalidFieldError, NotFoundError

PERIODS = ("day", "week", "month")
ROLLOVERS = ("none", "capped", "all")
DEFAULT_ZONE = "America/Sao_Paulo"
DEFAULT_PRIORITY = 100
PRIORITY_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """Amounts in nano-USD; `rollover_cap_nanos` only where rollover is capped."""

    id: str
    period: str
    time_zone: str
    allowance_nanos: int
    rollover: str
    rollover_cap_nanos: int
    prorate: bool
    priority: int
    accounts: int = 0
    shadow: bool = False


async def put(pool: asyncpg.Pool, plan: Plan, change: fields.Change) -> Plan:
    """Make a plan, or give one other terms: they count from each account's next period on."""
    rollover = fields.choice("plan.rollover", plan.rollover or "none", ROLLOVERS)
    cap = plan.rollover_cap_nanos
    if (rollover == "capped") != (cap != 0):
        raise InvalidFieldError(
            "plan.rollover_cap_nanos", "goes with rollover `capped`, and only with it"
        )
    await statements.row(
        pool,
        "put_plan",
        id=fields.client_id("plan.id", plan.id),
        period=fields.choice("plan.period", plan.period, PERIODS),
        time_zone=await zone(pool, "plan.time_zone", plan.time_zone),
        allowance=fields.amount("plan.allowance_nanos", plan.allowance_nanos),
        rollover=rollover,
        rollover_cap=fields.amount("plan.rollover_cap_nanos", cap) if cap else None,
        prorate=plan.prorate,
        priority=priority("plan.priority", plan.priority),
        mode_override="shadow" if plan.shadow else None,
        actor=change.actor,
        reason=change.reason,
    )
    return await find(pool, plan.id)


async def find(pool: asyncpg.Pool, plan_id: str) -> Plan:
    """A plan by its name."""
    found = await list_all(pool, plan_id) if plan_id else []
    if not found:
        raise NotFoundError(f"there is no plan {plan_id[:40]!r}: `pedagio plan list` shows them")
    return found[0]


async def list_all(pool: asyncpg.Pool, plan_id: str = "") -> list[Plan]:
    """All plans, or the one of that name."""
    return [
        Plan(
            r["id"], r["period"], r["time_zone"], r["allowance"], r["rollover"], r["rollover_cap"],
            r["prorate"], r["priority"], r["accounts"], r["shadow"],
        )
        for r in await statements.rows(pool, "list_plans", id=plan_id)
    ]  # fmt: skip


async def zone(pool: asyncpg.Pool, field: str, value: str) -> str:
    """A time zone that both calendars know: Postgres', which counts, and Python's, which explains."""
    name = value or DEFAULT_ZONE
    row = await statements.row(pool, "name_zone", name=name)
    if row is None or not row["known"] or name not in available_timezones():
        raise InvalidFieldError(
            field, f"is no time zone: {name[:40]!r}; an example is {DEFAULT_ZONE}"
        )
    return name


def priority(field: str, value: int) -> int:
    """The place in the burn order; smaller burns first, 0 asks for the usual one."""
    if not 0 <= value <= PRIORITY_LIMIT:
        raise InvalidFieldError(field, f"must be between 1 and {PRIORITY_LIMIT}; it is {value}")
    return value or DEFAULT_PRIORITY
