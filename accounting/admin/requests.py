"""Credit requests: asked for, looked at, taken back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from accounting.admin import accounts, fields, page_token, policies, statements
from accounting.admin.errors import ConflictError, InvalidFieldError, NotFoundError
from accounting.admin.request_rules import Rules, Standing

ASKERS: Final = ("user", "service")


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks for; amount in nano-USD; `why`: their words."""

    amount_nanos: int
    why: str
    request_id: str
    advance: bool


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it is now; amounts in nano-USD; id 0: what would be."""

    id: int
    account_id: int
    name: accounts.Name
    display_name: str
    amount_nanos: int
    why: str
    advance: bool
    state: str
    requested_at: datetime | None
    expires_at: datetime | None
    submitter: str
    granted_nanos: int
    grant_id: int
    valid_until: datetime | None
    by_policy: bool
    decided_by: int | None
    decider: str
    answer: str
    decided_at: datetime | None
    available_nanos: int
    spent_nanos: int
    approvers: Sequence[str]


async def submit(
    pool: asyncpg.Pool,
    name: accounts.Name,
    asked: Asked,
    change: fields.Change,
    *,
    validate_only: bool = False,
) -> tuple[int, bool, str]:
    """Ask once per request id: the request, whether it was asked before, the state that it has (or would have).

    Raises InvalidFieldError or ConflictError with a sentence that names the limit.
    """
    amount = fields.amount("asked_nanos", asked.amount_nanos)
    why = read_words("why", asked.why)
    request_id = fields.request_id(asked.request_id)
    account = await find_asker(pool, name)
    rules = await read_rules(pool, account.id, account.name.client)
    async with pool.acquire() as connection, connection.transaction():
        await statements.row(connection, "lock_asker", account_id=account.id)
        earlier = await statements.row(connection, "find_asked", request_id=request_id)
        if earlier is not None:
            _check_same(earlier, (account.id, amount, asked.advance))
            return int(earlier["id"]), True, ""
        standing = await _standing(connection, rules, account.id)
        _check(standing, amount, advance=asked.advance)
        at_once = asked.advance or amount <= standing.at_once_nanos
        state = "approved" if at_once else "requested"
        if validate_only:
            return 0, False, state
        made = await statements.row(
            connection, "add_credit_request", account_id=account.id, amount=amount, why=why,
            advance=asked.advance, request_id=request_id, actor=change.actor,
            answer_days=rules.answer_days, fallback_hours=rules.fallback_hours,
        )  # fmt: skip
        assert made is not None, "an insert returns its row"
        detail: dict[str, Any] = {"account": account.id, "amount_nanos": amount}
        if at_once:
            detail |= {"by": "policy", "advance": asked.advance}
            detail["grant"] = await _approve_at_once(
                connection, made["id"], account.id, amount, standing, advance=asked.advance
            )
        else:
            await statements.row(connection, "tell_request", id=made["id"])
        await statements.run(
            connection, "note_request", actor=change.actor, action="submit_request",
            id=made["id"], detail=detail, reason=change.reason,
        )  # fmt: skip
    return int(made["id"]), False, state


async def read_terms(pool: asyncpg.Pool, name: accounts.Name) -> Standing:
    """What an account may ask for now."""
    account = await find_asker(pool, name)
    rules = await read_rules(pool, account.id, account.name.client)
    return await _standing(pool, rules, account.id)


async def withdraw(
    pool: asyncpg.Pool, request_id: int, name: accounts.Name | None, change: fields.Change
) -> bool:
    """Take back what waits; whether it had been taken back before."""
    found = await find(pool, request_id, name)
    async with pool.acquire() as connection, connection.transaction():
        row = await statements.row(connection, "lock_request", id=found.id)
        assert row is not None, "a request is never deleted"
        if row["state"] == "withdrawn":
            return True
        check_open(row)
        await statements.run(
            connection, "end_credit_request", id=found.id, state="withdrawn", answer=None,
            admin_id=None, decider=None,
        )  # fmt: skip
        await statements.run(
            connection, "note_request", actor=change.actor, action="withdraw_request", id=found.id,
            detail={"account": found.account_id}, reason=change.reason,
        )  # fmt: skip
    return False


async def find(pool: asyncpg.Pool, request_id: int, name: accounts.Name | None = None) -> Request:
    """One request; with a name only if it is this account's."""
    account_id = (await accounts.read(pool, name)).id if name else 0
    rows = await statements.rows(
        pool, "list_credit_requests", id=request_id, before=0, account_id=account_id, open=False,
        pool_ids=None, page_size=1,
    )  # fmt: skip
    if request_id <= 0 or not rows:
        raise NotFoundError(
            f"there is no credit request {request_id}: `pedagio request list` shows them"
        )
    return _request(rows[0])


