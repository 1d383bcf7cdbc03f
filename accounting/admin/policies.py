"""Policies of a client or a plan: read, checked, put in force."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from accounting.admin import clients, fields, plans, statements
from accounting.admin.errors import ConflictError, InvalidFieldError, NotFoundError
from credit import ledger
from credit.policy import EMPTY, Policy, PolicyError

KINDS: Final = ("client", "plan")
BODY_LIMIT_CHARS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose policy: a client or a plan, by its id."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A policy in force; `version` 0: nobody has ever set one."""

    subject: Subject
    version: int
    body: Mapping[str, Any]
    changed_at: datetime | None = None
    changed_by: str = ""


async def find(pool: asyncpg.Pool, subject: Subject) -> Stored:
    """What is in force for a subject; raises NotFoundError when there is no such client."""
    checked = await _known(pool, subject)
    row = await statements.row(pool, "find_policy", kind=checked.kind, id=checked.id)
    return Stored(checked, 0, {}) if row is None else _stored(row)


async def list_all(pool: asyncpg.Pool) -> list[Stored]:
    """All that say something, by subject; there are as many as clients and plans."""
    return [_stored(row) for row in await statements.rows(pool, "list_policies")]


async def put(
    pool: asyncpg.Pool,
    subject: Subject,
    body_json: str,
    change: fields.Change,
    replaces: int | None = None,
) -> Stored:
    """Put a whole body in force; a trigger bumps the news that all replicas poll.

    `replaces`: the version that the caller has seen; ConflictError when another one is in force by now.
    """
    checked, policy = await check(pool, subject, body_json)
    row = await statements.row(
        pool,
        "set_policy",
        kind=checked.kind,
        id=checked.id,
        body=policy.to_json(),
        replaces=replaces,
        actor=change.actor,
        reason=change.reason,
    )
    if row is None:
        raise ConflictError(
            f"the policy of {checked.kind}:{checked.id} was changed meanwhile; nothing was changed,"
            " look at it and try again"
        )
    return _stored(row)


async def check(pool: asyncpg.Pool, subject: Subject, body_json: str) -> tuple[Subject, Policy]:
    """What a body would put in force; raises what `put` raises about the subject and each field."""
    checked = await _known(pool, subject)
    policy = read_body(body_json)
    await _check_service_accounts(pool, checked, policy)
    return checked, policy


async def of_person(pool: asyncpg.Pool, client: str, plan: str | None) -> Policy:
    """That of a client with that of a person's plan over it, as at the door."""
    found = await in_force(pool, Subject("client", client))
    return found.merge(await in_force(pool, Subject("plan", plan))) if plan else found


async def in_force(pool: asyncpg.Pool, subject: Subject) -> Policy:
    """What one subject says; a body of a newer release, which cannot be read, says nothing."""
    rows = await ledger.query(pool, "read_policy", kind=subject.kind, id=subject.id)
    try:
        return Policy.from_json(rows[0]["body"]) if rows else EMPTY
    except PolicyError:
        return EMPTY


def read_body(text: str) -> Policy:
    """The policy that a text says; raises InvalidFieldError naming what cannot be used."""
    if len(text) > BODY_LIMIT_CHARS:
        raise InvalidFieldError("body_json", f"must not exceed {BODY_LIMIT_CHARS} characters")
    try:
        body = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise InvalidFieldError("body_json", f"is no JSON ({error})") from error
    try:
        return Policy.from_json(body)
    except PolicyError as error:
        raise InvalidFieldError(error.field, error.problem) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two entries of one name JSON keeps the last: nobody means both."""
    found = dict(pairs)
    if len(found) < len(pairs):
        (name, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise InvalidFieldError(name[:60], "is given twice")
    return found


async def _check_service_accounts(pool: asyncpg.Pool, subject: Subject, policy: Policy) -> None:
    """Only a client has calls that name nobody, and only a service client can stand in for them."""
    if policy.service_accounts and subject.kind == "plan":
        raise InvalidFieldError(
            "service_accounts", "belongs in the policy of a client: nobody has no plan"
        )
    for path, client_id in policy.service_accounts.items():
        field = f"service_accounts.{path}"
        try:
            found = await clients.find(pool, client_id)
        except NotFoundError as error:
            raise InvalidFieldError(field, f"names {client_id}, which is no client") from error
        if found.kind != "service":
            raise InvalidFieldError(field, f"names {client_id}, which is no service client")


async def _known(pool: asyncpg.Pool, subject: Subject) -> Subject:
    kind = fields.choice("subject.kind", subject.kind, KINDS)
    checked = Subject(kind, fields.client_id("subject.id", subject.id))
    if kind == "client":
        await clients.find(pool, checked.id)
    else:
        await plans.find(pool, checked.id)
    return checked


def _stored(row: asyncpg.Record) -> Stored:
    return Stored(
        Subject(row["subject_kind"], row["subject_id"]),
        row["version"],
        row["body"],
        row["changed_at"],
        row["changed_by"],
    )
