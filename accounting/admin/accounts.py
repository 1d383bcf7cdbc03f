"""Accounts: whose credit it is, how much of it is free to spend."""

from dataclasses import dataclass

import asyncpg

from accounting.admin import clients, fields, statements
from accounting.admin.errors import AlreadyExistsError, ConflictError, NotFoundError
from credit.identity import fold_email

STATUSES = ("active", "suspended")
OVERRIDES = ("", "shadow")


@dataclass(frozen=True, slots=True)
class Name:
    """A client, and what it calls the person; `external_id` empty: the client's own account.

    `client` empty: `external_id` is the e-mail of a person.
    """

    client: str
    external_id: str


@dataclass(frozen=True, slots=True)
class Account:
    """An account with its figures, nano-USD."""

    id: int
    name: Name
    kind: str
    status: str
    mode_override: str
    posted_nanos: int
    held_nanos: int
    overdraft_nanos: int
    version: int
    display_name: str
    email: str

    @property
    def available_nanos(self) -> int:
        """What is free to spend."""
        return self.posted_nanos + self.overdraft_nanos - self.held_nanos


@dataclass(frozen=True, slots=True)
class Granted:
    """A grant made now, or (`replayed`) by an earlier request with the same id."""

    account: Account
    transfer_id: int
    replayed: bool


async def read(pool: asyncpg.Pool, name: Name) -> Account:
    """The account of that name; NotFoundError carries the command that opens it."""
    name = _checked(name)
    row = await _find(pool, name)
    if row is not None and row["due"]:
        await statements.row(pool, "settle_due", account_id=row["id"])
        row = await _find(pool, name)
    if row is None and not name.client:
        raise NotFoundError(
            f"{name.external_id} has no account: who was imported gets it with the first chat "
            "(`pedagio people show` says more)"
        )
    if row is None:
        await clients.find(pool, name.client)
        raise NotFoundError(
            f"{name.external_id} has no account at {name.client}: "
            f"`pedagio account open {name.client} {name.external_id} --reason ...` opens it"
        )
    return _account(row)


async def open_account(
    pool: asyncpg.Pool, name: Name, labels: tuple[str, str], change: fields.Change
) -> Account:
    """Open a person's account; `labels` are display name and e-mail, either may be empty.

    A client's own account is opened with the client: it is returned as it is.
    """
    name = _checked(name)
    display_name, email = labels
    if name.external_id and name.client:
        await clients.find(pool, name.client)
        opened = await statements.row(
            pool,
            "open_account",
            client_id=name.client,
            external_id=name.external_id,
            display_name=fields.optional_text("display_name", display_name),
            email=fields.optional_email("email", email),
            actor=change.actor,
            reason=change.reason,
        )
        if opened is None:
            raise AlreadyExistsError(
                f"{name.external_id} has an account at {name.client} already; nothing was changed"
            )
    return await read(pool, name)


async def set_status(
    pool: asyncpg.Pool,
    name: Name,
    status: str | None,
    mode_override: str | None,
    change: fields.Change,
) -> Account:
    """Suspend or resume an account, put it into shadow or back; None leaves a thing as it is."""
    if status is not None:
        fields.choice("status", status, STATUSES)
    if mode_override is not None and mode_override not in OVERRIDES:
        fields.choice("mode_override", mode_override, ("shadow",))
    account = await read(pool, name)
    await statements.row(
        pool,
        "set_account_status",
        account_id=account.id,
        status=status,
        mode_override=mode_override,
        actor=change.actor,
        reason=change.reason,
    )
    return await read(pool, name)


async def set_email(pool: asyncpg.Pool, name: Name, email: str, change: fields.Change) -> Account:
    """Where mails to a person go; empty: nowhere any more."""
    address = fields.optional_email("email", email)
    account = await read(pool, name)
    if account.kind == "unattributed":
        raise ConflictError(f"{name.client} spends for persons: name the one whose address it is")
    await statements.row(
        pool,
        "set_email",
        account_id=account.id,
        email=address,
        actor=change.actor,
        reason=change.reason,
    )
    return await read(pool, name)


async def grant(
    pool: asyncpg.Pool, name: Name, amount_nanos: int, request_id: str, change: fields.Change
) -> Granted:
    """Give credit: funding to account, posted at once. The same request id grants once.

    Raises ConflictError when that id was used for another account or amount.
    """
    amount_nanos = fields.amount("amount_nanos", amount_nanos)
    request_id = fields.request_id(request_id)
    account = await read(pool, name)
    if account.kind == "unattributed":
        raise ConflictError(
            f"{name.client} spends for persons: name the one who shall have the credit"
        )
    made = await statements.row(
        pool,
        "grant_credit",
        account_id=account.id,
        amount=amount_nanos,
        request_id=request_id,
        actor=change.actor,
        reason=change.reason,
    )
    if made is not None:
        return Granted(await read(pool, name), made["id"], replayed=False)
    earlier = await statements.row(pool, "find_request", request_id=request_id)
    assert earlier is not None, "a transfer is never deleted"
    if (earlier["kind"], earlier["credit_account"], earlier["amount"]) != (
        "grant",
        account.id,
        amount_nanos,
    ):
        raise ConflictError(
            f"request_id {request_id} was used for another grant (transfer {earlier['id']}); "
            "nothing was granted"
        )
    return Granted(account, earlier["id"], replayed=True)


async def _find(pool: asyncpg.Pool, name: Name) -> asyncpg.Record | None:
    return await statements.row(
        pool, "find_account", client_id=name.client, external_id=name.external_id or None
    )


def _checked(name: Name) -> Name:
    """Both fields as the door would read them."""
    email = fold_email(name.external_id) if not name.client else None
    if email is not None:
        return Name("", email)
    client = fields.client_id("name.client", name.client)
    if not name.external_id:
        return Name(client, "")
    return Name(client, fields.external_id("name.external_id", name.external_id))


def _account(row: asyncpg.Record) -> Account:
    return Account(
        id=row["id"],
        name=Name(row["client_id"], row["external_id"] or ""),
        kind=row["kind"],
        status=row["status"],
        mode_override=row["mode_override"] or "",
        posted_nanos=row["posted"],
        held_nanos=row["held"],
        overdraft_nanos=row["overdraft"],
        version=row["version"],
        display_name=row["display_name"] or "",
        email=row["email"] or "",
    )