async def list_page(
    pool: asyncpg.Pool,
    *,
    name: accounts.Name | None,
    pool_ids: Sequence[int] | None,
    waiting: bool,
    page_size: int,
    token: str,
) -> tuple[list[Request], str]:
    """One page, newest first, and the token of the next; `pool_ids` None: whoever's."""
    size = fields.page_size("page_size", page_size)
    before = page_token.decode("page_token", token, "requests", int)[0] if token else 0
    rows = await statements.rows(
        pool, "list_credit_requests", id=0, before=before, open=waiting,
        account_id=(await accounts.read(pool, name)).id if name else 0,
        pool_ids=None if pool_ids is None else sorted(pool_ids), page_size=size + 1,
    )  # fmt: skip
    found = [_request(row) for row in rows[:size]]
    return found, page_token.encode("requests", found[-1].id) if len(rows) > size else ""


def check_open(row: asyncpg.Record) -> None:
    """ConflictError, saying what became of it, unless it waits."""
    if row["state"] != "requested":
        became = ending(row["state"], row["decider"] or "", by_policy=row["by_policy"])
        raise ConflictError(f"credit request {row['id']} waits no more: it is {became}")


def ending(state: str, decider: str, *, by_policy: bool = False) -> str:
    """As in `approved by bia@example.com`."""
    who = "the policy" if by_policy else decider
    return f"{state} by {who}" if who else state


def read_words(field: str, value: str) -> str:
    """What a person writes in a field of several lines, as one line."""
    if len(value) > 2 * fields.TEXT_LIMIT:
        raise InvalidFieldError(field, f"must not be longer than {fields.TEXT_LIMIT} characters")
    return fields.text(field, " ".join(value.split()))


async def find_asker(pool: asyncpg.Pool, name: accounts.Name) -> accounts.Account:
    """The account of somebody who may ask, brought to the present."""
    account = await accounts.read(pool, name)
    if account.kind not in ASKERS:
        raise InvalidFieldError("account", "must be a person's, or a service's own")
    return account


async def read_rules(pool: asyncpg.Pool, account_id: int, client: str) -> Rules:
    """Those of the client, with those of the account's plan over them."""
    row = await statements.row(pool, "read_credit", account_id=account_id)
    assert row is not None, "an account is never deleted"
    return Rules.of(await policies.of_person(pool, client, row["plan"] or None))


async def _standing(source: statements.Source, rules: Rules, account_id: int) -> Standing:
    row = await statements.row(source, "read_asking", account_id=account_id)
    assert row is not None, "an account is never deleted"
    return Standing.of(rules, dict(row))


def _check(standing: Standing, amount: int, *, advance: bool) -> None:
    if advance:
        if problem := standing.problem_with_advance(amount):
            raise InvalidFieldError("advance", problem)
        return
    if problem := standing.problem_with(amount):
        raise InvalidFieldError("asked_nanos", problem)
    if problem := standing.problem():
        raise ConflictError(problem)


def _check_same(earlier: asyncpg.Record, wanted: tuple[int, int, bool]) -> None:
    if (earlier["account_id"], earlier["amount"], earlier["advance"]) != wanted:
        raise ConflictError("request_id was used for another request; nothing was asked for")


async def _approve_at_once(
    connection: statements.Source,
    request_id: int,
    account_id: int,
    amount: int,
    standing: Standing,
    *,
    advance: bool,
) -> int:
    """An advance lasts as long as the allowance that it is part of."""
    made = await statements.row(
        connection, "grant_request", id=request_id, account_id=account_id, amount=amount,
        forever=advance and standing.rolls_over,
        until=standing.after_next_at if advance else None,
        valid_days=standing.rules.valid_days, actor="policy",
    )  # fmt: skip
    assert made is not None, "the grant of a new request has a new id"
    grant_id = int(made["grant_id"])
    if advance:
        await statements.row(
            connection, "take_advance", account_id=account_id, grant_id=grant_id, amount=amount
        )
    await statements.run(
        connection, "approve_credit_request", id=request_id, amount=amount, grant_id=grant_id,
        by_policy=True, admin_id=None, decider=None,
    )  # fmt: skip
    return grant_id


def _request(row: asyncpg.Record) -> Request:
    return Request(
        row["id"], row["account_id"], accounts.Name(row["client_id"] or "", row["external_id"]),
        row["display_name"], row["amount"], row["why"], row["advance"], row["state"],
        row["requested_at"], row["expires_at"], row["submitter"], row["granted"] or 0,
        row["grant_id"] or 0, row["valid_until"], row["by_policy"], row["decided_by"],
        row["decider"], row["answer"], row["decided_at"], row["available"], row["spent"],
        row["approvers"] or (),
    )  # fmt: skip
