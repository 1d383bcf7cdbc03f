"""Open holds: what is reserved now, for how long, why; one of them released by hand."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg

from accounting.admin import fields, page_token, statements
from accounting.admin.accounts import Name, read
from accounting.admin.errors import ConflictError, InvalidFieldError, NotFoundError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOWEST_ID = "00000000-0000-0000-0000-000000000000"
_MICROSECOND = timedelta(microseconds=1)
# A report that arrives at that very moment is looked at first: once more, then.
_RELEASE_TRIES = 3


@dataclass(frozen=True, slots=True)
class Hold:
    """An open hold; it closes by itself at `frees_at` at the latest."""

    hold_id: str
    account: Name
    model: str
    amount_nanos: int
    age_s: int
    reason: str
    frees_at: datetime


@dataclass(frozen=True, slots=True)
class Released:
    """What became of a hold that support wanted to release, in nano-USD."""

    hold_id: str
    account: Name
    released_nanos: int
    already_closed: bool


async def release(pool: asyncpg.Pool, hold_id: str, change: fields.Change) -> Released:
    """Close an open hold as released; NotFoundError, ConflictError while reports keep coming.

    A report that comes later is a late debit (protocol.md 3).
    """
    whole = _whole_id(hold_id)
    arguments = {"hold_id": whole, "actor": change.actor, "reason": change.reason}
    for _ in range(_RELEASE_TRIES):
        done = await statements.row(pool, "release_hold", **arguments)
        found = await statements.row(pool, "find_hold", hold_id=whole)
        if found is None:
            raise NotFoundError(f"there is no hold {whole}")
        if done is None and found["open"]:
            continue
        account = Name(found["client_id"] or "", found["external_id"] or "")
        freed = 0 if done is None else found["freed"]
        return Released(whole, account, freed, already_closed=done is None)
    raise ConflictError(f"reports of {whole} are coming in at this moment: try again")


async def list_page(
    pool: asyncpg.Pool, name: Name, page_size: int, token: str
) -> tuple[list[Hold], str]:
    """One page of open holds, the next to free first, and the token of the next page.

    `name.client` empty: those of all accounts.
    """
    size = fields.page_size("page_size", page_size)
    account_id = (await read(pool, name)).id if name.client or name.external_id else None
    scope = f"holds:{account_id or 'all'}"
    after_us, after_id = _place(token, scope)
    found = await statements.rows(
        pool,
        "list_holds",
        account_id=account_id,
        after_at=_EPOCH + after_us * _MICROSECOND,
        after_id=after_id,
        page_size=size + 1,
    )
    holds = [_hold(row) for row in found[:size]]
    if len(found) <= size:
        return holds, ""
    last = holds[-1]
    return holds, page_token.encode(scope, (last.frees_at - _EPOCH) // _MICROSECOND, last.hold_id)


def open_reason(kinds: Collection[str]) -> str:
    """Why a hold is still open, from the kinds of records seen (protocol.md 6, "Close").

    Envoy's entry of the end (`access_end`) is a witness that it is over; one of progress says nothing.
    """
    told = set(kinds) & {"start", "end", "cost"}
    if not told:
        return "report_missing"
    if "end" not in told:
        over = "cost" in told or "access_end" in kinds
        return "end_missing" if over else "in_flight"
    return "closing" if "cost" in told else "cost_missing"


def _whole_id(hold_id: str) -> str:
    """Six characters may be several calls: nobody releases another's credit by a slip."""
    try:
        return fields.hold_id("hold_id", hold_id.strip())
    except InvalidFieldError as error:
        hint = "must be a whole hold id; `pedagio explain REF` shows that of a reference"
        raise InvalidFieldError("hold_id", hint) from error


def _place(token: str, scope: str) -> tuple[int, str]:
    if not token:
        return 0, _LOWEST_ID
    after_us, after_id = page_token.decode("page_token", token, scope, int, str)
    return int(after_us), fields.hold_id("page_token", str(after_id))


def _hold(row: asyncpg.Record) -> Hold:
    return Hold(
        hold_id=str(row["hold_id"]),
        account=Name(row["client_id"] or "", row["external_id"] or ""),
        model=row["model"],
        amount_nanos=row["amount"],
        age_s=max(row["age_s"], 0),
        reason=open_reason(row["records"]),
        frees_at=row["deadline_at"],
    )
