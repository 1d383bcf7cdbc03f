"""People: who they are, which names at clients are theirs, who waits to be recognised."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from accounting.admin import fields, page_token, plans, statements
from accounting.admin.accounts import Name
from accounting.admin.errors import ConflictError, InvalidFieldError, NotFoundError
from accounting.admin.people_lock import lock_people
from credit.identity import fold_email

STATES = ("", "active", "left")
CEILING_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Person:
    """One person; amounts in nano-USD; `account` None: has not chatted yet."""

    id: int
    email: str
    name: str
    team: str
    cost_center: str
    language: str
    plan: str
    state: str
    account: Name | None
    available_nanos: int
    waiting_nanos: int
    identities: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True)
class Stranger:
    """A client's name for somebody whom nobody knows."""

    name: Name
    email: str
    has_account: bool
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Rules:
    """What a client is declared to do with people; None: as it is."""

    client: str
    verified_emails: bool | None
    guest_plan: str | None
    new_accounts_a_day: int | None


def email(field: str, value: str) -> str:
    """An address as the ledger keeps it."""
    found = fold_email(value)
    if found is None:
        raise InvalidFieldError(field, f"must be an e-mail address; it is {value[:60]!r}")
    return found


async def list_page(
    pool: asyncpg.Pool, team: str, state: str, page_size: int, token: str, search: str = ""
) -> tuple[list[Person], str]:
    """One page of people, and the token of the next."""
    size = fields.page_size("page_size", page_size)
    fields.choice("state", state, STATES)
    search = fields.optional_text("search", search) or ""
    scope = f"people:{team}:{state}:{search}"
    after = page_token.decode("page_token", token, scope, int)[0] if token else 0
    rows = await statements.rows(
        pool, "list_people", after=after, email="", team=team, state=state, search=search,
        page_size=size + 1,
    )  # fmt: skip
    people = [_person(row) for row in rows[:size]]
    return people, page_token.encode(scope, people[-1].id) if len(rows) > size else ""


async def find(pool: asyncpg.Pool, address: str) -> Person:
    """One person with the names that are theirs."""
    address = email("email", address)
    rows = await statements.rows(
        pool, "list_people", after=0, email=address, team="", state="", search="", page_size=1
    )
    if not rows:
        raise NotFoundError(f"nobody has the e-mail {address}: `pedagio people list` shows all")
    names = await statements.rows(pool, "list_identities", person_id=rows[0]["id"])
    return _person(rows[0], tuple(Name(r["client_id"], r["external_id"]) for r in names))


async def bind(
    pool: asyncpg.Pool, address: str, name: Name, change: fields.Change, *, dry_run: bool
) -> Person:
    """A client's name is this person's from now on; again: nothing changes."""
    person = await find(pool, address)
    name = Name(
        fields.client_id("name.client", name.client),
        fields.external_id("name.external_id", name.external_id),
    )
    rules = await statements.rows(pool, "list_client_people", id=name.client)
    if not rules:
        raise NotFoundError(f"there is no trusted client {name.client}: `pedagio client list`")
    bound = await statements.row(
        pool, "find_identity", client_id=name.client, external_id=name.external_id
    )
    if bound is not None and bound["person_id"] == person.id:
        return person
    if bound is not None:
        raise ConflictError(
            f"{name.external_id} is {bound['email'] or 'an erased person'}: "
            f"`pedagio people unbind {name.client} {name.external_id}` first"
        )
    if dry_run:
        return person
    made = await statements.row(
        pool, "attach_person", person_id=person.id, client_id=name.client,
        external_id=name.external_id, actor=change.actor, reason=change.reason,
    )  # fmt: skip
    if made is None or made["account_id"] is None:
        raise ConflictError(
            f"{address} was erased meanwhile, or {name.external_id} was bound to somebody else"
        )
    return await find(pool, address)


