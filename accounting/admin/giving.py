"""How much credit a request gives, in nano-USD: what four eyes look at."""

import hashlib
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
from google.protobuf.message import Message

from accounting.admin import fields, people_import, statements
from accounting.admin.caller import Caller
from accounting.admin.errors import ForbiddenError
from accounting.admin.reach import OWN
from protos.pedagio.v1 import requests_pb2

# At most, so that a shorter period with the same allowance is what it is: more credit.
PERIODS_IN_A_MONTH: Final[Mapping[str, int]] = {"day": 31, "week": 5, "month": 1}
Measure = Callable[[asyncpg.Pool, Any, Caller], Awaitable[int]]


async def _amount(_pool: asyncpg.Pool, request: Any, _caller: Caller) -> int:
    return int(request.amount_nanos)


async def _assigned_plan(pool: asyncpg.Pool, request: Any, _caller: Caller) -> int:
    """What the plan gives in a month; no plan any more gives nothing."""
    row = await _plan(pool, request.plan)
    return _monthly(row["allowance"], row["period"]) if row else 0


async def _changed_plan(pool: asyncpg.Pool, request: Any, caller: Caller) -> int:
    """By how much it gives more in a month to everybody who is on the plan; never for oneself."""
    row = await _plan(pool, request.plan.id)
    if row is None:
        return 0
    given = _monthly(request.plan.allowance_nanos, request.plan.period)
    growth = given - _monthly(row["allowance"], row["period"])
    if growth <= 0:
        return 0
    if not caller.installation:
        own = await statements.row(pool, "is_on_plan", plan=request.plan.id, email=caller.actor)
        if own is not None and own["own"]:
            raise ForbiddenError(OWN)
    return int(growth * row["accounts"])


async def _requested_credit(pool: asyncpg.Pool, request: Any, _caller: Caller) -> int:
    """What would be granted; nothing where the service only shows it, or it waits no more."""
    if request.validate_only:
        return 0
    row = await statements.row(pool, "find_waiting_request", id=request.id)
    if row is None:
        return 0
    return min(request.approved_nanos, row["amount"]) or int(row["amount"])


async def _imported_people(pool: asyncpg.Pool, request: Any, caller: Caller) -> int:
    """The credit of the file, and what new plans give in a month; never anything for oneself.

    Nothing where the service will refuse it, or only shows what would be.
    """
    wanted = people_import.Wanted(
        request.file, request.brl_per_usd, request.request_id, request.partial, request.force,
        dry_run=True,
    )  # fmt: skip
    change = fields.Change(caller.actor, request.reason)
    diff = (await people_import.import_people(pool, wanted, change, datetime.now(UTC))).diff
    if request.dry_run or (diff.doubts and not request.force):
        return 0
    gains = [each for each in diff.changes if each.gains]
    if not caller.installation and any(each.email == caller.actor.lower() for each in gains):
        raise ForbiddenError(OWN)
    plans = Counter(plan for each in gains if (plan := each.after.get("plan")))
    total = diff.credit_nanos
    for plan, people in plans.items():
        row = await _plan(pool, plan)
        total += people * _monthly(row["allowance"], row["period"]) if row else 0
    return total


def _monthly(nanos: int, period: str) -> int:
    """At most; a period that the service will refuse counts as a month."""
    return nanos * PERIODS_IN_A_MONTH.get(period, 1)


MEASURES: Final[Mapping[str, Measure]] = {
    "amount": _amount,
    "assigned_plan": _assigned_plan,
    "changed_plan": _changed_plan,
    "imported_people": _imported_people,
    "requested_credit": _requested_credit,
}


def request_id(request: Message) -> str:
    """What makes two requests one; a fresh one where the request has none, so that each counts."""
    if isinstance(request, requests_pb2.ApproveRequestRequest):
        return f"credit-request/{request.id}"  # answered once, however often somebody clicks
    return str(getattr(request, "request_id", "")) or str(uuid.uuid4())


def digest(request: Message) -> bytes:
    """SHA-256 of the whole request."""
    return hashlib.sha256(request.SerializeToString(deterministic=True)).digest()


async def _plan(pool: asyncpg.Pool, plan: str) -> asyncpg.Record | None:
    return await statements.row(pool, "find_plan_size", id=plan)
