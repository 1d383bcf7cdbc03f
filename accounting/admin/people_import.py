"""Imports people from a file, as one batch that can be undone."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from accounting.admin import fields, people_follow, statements
from accounting.admin.errors import ConflictError
from accounting.admin.people_diff import FIELDS, Change, Diff, Known, compare
from accounting.admin.people_file import Rules, read_people
from accounting.admin.people_lock import lock_people


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file, and how it is meant."""

    file: bytes
    brl_per_usd: str
    request_id: str
    partial: bool = False
    force: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """What was done; `batch` 0: nothing was written. Replayed: an earlier call with that id did it."""

    batch: int
    diff: Diff
    replayed: bool = False


async def import_people(
    pool: asyncpg.Pool, wanted: Wanted, change: fields.Change, now: datetime
) -> Imported:
    """Do what the file changes, all of it or nothing; once per request id. Then the accounts follow.

    Raises InvalidFieldError for a file with a line that cannot be used, ConflictError for doubts
    without `force`, and for a request id that stands for another file.
    """
    request_id = ""
    if not wanted.dry_run:
        request_id = fields.text("request_id", wanted.request_id, fields.REQUEST_ID_LIMIT)
    async with pool.acquire() as connection, connection.transaction():
        done = await _import(connection, wanted, change, now, request_id)
    if done.batch:
        await people_follow.follow(pool)
    return done


async def _import(
    connection: statements.Source,
    wanted: Wanted,
    change: fields.Change,
    now: datetime,
    request_id: str,
) -> Imported:
    digest = hashlib.sha256(wanted.file).hexdigest()
    if not wanted.dry_run:
        await lock_people(connection)
    earlier = await _find(connection, request_id)
    if earlier is not None:
        if earlier["digest"] != digest:
            raise ConflictError(f"request_id {request_id} was used for another file")
        return Imported(earlier["id"], Diff((), 0, ()), replayed=True)
    plans = {row["id"] for row in await statements.rows(connection, "list_plans", id="")}
    lines = read_people(wanted.file, Rules(plans, wanted.brl_per_usd, now))
    pools = {row["name"] for row in await statements.rows(connection, "list_pools", name="")}
    diff = compare(lines, await _known(connection), pools, partial=wanted.partial)
    if wanted.dry_run or not diff.changes:
        return Imported(0, diff)
    if diff.doubts and not wanted.force:
        raise ConflictError(
            "\n  ".join(["nothing was imported, --force if this is meant:", *diff.doubts])
        )
    return Imported(await _apply(connection, diff, digest, request_id, change), diff)


async def _find(connection: statements.Source, request_id: str) -> asyncpg.Record | None:
    return await statements.row(connection, "find_people_import", request_id=request_id, id=None)


async def _known(connection: statements.Source) -> list[Known]:
    return [
        Known(
            row["id"],
            row["email"],
            {name: row[name] for name in FIELDS},
            row["state"],
            row["account_id"],
            {(c["amount"], _moment(c["until"])) for c in row["credits"]},
        )
        for row in await statements.rows(connection, "read_people")
    ]


def _moment(epoch_s: int | None) -> datetime | None:
    return None if epoch_s is None else datetime.fromtimestamp(epoch_s, UTC)


async def _apply(
    connection: Any, diff: Diff, digest: str, request_id: str, change: fields.Change
) -> int:
    """The people only: their accounts follow, so that a list keeps nobody's chat waiting (people_follow)."""
    made = await statements.row(
        connection, "add_batch", digest=digest, request_id=request_id, actor=change.actor,
        reason=change.reason,
    )  # fmt: skip
    assert made is not None
    batch = int(made["id"])
    for name in diff.new_pools:
        await statements.row(
            connection, "create_pool", name=name, actor=change.actor, reason=change.reason
        )
    for each in sorted(diff.changes, key=_order):
        await _apply_one(connection, batch, each)
    await statements.run(
        connection, "note_people_import", batch=batch, action="import_people", actor=change.actor,
        reason=change.reason, detail=_counts(diff),
    )  # fmt: skip
    await statements.run(connection, "tell_people")
    return batch


async def _apply_one(connection: Any, batch: int, change: Change) -> None:
    if change.known is None:
        added = await statements.row(connection, "add_person", email=change.email, **change.after)
        assert added is not None, "looked for under the lock"
        person_id = added["id"]
    else:
        person_id = change.known.id
        await statements.run(
            connection, "change_person", person_id=person_id, fields=dict(change.after)
        )
    await statements.run(
        connection, "add_item", batch=batch, person_id=person_id, change=change.kind,
        before=dict(change.before), after=dict(change.after),
    )  # fmt: skip
    if change.credit_nanos:
        await statements.run(
            connection, "add_credit", person_id=person_id, batch=batch,
            amount=change.credit_nanos, valid_until=change.valid_until,
        )  # fmt: skip


def _order(change: Change) -> tuple[bool, int]:
    account_id = change.known.account_id if change.known else None
    return account_id is None, account_id or change.line


def _counts(diff: Diff) -> Mapping[str, int]:
    kinds = [change.kind for change in diff.changes]
    counts = {kind: kinds.count(kind) for kind in ("new", "moved", "back", "left")}
    return counts | {"unchanged": diff.unchanged, "credit_nanos": diff.credit_nanos}