async def unbind(pool: asyncpg.Pool, name: Name, change: fields.Change, *, dry_run: bool) -> Person:
    """A client's name means nobody any more; the account stays the person's."""
    bound = await statements.row(
        pool, "find_identity", client_id=name.client, external_id=name.external_id
    )
    if bound is None:
        raise NotFoundError(f"{name.external_id} at {name.client} is bound to nobody")
    if not dry_run:
        await statements.row(
            pool, "unbind_person", client_id=name.client, external_id=name.external_id,
            actor=change.actor, reason=change.reason,
        )  # fmt: skip
    if bound["email"] is None:
        return Person(bound["person_id"], "", "", "", "", "", "", "erased", None, 0, 0)
    return await find(pool, bound["email"])


async def erase(pool: asyncpg.Pool, address: str, change: fields.Change, *, dry_run: bool) -> int:
    """Erase what says who it is; the person's number, by which the books go on.

    Raises ConflictError where a proposal that waits names them: made, it would bring them back.
    """
    address = email("email", address)
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        done = False
        try:
            # A list that was read before would write it down again.
            await lock_people(connection)
            waiting = await statements.row(connection, "find_naming_proposal", email=address)
            if waiting is not None:
                raise ConflictError(
                    f"proposal {waiting['id']} names {address}: confirm or deny it first"
                )
            gone = await statements.row(
                connection, "erase_person", email=address, actor=change.actor, reason=change.reason
            )
            if gone is None or gone["id"] is None:
                raise NotFoundError(f"nobody has the e-mail {address}: `pedagio people list`")
            done = not dry_run
        finally:
            await (transaction.commit() if done else transaction.rollback())
    return int(gone["id"])


async def list_strangers(pool: asyncpg.Pool, page_size: int) -> list[Stranger]:
    """Who waits under "Who is this?", newest first."""
    size = fields.page_size("page_size", page_size)
    return [
        Stranger(Name(r["client_id"], r["external_id"]), r["email"], r["has_account"], r["seen_at"])
        for r in await statements.rows(pool, "list_strangers", page_size=size)
    ]


async def list_rules(pool: asyncpg.Pool, client: str = "") -> list[Rules]:
    """What trusted clients are declared to do."""
    return [_rules(row) for row in await statements.rows(pool, "list_client_people", id=client)]


async def set_rules(
    pool: asyncpg.Pool, wanted: Rules, change: fields.Change, *, dry_run: bool
) -> Rules:
    """Declare that a client verifies e-mails, on which plan strangers are, how many may come a day."""
    client = fields.client_id("client", wanted.client)
    ceiling = wanted.new_accounts_a_day
    if ceiling is not None and not 0 <= ceiling <= CEILING_LIMIT:
        raise InvalidFieldError("new_accounts_a_day", f"must be from 0 to {CEILING_LIMIT:,}")
    if wanted.guest_plan:
        await plans.find(pool, wanted.guest_plan)
    there = await list_rules(pool, client)
    if not there:
        raise NotFoundError(f"there is no trusted client {client}: `pedagio client list`")
    if dry_run:
        return there[0]
    row = await statements.row(
        pool, "set_client_people", id=client, verified_emails=wanted.verified_emails,
        guest_plan=wanted.guest_plan, new_accounts_a_day=ceiling, actor=change.actor,
        reason=change.reason,
    )  # fmt: skip
    assert row is not None
    return _rules(row)


def _rules(row: asyncpg.Record) -> Rules:
    return Rules(row["id"], row["verified_emails"], row["guest_plan"], row["new_accounts_a_day"])


def _person(row: asyncpg.Record, identities: tuple[Name, ...] = ()) -> Person:
    account = Name(row["client_id"], row["external_id"] or "") if row["client_id"] else None
    return Person(
        row["id"], row["email"], row["name"] or "", row["team"] or "", row["cost_center"] or "",
        row["language"] or "", row["plan"] or "", row["state"], account, row["available"],
        row["waiting"], identities,
    )  # fmt: skip
