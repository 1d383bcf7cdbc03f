"""Signing in: a password becomes a session, wrong ones become delays that every replica counts.

Nobody is kept out for ever by somebody else who guesses: a browser in which the administrator was before is
counted by itself, a try during a delay neither counts nor prolongs it, and an invitation lifts it.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from accounting.admin import admins, fields, passwords, statements
from accounting.admin.caller import Caller
from accounting.admin.errors import ConflictError, ForbiddenError, InvalidFieldError, NotFoundError

SESSION_HOURS: Final = 12
INVITE_HOURS: Final = 48
CODE_BYTES: Final = 32
TEXT_LIMIT: Final = 512
LONGEST_S: Final = 15 * 60
# So many may be wrong before the first delay: slips of the keyboard, and an office behind one address.
FREE: Final = {"email": 3, "device": 5, "peer": 20}
NOTED_EVERY: Final = 10
NO_INVITE: Final = "this invitation was used, is past, or was replaced by a newer one"


@dataclass(frozen=True, slots=True)
class Session:
    """A session; the token exists in this answer only. `wait_s` above 0: too many wrong ones; else wrong."""

    token: str = ""
    expires_at: datetime | None = None
    email: str = ""
    wait_s: int = 0


@dataclass(frozen=True, slots=True)
class Try:
    """Somebody at a browser; `device`: known to have been this administrator's before."""

    email: str
    password: str
    peer: str = ""
    device: str = ""
    old_token: str = ""

    @property
    def counted(self) -> dict[bytes, str]:
        """What its failure counts against, each with its kind."""
        if self.device:
            return {_digest("device", f"{self.email}\0{self.device}"): "device"}
        found = {_digest("email", self.email): "email"}
        return found | ({_digest("peer", self.peer): "peer"} if self.peer else {})


def delay_s(kind: str, failures: int) -> int:
    """How long to wait after so many wrong ones; never more than a quarter of an hour."""
    beyond = failures - FREE[kind]
    return min(LONGEST_S, 1 << min(beyond, 10)) if beyond > 0 else 0


async def sign_in(pool: asyncpg.Pool, given: Try) -> Session:
    """A session for the right password; an unknown e-mail takes as long and says the same."""
    wait_s = await _count(pool, given)
    if wait_s:
        return Session(wait_s=wait_s)
    row = await statements.row(pool, "find_password", email=given.email)
    kept = row["hash"] if row is not None else None
    if not await passwords.is_right(kept, given.password) or row is None:
        return Session()
    return await _open(pool, row["id"], row["hash"], row["set_by"], given)


async def sign_in_vouched(pool: asyncpg.Pool, given: Try) -> Session:
    """A session for whom an OpenID provider vouches; nobody else has seen how they came in."""
    token = admins.make_token()
    made = await statements.row(
        pool, "sign_in_vouched", email=given.email, peer=given.peer, hours=SESSION_HOURS,
        sha256=hashlib.sha256(token.encode()).digest(),
        old_sha256=hashlib.sha256(given.old_token.encode()).digest(),
    )  # fmt: skip
    if made is None:
        return Session()
    return Session(token, made["expires_at"], made["email"])


async def sign_out(pool: asyncpg.Pool, token: str) -> None:
    """The session opens nothing from now on."""
    sha256 = hashlib.sha256(fields.text("token", token, TEXT_LIMIT).encode()).digest()
    await statements.run(pool, "sign_out", sha256=sha256)


async def invite(
    pool: asyncpg.Pool, email: str, caller: Caller, change: fields.Change
) -> tuple[str, datetime]:
    """A code for a first or forgotten password, which exists in this answer only."""
    email, code = admins.read_email(email), secrets.token_urlsafe(CODE_BYTES)
    made = await statements.row(
        pool, "invite_admin", email=email, sha256=_code(code), made_by=caller.id,
        hours=INVITE_HOURS, actor=change.actor, reason=change.reason,
    )  # fmt: skip
    if made is None:
        raise NotFoundError(
            f"nobody of the e-mail {email[:80]} administers: `pedagio admin add` first"
        )
    return code, made["expires_at"]


async def read_invite(pool: asyncpg.Pool, code: str) -> str:
    """Whose invitation it is."""
    row = await statements.row(pool, "find_invite", sha256=_code(code))
    if row is None:
        raise NotFoundError(NO_INVITE)
    return str(row["email"])


