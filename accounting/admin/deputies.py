"""Deputies: who answers credit requests in an administrator's place, from when until when."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg

from accounting.admin import admins, fields, statements
from accounting.admin.caller import Caller
from accounting.admin.errors import ForbiddenError, InvalidFieldError, NotFoundError
from accounting.admin.roles import MONEY

DAYS_LIMIT: Final = 366


@dataclass(frozen=True, slots=True)
class Deputy:
    """Both by e-mail."""

    id: int
    admin: str
    deputy: str
    from_at: datetime
    until_at: datetime
    actor: str
    reason: str
    active: bool


async def set_deputy(
    pool: asyncpg.Pool,
    admin: str,
    deputy: str,
    times: tuple[datetime | None, datetime | None],
    change: fields.Change,
    caller: Caller,
) -> Deputy:
    """Let an administrator stand in for another one; `times`: from (None: now), until."""
    if not admin and caller.installation:
        raise InvalidFieldError(
            "admin", "must name an administrator: the installation's token is nobody's"
        )
    whose = admins.read_email(admin or caller.actor)
    _check_own(caller, whose)
    name = admins.read_email(deputy)
    if name == whose:
        raise InvalidFieldError("deputy", "must be somebody else")
    begins, ends = times
    now = datetime.now(UTC)
    if ends is None or ends <= max(begins or now, now):
        raise InvalidFieldError("until_ms", "must lie ahead, and after from_ms")
    if ends - (begins or now) > timedelta(days=DAYS_LIMIT):
        raise InvalidFieldError(
            "until_ms", f"must not be more than {DAYS_LIMIT} days after from_ms"
        )
    for each in (whose, name):
        await admins.find(pool, each)
    made = await statements.row(
        pool, "set_deputy", admin=whose, deputy=name, from_at=begins, until_at=ends,
        actor=change.actor, reason=change.reason,
    )  # fmt: skip
    if made is None:
        raise NotFoundError(f"{whose} or {name} administers no more")
    return await find(pool, made["id"])


async def find(pool: asyncpg.Pool, deputy_id: int) -> Deputy:
    """One, whether its time is over or not."""
    rows = await statements.rows(pool, "list_deputies", id=deputy_id, email="", past=True)
    if deputy_id <= 0 or not rows:
        raise NotFoundError(f"there is no deputy {deputy_id}: `pedagio admin deputy list`")
    return Deputy(*rows[0])


async def list_seen(pool: asyncpg.Pool, caller: Caller, *, past: bool) -> list[Deputy]:
    """All, or those that an approver has or is."""
    email = "" if caller.roles.keys() & MONEY else caller.actor
    rows = await statements.rows(pool, "list_deputies", id=0, email=email, past=past)
    return [Deputy(*row) for row in rows]


async def clear(
    pool: asyncpg.Pool, deputy_id: int, change: fields.Change, caller: Caller
) -> Deputy:
    """It ends now."""
    found = await find(pool, deputy_id)
    _check_own(caller, found.admin)
    gone = await statements.row(
        pool, "clear_deputy", id=deputy_id, actor=change.actor, reason=change.reason
    )
    if gone is None:
        raise NotFoundError(f"deputy {deputy_id} stands in for nobody any more")
    return await find(pool, deputy_id)


def _check_own(caller: Caller, whose: str) -> None:
    if "operator" not in caller.roles and whose != caller.actor:
        raise ForbiddenError("this takes operator: only one's own deputy takes no role")
