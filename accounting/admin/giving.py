"""How much credit a request gives, in nano-USD: what four eyes look at."""

import hashlib
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
from google.protobuf.message import Message

from accounting.admin import fields, people_import, policies, statements, trial
from accounting.admin.caller import Caller
from accounting.admin.errors import AdminError, ForbiddenError
from accounting.admin.reach import OWN
from accounting.admin.request_rules import Rules
from credit.policy import Policy
from protos.pedagio.v1 import requests_pb2

# At most, so that a shorter period with the same allowance is what it is: more credit.
PERIODS_IN_A_MONTH: Final[Mapping[str, int]] = {"day": 31, "week": 5, "month": 1}
# What the ledger can count; nobody gives so much.
MOST: Final = 10**18
Measure = Callable[[asyncpg.Pool, Any, Caller], Awaitable[int]]


async def _amount(_pool: asyncpg.Pool, request: Any, _caller: Caller) -> int:
    return int(request.amount_nanos)


async def _assigned_plan(pool: asyncpg.Pool, request: Any, _caller: Caller) -> int:
    """What the plan gives in a month; no plan any more gives nothing."""
    row = await _plan(pool, request.plan)
    return _monthly(row["allowance"], row["period"]) if row else 0


async def _changed_plan(pool: asyncpg.Pool, request: Any, caller: Caller) -> int:
    """By how much it gives more in a month to everybody who is on the plan; never for oneself.

    In shadow nothing is refused any more: that is no amount, but nothing to give oneself either.
    """
    row = await _plan(pool, request.plan.id)
    if row is None:
        return 0
    given = _monthly(request.plan.allowance_nanos, request.plan.period)
    growth = given - _monthly(row["allowance"], row["period"])
    loosened = request.plan.shadow and not row["shadow"]
    if growth <= 0 and not loosened:
        return 0
    if not caller.installation:
        own = await statements.row(pool, "is_on_plan", plan=request.plan.id, email=caller.actor)
        if own is not None and own["own"]:
            raise ForbiddenError(OWN)
    return max(int(growth * row["accounts"]), 0)


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

    Nothing where the service will refuse it, or only shows what would be; a trial of that tells whether
    it would wait for a second administrator.
    """
    wanted = people_import.Wanted(
        request.file, request.brl_per_usd, request.request_id, request.partial, request.force,
        dry_run=True,
    )  # fmt: skip
    change = fields.Change(caller.actor, request.reason)
    diff = (await people_import.import_people(pool, wanted, change, datetime.now(UTC))).diff
    if (request.dry_run and not trial.trying()) or (diff.doubts and not request.force):
        return 0
    gains = [each for each in diff.changes if each.gains]
    await _check_others(pool, [each.email for each in gains], caller)
    plans = Counter(plan for each in gains if (plan := each.after.get("plan")))
    return diff.credit_nanos + await _plans(pool, plans)


async def _undone_import(pool: asyncpg.Pool, request: Any, caller: Caller) -> int:
    """What the plans that people are on again give in a month; never anything for oneself."""
    if request.dry_run:
        return 0
    items = await statements.rows(pool, "list_items", batch=request.batch)
    again = [i for i in items if i["change"] in {"moved", "left"} and i["later"] is None]
    await _check_others(pool, [item["email"] for item in again], caller)
    moved = [item for item in again if item["after"].get("plan") != item["before"].get("plan")]
    return await _plans(pool, Counter(plan for i in moved if (plan := i["before"].get("plan"))))


async def _guests(pool: asyncpg.Pool, request: Any, _caller: Caller) -> int:
    """By how much more the guest plan gives in a month to as many as may come in a day."""
    there = await statements.rows(pool, "list_client_people", id=request.client)
    if request.dry_run or not request.client or not there:
        return 0
    plan, most = there[0]["guest_plan"], there[0]["new_accounts_a_day"]
    before = await _plans(pool, {plan: most})
    plan = request.guest_plan if request.HasField("guest_plan") else plan
    most = request.new_accounts_a_day if request.HasField("new_accounts_a_day") else most
    return max(await _plans(pool, {plan: most}) - before, 0)


async def _at_once(pool: asyncpg.Pool, request: Any, _caller: Caller) -> int:
    """By how much more a month people may have at once for the asking; nothing where the service will refuse it."""
    if request.validate_only:
        return 0
    try:
        subject, wanted = await policies.check(
            pool, policies.Subject(request.subject.kind, request.subject.id), request.body_json
        )
    except AdminError:
        return 0
    total = 0
    for row in await statements.rows(pool, "list_askers", kind=subject.kind, id=subject.id):
        before = {
            kind: await policies.in_force(pool, policies.Subject(kind, row[kind]))
            for kind in policies.KINDS
        }
        after = before | {subject.kind: wanted}
        more = _given_at_once(**after) - _given_at_once(**before)
        total += max(_monthly(more, row["period"]), 0) * row["people"]
    return min(total, MOST)


def _given_at_once(client: Policy, plan: Policy) -> int:
    """To one person in a period, as people ask at most (requests.py)."""
    rules = Rules.of(client.merge(plan))
    times = min(rules.at_once_per_period, rules.per_period)
    return min(rules.at_once_nanos, rules.most_nanos) * times


async def _check_others(pool: asyncpg.Pool, emails: list[str], caller: Caller) -> None:
    """ForbiddenError where one of them is the caller's own, also by the account that it stands for."""
    if caller.installation:
        return
    row = await statements.row(
        pool,
        "is_own",
        email=caller.actor,
        clients=[""] * len(emails),
        people=emails,
        pools=[],
        requests=[],
    )
    if row is not None and row["own"]:
        raise ForbiddenError(OWN)


async def _plans(pool: asyncpg.Pool, people: Mapping[str, int]) -> int:
    """What so many people on each plan get in a month."""
    total = 0
    for plan, count in people.items():
        row = await _plan(pool, plan)
        total += count * _monthly(row["allowance"], row["period"]) if row else 0
    return total


def _monthly(nanos: int, period: str) -> int:
    """At most; a period that the service will refuse counts as a month."""
    return nanos * PERIODS_IN_A_MONTH.get(period, 1)


MEASURES: Final[Mapping[str, Measure]] = {
    "amount": _amount,
    "assigned_plan": _assigned_plan,
    "at_once": _at_once,
    "changed_plan": _changed_plan,
    "imported_people": _imported_people,
    "undone_import": _undone_import,
    "guests": _guests,
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
