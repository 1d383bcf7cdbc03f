"""Administrators: people with roles, known by tokens of their own."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from accounting.admin import fields, holder, statements
from accounting.admin.caller import Caller
from accounting.admin.errors import AlreadyExistsError, InvalidFieldError, NotFoundError
from accounting.admin.roles import EVERYBODY, SCOPED

TOKEN_PREFIX: Final = "pa-"  # noqa: S105 (what every token begins with)
TOKEN_BYTES: Final = 32  # 256 random bits: nothing slower than SHA-256 is needed to keep the hash
TOKEN_LENGTH: Final = len(TOKEN_PREFIX) + 43
DAYS: Final = 90
DAYS_LIMIT: Final = 366
EMAIL_LIMIT: Final = 254
ROLES_LIMIT: Final = 100
_EMAIL: Final = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+")


@dataclass(frozen=True, slots=True)
class Role:
    """A role; `pool`: of a scoped one, the pool whose people it reaches."""

    role: str
    pool: str


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token: not the token."""

    id: int
    label: str
    issued_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Admin:
    """An administrator; `removed_at` None: still one."""

    email: str
    name: str
    roles: Sequence[Role]
    tokens: Sequence[Token]
    added_at: datetime
    removed_at: datetime | None


async def find_caller(pool: asyncpg.Pool, token: str) -> Caller | None:
    """Who calls with this token; None where it opens nothing, or nothing any more.

    Asked on each call, so that a token that is revoked opens nothing from that moment on.
    """
    if len(token) != TOKEN_LENGTH or not token.startswith(TOKEN_PREFIX):
        return None
    digest = hashlib.sha256(token.encode()).digest()
    row = await statements.row(pool, "find_token", sha256=digest)
    # Found by an index, whose time says nothing about 256 random bits; compared once more in constant time.
    if row is None or not hmac.compare_digest(row["sha256"], digest):
        return None
    return _caller(row)


async def find_by_id(pool: asyncpg.Pool, admin_id: int) -> Caller | None:
    """An administrator with the rights of this moment, for what the address in a mail does in their name."""
    row = await statements.row(pool, "find_admin_rights", id=admin_id)
    return None if row is None else _caller(row)


def _caller(row: asyncpg.Record) -> Caller:
    lent = _by_role((role, pool_id) for role, pool_id, _ in row["lent"])
    stands_for = tuple(sorted({email for _, _, email in row["lent"]}))
    roles = _by_role(row["roles"])
    return Caller(
        row["id"], row["email"], roles, row["issued_by"], lent=lent, stands_for=stands_for
    )


def _by_role(pairs: Iterable[Sequence[Any]]) -> dict[str, frozenset[int]]:
    roles: dict[str, frozenset[int]] = {}
    for role, pool_id in pairs:
        roles[role] = roles.get(role, frozenset()) | ({pool_id} if pool_id else frozenset())
    return roles


async def list_all(pool: asyncpg.Pool, email: str = "", *, removed: bool = False) -> list[Admin]:
    """All administrators by e-mail, or the one of that e-mail."""
    rows = await statements.rows(pool, "list_admins", email=email, removed=removed)
    tokens: dict[int, list[Token]] = {row["id"]: [] for row in rows}
    for row in await statements.rows(pool, "list_tokens", admin_ids=list(tokens)):
        tokens[row["admin_id"]].append(_token(row))
    return [
        Admin(
            row["email"], row["name"], [Role(*role) for role in row["roles"]], tokens[row["id"]],
            row["added_at"], row["removed_at"],
        )
        for row in rows
    ]  # fmt: skip


async def find(pool: asyncpg.Pool, email: str) -> Admin:
    """The administrator of that e-mail."""
    found = await list_all(pool, read_email(email))
    if not found:
        raise NotFoundError(_unknown(email))
    return found[0]


async def add(
    pool: asyncpg.Pool, email: str, name: str, roles: Sequence[Role], change: fields.Change
) -> Admin:
    """Make somebody an administrator; without a token, they can do nothing yet."""
    email, name = read_email(email), fields.text("name", name)
    made = await statements.row(
        pool, "add_admin", email=email, name=name, actor=change.actor, reason=change.reason,
        **await _read_roles(pool, roles),
    )  # fmt: skip
    if made is None:
        raise AlreadyExistsError(f"{email} administers already; nothing was changed")
    return await find(pool, email)