async def set_first_password(pool: asyncpg.Pool, code: str, password: str) -> Session:
    """The password that an invitation lets set, and a session with it.

    Whoever made the invitation has seen its code: until the password is changed, its sessions count as
    tokens that they made, which confirm nothing of theirs (four eyes).
    """
    sha256, password = _code(code), passwords.read("password", password)
    await read_invite(pool, code)
    kept = await passwords.make_hash(password)
    async with pool.acquire() as connection, connection.transaction():
        row = await statements.row(connection, "use_invite", sha256=sha256, hash=kept)
        if row is None:
            raise NotFoundError(NO_INVITE)
        return await _open(connection, row["id"], kept, row["made_by"], Try(row["email"], ""))


async def change_password(
    pool: asyncpg.Pool, caller: Caller, current: str, password: str
) -> Session:
    """One's own, known by the present one; all sessions end, the answer is a new one."""
    password = passwords.read("password", password)
    if caller.installation:
        raise ForbiddenError("the installation's token is nobody's: it has no password")
    given = Try(caller.actor, current, device=f"session of {caller.id}")
    wait_s = await _count(pool, given)
    if wait_s:
        return Session(wait_s=wait_s)
    row = await statements.row(pool, "find_password", email=caller.actor)
    old = row["hash"] if row is not None else None
    if not await passwords.is_right(old, current):
        raise InvalidFieldError("current", "is not your present password")
    kept = await passwords.make_hash(password)
    async with pool.acquire() as connection, connection.transaction():
        changed = await statements.row(
            connection, "change_password", admin_id=caller.id, hash=kept, old_hash=old,
            email=caller.actor,
        )  # fmt: skip
        if changed is None:
            raise ConflictError("the password was changed meanwhile: sign in again")
        return await _open(connection, caller.id, kept, caller.id, given)


async def _count(pool: asyncpg.Pool, given: Try) -> int:
    """Count a try as a wrong one; above 0: it may not be made yet, and was not counted."""
    kinds = given.counted
    subjects = list(kinds)
    async with pool.acquire() as connection, connection.transaction():
        await statements.run(connection, "add_delays", subjects=subjects)
        rows = await statements.rows(connection, "lock_delays", subjects=subjects)
        wait_s = max((row["wait_s"] for row in rows), default=0)
        if wait_s:
            return int(wait_s)
        for row in rows:
            kind, failures = kinds[row["subject"]], row["failures"] + 1
            await statements.run(
                connection, "count_try", subject=row["subject"], failures=failures,
                wait_s=delay_s(kind, failures),
            )  # fmt: skip
            beyond = failures - FREE[kind] - 1
            if beyond >= 0 and beyond % NOTED_EVERY == 0:
                await _note(connection, kind, given, failures)
    return 0


async def _note(connection: Any, kind: str, given: Try, failures: int) -> None:
    """What somebody types who is nobody here stays out of the audit log."""
    known = await statements.row(connection, "is_admin_email", email=given.email)
    subject = given.email if known is not None and known["known"] else "nobody"
    if kind == "peer":
        subject = given.peer
    await statements.run(
        connection, "note_failures", subject=subject, failures=failures, peer=given.peer
    )


async def _open(
    source: statements.Source, admin_id: int, kept: str, issued_by: int, given: Try
) -> Session:
    token = admins.make_token()
    kinds = given.counted
    made = await statements.row(
        source, "sign_in", admin_id=admin_id, hash=kept, issued_by=issued_by, peer=given.peer,
        sha256=hashlib.sha256(token.encode()).digest(), hours=SESSION_HOURS,
        old_sha256=hashlib.sha256(given.old_token.encode()).digest(),
        right_ones=[each for each, kind in kinds.items() if kind != "peer"],
        shared_ones=[each for each, kind in kinds.items() if kind == "peer"],
    )  # fmt: skip
    if made is None:
        return Session()
    return Session(token, made["expires_at"], made["email"])


def _digest(kind: str, value: str) -> bytes:
    return hashlib.sha256(f"{kind}\0{value}".encode()).digest()


def _code(code: str) -> bytes:
    return hashlib.sha256(fields.text("code", code, TEXT_LIMIT).encode()).digest()
