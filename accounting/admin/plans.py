"""Plans: what renews the credit of people, pools or services."""

from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

import asyncpg

from accounting.admin import fields, statements
from accounting.admin.errors import InvalidFieldError, NotFoundError
from credit import plan as plan_terms
from credit.plan import Plan, PlanError

PERIODS, DEFAULT_ZONE = plan_terms.PERIODS, plan_terms.DEFAULT_ZONE
DEFAULT_PRIORITY = 100


@dataclass(frozen=True, slots=True)
class Named:
    """A plan by its id, with how many accounts are on it."""

    id: str
    terms: Plan
    accounts: int = 0


def read_terms(**given: Any) -> Plan:
    """Terms as they came, an absent one its default; InvalidFieldError names the one that cannot be."""
    try:
        return Plan.from_json({name: value for name, value in given.items() if value})
    except PlanError as error:
        raise InvalidFieldError(f"plan.{error.field}", error.problem) from error


async def put(pool: asyncpg.Pool, plan_id: str, terms: Plan, change: fields.Change) -> Named:
    """Make a plan, or give one other terms: they count from each account's next period on."""
    cap = terms.rollover_cap_nanos
    await statements.row(
        pool,
        "put_plan",
        id=fields.client_id("plan.id", plan_id),
        period=terms.period,
        time_zone=await zone(pool, "plan.time_zone", terms.time_zone),
        allowance=fields.amount("plan.allowance_nanos", terms.allowance_nanos),
        rollover=terms.rollover,
        rollover_cap=fields.amount("plan.rollover_cap_nanos", cap) if cap else None,
        prorate=terms.prorate,
        priority=terms.priority,
        mode_override=terms.mode,
        actor=change.actor,
        reason=change.reason,
    )
    return await find(pool, plan_id)


async def find(pool: asyncpg.Pool, plan_id: str) -> Named:
    """A plan by its id."""
    found = await list_all(pool, plan_id) if plan_id else []
    if not found:
        raise NotFoundError(f"there is no plan {plan_id[:40]!r}: `pedagio plan list` shows them")
    return found[0]


async def list_all(pool: asyncpg.Pool, plan_id: str = "") -> list[Named]:
    """All plans, or the one of that id."""
    return [
        Named(
            r["id"],
            Plan(
                r["period"], r["allowance"], r["time_zone"], r["rollover"], r["rollover_cap"],
                r["prorate"], r["priority"], r["mode_override"],
            ),
            r["accounts"],
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
    if not 0 <= value <= plan_terms.PRIORITY_LIMIT:
        raise InvalidFieldError(
            field, f"must be between 1 and {plan_terms.PRIORITY_LIMIT}; it is {value}"
        )
    return value or DEFAULT_PRIORITY