async def set_roles(
    pool: asyncpg.Pool, email: str, roles: Sequence[Role], change: fields.Change
) -> Admin:
    """Exactly these roles, from the next call on."""
    email = read_email(email)
    made = await statements.row(
        pool, "set_roles", email=email, actor=change.actor, reason=change.reason,
        **await _read_roles(pool, roles),
    )  # fmt: skip
    if made is None:
        raise NotFoundError(_unknown(email))
    return await find(pool, email)


async def remove(pool: asyncpg.Pool, email: str, change: fields.Change) -> Admin:
    """Their tokens open nothing any more; what they did stays under their name."""
    email = read_email(email)
    gone = await statements.row(
        pool, "remove_admin", email=email, actor=change.actor, reason=change.reason
    )
    if gone is None:
        raise NotFoundError(_unknown(email))
    return (await list_all(pool, email, removed=True))[-1]


async def new_token(
    pool: asyncpg.Pool, email: str, label: str, days: int, issuer: int, change: fields.Change
) -> tuple[str, Token]:
    """A token, which exists in this answer only: the ledger keeps its SHA-256."""
    email, label = read_email(email), fields.text("label", label, 64)
    if not 0 <= days <= DAYS_LIMIT:
        raise InvalidFieldError("days", f"must be between 1 and {DAYS_LIMIT}; it is {days}")
    token = f"{TOKEN_PREFIX}{secrets.token_urlsafe(TOKEN_BYTES)}"
    made = await statements.row(
        pool, "new_token", email=email, label=label, days=days or DAYS, issued_by=issuer,
        sha256=hashlib.sha256(token.encode()).digest(), actor=change.actor, reason=change.reason,
    )  # fmt: skip
    if made is None:
        raise NotFoundError(_unknown(email))
    return token, _token(made)


async def revoke_token(
    pool: asyncpg.Pool, token_id: int, own_of: int, change: fields.Change
) -> Token:
    """It opens nothing from now on; `own_of`: only one of this administrator's, 0: whoever's."""
    gone = await statements.row(
        pool, "revoke_token", id=token_id, own_of=own_of, actor=change.actor, reason=change.reason
    )
    if gone is None:
        raise NotFoundError(f"there is no token {token_id} that could be revoked")
    return _token(gone)


def read_email(value: str) -> str:
    """In lower case: it is a name, and people write it either way."""
    email = fields.text("email", value, EMAIL_LIMIT).lower()
    if not (email.isascii() and _EMAIL.fullmatch(email)):
        raise InvalidFieldError("email", "must be one e-mail address")
    return email


async def _read_roles(pool: asyncpg.Pool, roles: Sequence[Role]) -> dict[str, object]:
    """As the statements take them; a scoped role needs its pool, another one takes none."""
    if not 0 < len(roles) <= ROLES_LIMIT:
        raise InvalidFieldError("roles", f"must be 1 to {ROLES_LIMIT}")
    wanted: list[tuple[str, int | None]] = []
    for each in dict.fromkeys(roles):
        fields.choice("roles.role", each.role, EVERYBODY)
        if bool(each.pool) != (each.role in SCOPED):
            problem = "must be given" if each.role in SCOPED else "must be empty"
            raise InvalidFieldError("roles.pool", f"{problem} for {each.role}")
        wanted.append((each.role, await holder.find_pool(pool, each.pool) if each.pool else None))
    return {
        "roles": [role for role, _ in wanted],
        "pool_ids": [pool_id for _, pool_id in wanted],
        "shown": [{"role": each.role, "pool": each.pool} for each in dict.fromkeys(roles)],
    }


def _unknown(email: str) -> str:
    return f"nobody of the e-mail {email[:80]} administers: `pedagio admin list` shows who does"


def _token(row: asyncpg.Record) -> Token:
    return Token(row["id"], row["label"], row["issued_at"], row["expires_at"], row["revoked_at"])
