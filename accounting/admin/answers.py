"""Answers to credit requests: approved with one grant, or denied with a reason."""

from collections.abc import Mapping

import asyncpg

from accounting.admin import accounts, fields, requests, statements
from accounting.admin.caller import Caller
from accounting.admin.errors import ConflictError, InvalidFieldError
from accounting.admin.request_rules import Rules
from credit.money import format_usd


async def approve(
    pool: asyncpg.Pool,
    request_id: int,
    approved_nanos: int,
    change: fields.Change,
    caller: Caller,
    *,
    validate_only: bool = False,
) -> bool:
    """Grant all of it (0), or less; whether this very answer was given before.

    Raises ConflictError where it waits no more, InvalidFieldError where more is given than was asked for.
    """
    found = await requests.find(pool, request_id)
    rules = await _rules_of(pool, found)
    amount = approved_nanos or found.amount_nanos
    if not 0 < amount <= found.amount_nanos:
        problem = f"must be above zero and not above {format_usd(found.amount_nanos)}, which was asked for"
        raise InvalidFieldError("approved_nanos", problem)
    async with pool.acquire() as connection, connection.transaction():
        await statements.row(connection, "lock_asker", account_id=found.account_id)
        row = await statements.row(connection, "lock_request", id=found.id)
        assert row is not None, "a request is never deleted"
        before = (row["state"], row["decided_by"], row["granted"])
        if before == ("approved", caller.id, amount):
            return True
        requests.check_open(row)
        if validate_only:
            return False
        made = await statements.row(
            connection, "grant_request", id=found.id, account_id=found.account_id, amount=amount,
            forever=False, until=None, valid_days=rules.valid_days, actor=change.actor,
        )  # fmt: skip
        if made is None:
            raise ConflictError(f"credit request {found.id} has a grant already")
        await statements.run(
            connection, "approve_credit_request", id=found.id, amount=amount,
            grant_id=made["grant_id"], by_policy=False, admin_id=caller.id, decider=change.actor,
        )  # fmt: skip
        detail = {
            "account": found.account_id, "asked_nanos": found.amount_nanos,
            "amount_nanos": amount, "grant": made["grant_id"],
        }  # fmt: skip
        await _note(connection, "approve_request", found.id, detail, change)
    return False


async def deny(
    pool: asyncpg.Pool,
    request_id: int,
    change: fields.Change,
    caller: Caller,
    *,
    validate_only: bool = False,
) -> bool:
    """Nothing is granted, and the person reads why; whether this very answer was given before."""
    found = await requests.find(pool, request_id)
    async with pool.acquire() as connection, connection.transaction():
        row = await statements.row(connection, "lock_request", id=found.id)
        assert row is not None, "a request is never deleted"
        if (row["state"], row["decided_by"]) == ("denied", caller.id):
            return True
        requests.check_open(row)
        if validate_only:
            return False
        await statements.run(
            connection, "end_credit_request", id=found.id, state="denied", answer=change.reason,
            admin_id=caller.id, decider=change.actor,
        )  # fmt: skip
        detail = {"account": found.account_id, "asked_nanos": found.amount_nanos}
        await _note(connection, "deny_request", found.id, detail, change)
    return False


async def _rules_of(pool: asyncpg.Pool, found: requests.Request) -> Rules:
    """As they are on the day of the answer; the account is brought to the present."""
    await accounts.read(pool, found.name)
    return await requests.read_rules(pool, found.account_id, found.name.client)


async def _note(
    connection: statements.Source,
    action: str,
    request_id: int,
    detail: Mapping[str, object],
    change: fields.Change,
) -> None:
    await statements.run(
        connection, "note_request", actor=change.actor, action=action, id=request_id,
        detail=dict(detail), reason=change.reason,
    )  # fmt: skip
