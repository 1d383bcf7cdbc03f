"""The addresses in the mails to approvers: each is for one answer of one administrator, once, for 48 hours.

A look changes nothing: programs that follow links look. The button answers with the rights that this
administrator has at that moment. Guessing: a code is 130 random bits, of which the hash is kept.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from accounting.admin import admins, fields, gate, reach, requests, statements
from accounting.admin.errors import (
    AdminError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ProposedError,
)
from credit.address import ALPHABET
from protos.pedagio.v1 import requests_pb2 as pb

VERBS: Final = ("approve", "deny")
METHODS: Final = {
    "approve": "RequestService/ApproveRequest",
    "deny": "RequestService/DenyRequest",
}
DONE: Final = {"approve": "approved", "deny": "denied"}
LENGTH: Final = 26  # characters of 32: 130 bits
HOURS: Final = 48
APPROVED: Final = "approved by the address in the mail"
UNKNOWN: Final = (
    "this address opens nothing: it was typed or copied with a mistake, or is older than a month"
)


@dataclass(frozen=True, slots=True)
class Decision:
    """What an address is good for now, or did; `status` as in requests.proto."""

    status: str
    verb: str
    problem: str
    admin_name: str
    expires_at: datetime
    request: requests.Request | None


async def make_code(pool: asyncpg.Pool, request_id: int, admin_id: int, verb: str) -> str:
    """A new code, of which only the hash is kept."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    await statements.run(
        pool, "add_request_address", sha256=_digest(code), id=request_id, admin_id=admin_id,
        verb=verb, hours=HOURS,
    )  # fmt: skip
    return code


async def read(pool: asyncpg.Pool, code: str) -> Decision:
    """What the button would do; NotFoundError for a code that is none."""
    address = await _find(pool, code)
    return await _standing(pool, address)


async def decide(pool: asyncpg.Pool, code: str, answer: str) -> Decision:
    """Answer, once, as the administrator whose address it is."""
    address = await _find(pool, code)
    found = await _standing(pool, address)
    if found.status != "open":
        return _repeated(found)
    caller = await admins.find_by_id(pool, address["admin_id"])
    assert caller is not None, "whoever administers no more has no open address"
    try:
        await gate.act_as(caller, METHODS[found.verb], _asked(address, answer))
    except ProposedError as error:
        await _use(pool, code)
        return await _ended(pool, address, "proposed", str(error))
    except (ConflictError, ForbiddenError, NotFoundError):
        after = await _standing(pool, address)
        if after.status == "open":
            raise
        return _repeated(after)  # somebody was first, or their rights went
    await _use(pool, code)
    return await _ended(pool, address, DONE[found.verb], "")


async def _find(pool: asyncpg.Pool, code: str) -> asyncpg.Record:
    given = code.strip().upper()
    row = None
    if len(given) == LENGTH and given.isascii():
        row = await statements.row(pool, "find_request_address", sha256=_digest(given))
    if row is None:
        raise NotFoundError(UNKNOWN)
    return row


async def _standing(pool: asyncpg.Pool, address: asyncpg.Record) -> Decision:
    request = await requests.find(pool, address["request_id"])
    status, problem = _status(address, request)
    if status == "open":
        status, problem = await _right(pool, address)
    return _decision(
        address, status, problem, None if status in {"stale", "forbidden"} else request
    )


def _status(address: asyncpg.Record, request: requests.Request) -> tuple[str, str]:
    """By what became of the request, then of the address."""
    ending = requests.ending(request.state, request.decider, by_policy=request.by_policy)
    if request.state in {"withdrawn", "expired"}:
        return request.state, f"the request waits no more: it is {request.state}"
    if request.state != "requested":
        by_this = request.state == DONE[address["verb"]] and (
            request.decided_by == address["admin_id"]
        )
        if by_this:
            return "used", f"this was answered already: the request is {ending}"
        return "decided", f"this was answered already: the request is {ending}"
    if address["used_at"] is not None:
        return (
            "proposed",
            "it is more than one administrator gives alone: somebody else confirms it",
        )
    if address["stale"]:
        return (
            "stale",
            f"this address was good for {HOURS} hours: `pedagio request show {request.id}`",
        )
    return "open", ""


async def _right(pool: asyncpg.Pool, address: asyncpg.Record) -> tuple[str, str]:
    """Whether the administrator may answer at this moment."""
    caller = await admins.find_by_id(pool, address["admin_id"])
    if caller is None:
        return "forbidden", "whoever got this address administers no more"
    try:
        await gate.check_as(caller, METHODS[address["verb"]], _asked(address, "-"))
    except ForbiddenError as error:
        return "own" if str(error) == reach.OWN else "forbidden", str(error)
    except AdminError as error:
        return "forbidden", str(error)
    return "open", ""


def _repeated(found: Decision) -> Decision:
    """The button pressed again says what it did."""
    if found.status != "used":
        return found
    return Decision(
        DONE[found.verb], found.verb, "", found.admin_name, found.expires_at, found.request
    )


async def _ended(
    pool: asyncpg.Pool, address: asyncpg.Record, status: str, problem: str
) -> Decision:
    request = await requests.find(pool, address["request_id"])
    return _decision(address, status, problem, request)


def _decision(
    address: asyncpg.Record, status: str, problem: str, request: requests.Request | None
) -> Decision:
    return Decision(
        status, address["verb"], problem, address["name"], address["expires_at"], request
    )


def _asked(address: asyncpg.Record, answer: str) -> Any:
    if address["verb"] == "approve":
        return pb.ApproveRequestRequest(id=address["request_id"], reason=APPROVED)
    return pb.DenyRequestRequest(
        id=address["request_id"], reason=fields.text("answer", " ".join(answer.split()))
    )


async def _use(pool: asyncpg.Pool, code: str) -> None:
    await statements.run(pool, "use_request_address", sha256=_digest(code.strip().upper()))


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
