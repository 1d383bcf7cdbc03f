"""Four eyes: what one administrator gives beyond an amount in a day waits for somebody else.

A gift is counted before it is made, one after the other for each administrator, so that many small ones,
or many at once, are one large one. What is beyond is stored as it came and carried out once.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg
from google.protobuf.message import Message

from accounting.admin import fields, giving, statements
from accounting.admin.caller import Caller
from accounting.admin.errors import AdminError, ConflictError, NotFoundError, ProposedError

EXPIRES_DAYS: Final = 7
# Each holds a connection and needs a second one: many at once could wait for each other.
_ONE_AT_A_TIME: Final = asyncio.Lock()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A write that waits, or waited; amount in nano-USD, `status` as in admins.proto."""

    id: int
    method: str
    request: bytes
    amount_nanos: int
    reason: str
    proposed_by: int
    proposer: str
    proposed_at: datetime
    expires_at: datetime
    status: str
    decider: str
    decided_at: datetime | None
    outcome: str


@contextlib.asynccontextmanager
async def counted(
    pool: asyncpg.Pool, caller: Caller, method: str, request: Message, *, amount: int, above: int
) -> AsyncIterator[None]:
    """Count the gift while it is made; one that is refused is counted out again.

    Raises ProposedError where it goes beyond `above` (0: there is no such amount).
    """
    if not above or amount <= 0:
        yield
        return
    key = {
        "admin_id": caller.id,
        "method": method,
        "request_id": giving.request_id(request)[: fields.REQUEST_ID_LIMIT],
        "amount": amount,
    }
    async with pool.acquire() as connection, connection.transaction():
        await statements.rows(connection, "lock_giver", admin_id=caller.id)
        row = await statements.row(connection, "count_given", **key)
        assert row is not None, "a sum always has a row"
        beyond = not row["counted"] and row["total"] + amount > above
        if not row["counted"] and not beyond:
            await statements.run(connection, "count_in", **key)
        waiting = await _propose(connection, caller, method, request, amount) if beyond else 0
    if waiting:
        raise ProposedError(waiting, EXPIRES_DAYS)
    try:
        yield
    except AdminError:
        if not row["counted"] and not beyond:
            await statements.run(pool, "count_out", **key)
        raise


async def _propose(
    connection: statements.Source, caller: Caller, method: str, request: Any, amount: int
) -> int:
    """The id of the proposal; 0 where this very request was carried out: its id gives only once."""
    if "amount_nanos" in request.DESCRIPTOR.fields_by_name:
        fields.amount("amount_nanos", request.amount_nanos)
        fields.text("request_id", request.request_id, fields.REQUEST_ID_LIMIT)
    digest = giving.digest(request)
    same = await statements.row(
        connection, "find_same_proposal", admin_id=caller.id, digest=digest, method=method
    )
    if same is not None and same["status"] != "executed":
        return int(same["id"])
    if same is not None and "request_id" in request.DESCRIPTOR.fields_by_name:
        return 0
    made = await statements.row(
        connection, "propose", method=method, request=request.SerializeToString(), digest=digest,
        amount=amount, reason=fields.text("reason", request.reason), admin_id=caller.id,
        actor=caller.actor, days=EXPIRES_DAYS,
    )  # fmt: skip
    assert made is not None, "an insert returns its row"
    return int(made["id"])


async def list_proposals(pool: asyncpg.Pool, *, decided: bool) -> list[Proposal]:
    """The newest; `decided`: those that wait no more, too."""
    rows = await statements.rows(pool, "list_proposals", id=0, decided=decided)
    return [_proposal(row) for row in rows]


async def find(pool: asyncpg.Pool, proposal_id: int) -> Proposal:
    """One proposal, whatever became of it."""
    rows = await statements.rows(pool, "list_proposals", id=proposal_id, decided=True)
    if proposal_id <= 0 or not rows:
        raise NotFoundError(
            f"there is no proposal {proposal_id}: `pedagio approvals list` shows what waits"
        )
    return _proposal(rows[0])


def check_other(found: Proposal, caller: Caller) -> None:
    """ConflictError where the second pair of eyes is the first one's, or was given by it."""
    if caller.id == found.proposed_by:
        raise ConflictError("this takes somebody else: you proposed it")
    if not caller.installation and caller.issued_by == found.proposed_by:
        raise ConflictError("this takes somebody else: your token was made by who proposed it")


async def decide(
    pool: asyncpg.Pool, found: Proposal, caller: Caller, reason: str, *, confirmed: bool
) -> None:
    """Record what somebody decided, once; raises ConflictError where nothing waits any more."""
    made = await statements.row(
        pool, "decide_proposal", id=found.id, admin_id=caller.id, actor=caller.actor, reason=reason,
        status="confirmed" if confirmed else "denied",
        action="confirm_proposal" if confirmed else "deny_proposal",
    )  # fmt: skip
    if made is None:
        now = await find(pool, found.id)
        who = f" by {now.decider}" if now.decider else ""
        status = "proposed by nobody who administers" if now.status == "waiting" else now.status
        raise ConflictError(f"proposal {found.id} waits no more: it is {status}{who}")


@contextlib.asynccontextmanager
async def alone(pool: asyncpg.Pool, proposal_id: int) -> AsyncIterator[None]:
    """Carry it out in one place at a time; raises ConflictError where another process is at it.

    The lock goes with its connection, so a process that dies leaves nothing behind.
    """
    async with _ONE_AT_A_TIME, pool.acquire() as connection, connection.transaction():
        row = await statements.row(connection, "lock_proposal", id=proposal_id)
        if row is None or not row["locked"]:
            raise ConflictError(f"proposal {proposal_id} is being confirmed at this moment")
        yield


async def end(pool: asyncpg.Pool, found: Proposal, problem: str = "") -> None:
    """What was confirmed is done, or could not be."""
    status = "failed" if problem else "executed"
    await statements.run(pool, "end_proposal", id=found.id, status=status, outcome=problem)


def _proposal(row: asyncpg.Record) -> Proposal:
    return Proposal(
        row["id"], row["method"], row["request"], row["amount"], row["reason"], row["proposed_by"],
        row["proposer"], row["proposed_at"], row["expires_at"], row["status"], row["decider"] or "",
        row["decided_at"], row["outcome"],
    )  # fmt: skip
