"""Clients: the applications that hold a key."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from accounting.admin import fields, statements
from accounting.admin.errors import AlreadyExistsError, InvalidFieldError, NotFoundError

KEY_BYTES = 32  # 256 random bits: nothing slower than SHA-256 is needed to keep the hash
KINDS = ("trusted", "service")
LITELLM_KEYS = ("inject", "pass_through")
UNKNOWN_USERS = ("create", "refuse")
STYLES = ("librechat", "plain")
LANGUAGES = ("pt-BR", "en")


@dataclass(frozen=True, slots=True)
class Client:
    """An application; the fields are those of admin.proto."""

    id: str
    kind: str
    litellm_key: str
    unknown_users: str
    style: str
    language: str
    enabled: bool = True


async def create(
    pool: asyncpg.Pool, wanted: Client, brought_key: str, change: fields.Change
) -> tuple[Client, str]:
    """Create a client; return it with its key, which is empty when the caller brought its own.

    A fresh key exists in this answer only: the ledger keeps its SHA-256.
    """
    client = _checked(wanted)
    own_key, key = _choose_key(client, brought_key)
    made = await statements.row(
        pool,
        "create_client",
        id=client.id,
        kind=client.kind,
        key_sha256=hashlib.sha256(key.encode()).digest(),
        litellm_key=client.litellm_key,
        unknown_users=client.unknown_users,
        style=client.style,
        language=client.language,
        actor=change.actor,
        reason=change.reason,
    )
    if made is not None:
        return _client(made), "" if own_key else key
    if await statements.row(pool, "find_client", id=client.id) is not None:
        raise AlreadyExistsError(f"client {client.id} exists already; nothing was changed")
    raise AlreadyExistsError("key belongs to another client already; nothing was changed")


async def list_all(pool: asyncpg.Pool) -> list[Client]:
    """All clients by id; there are as many as applications, so they fit one answer."""
    return [_client(row) for row in await statements.rows(pool, "list_clients")]


async def set_enabled(
    pool: asyncpg.Pool, client_id: str, change: fields.Change, *, enabled: bool
) -> Client:
    """Let a client's key open the door, or not any more."""
    changed = await statements.row(
        pool,
        "set_client_enabled",
        id=fields.client_id("id", client_id),
        enabled=enabled,
        actor=change.actor,
        reason=change.reason,
    )
    if changed is None:
        raise NotFoundError(unknown(client_id))
    return _client(changed)


async def find(pool: asyncpg.Pool, client_id: str) -> Client:
    """One client; NotFoundError says how to make it."""
    found = await statements.row(pool, "find_client", id=client_id)
    if found is None:
        raise NotFoundError(unknown(client_id))
    return _client(found)


def unknown(client_id: str) -> str:
    """The sentence about a client that does not exist."""
    return f"there is no client {client_id}: `pedagio client list` names them all"


def _checked(wanted: Client) -> Client:
    return Client(
        id=fields.client_id("client.id", wanted.id),
        kind=fields.choice("client.kind", wanted.kind or "trusted", KINDS),
        litellm_key=fields.choice(
            "client.litellm_key", wanted.litellm_key or "inject", LITELLM_KEYS
        ),
        unknown_users=fields.choice(
            "client.unknown_users", wanted.unknown_users or "refuse", UNKNOWN_USERS
        ),
        style=fields.choice("client.style", wanted.style or "plain", STYLES),
        language=fields.choice("client.language", wanted.language or "pt-BR", LANGUAGES),
    )


def _choose_key(client: Client, brought_key: str) -> tuple[bool, str]:
    """Whether the caller brought the key, and the key.

    With `pass_through` LiteLLM checks the client's own key, so that one must be named; with
    `inject` the key is ours alone, and ours are never weak.
    """
    if client.litellm_key == "pass_through":
        if not brought_key:
            raise InvalidFieldError("key", "must be given: pass_through keeps the LiteLLM key")
        return True, fields.key("key", brought_key)
    if brought_key:
        raise InvalidFieldError("key", "must be empty: an inject client gets a fresh one")
    return False, f"pk-{secrets.token_urlsafe(KEY_BYTES)}"


def _client(row: asyncpg.Record | Mapping[str, Any]) -> Client:
    return Client(
        id=row["id"],
        kind=row["kind"],
        litellm_key=row["litellm_key"],
        unknown_users=row["unknown_users"],
        style=row["style"],
        language=row["language"],
        enabled=row["enabled"],
    )
