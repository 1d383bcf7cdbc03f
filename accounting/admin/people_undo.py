"""Undoes an import of people, for what is left of it."""

from dataclasses import dataclass, field
from typing import Any

import asyncpg

from accounting.admin import fields, statements
from accounting.admin.errors import ConflictError, NotFoundError
from accounting.admin.people_lock import lock_people


@dataclass(slots=True)
class Undone:
    """How many people were removed (no account yet, or a guest's), suspended, restored; nano-USD taken back.

    `kept`: whom a later import has changed since; their fields stay, their credit of this batch goes.
    """

    removed: int = 0
    suspended: int = 0
    restored: int = 0
    revoked_nanos: int = 0
    kept: list[str] = field(default_factory=list)


async def undo_import(
    pool: asyncpg.Pool, batch: int, change: fields.Change, *, dry_run: bool
) -> Undone:
    """Take a batch back, all of it or nothing. A pool that it made stays, empty: the ledger deletes none."""
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        done = False
        try:
            undone = await _undo(connection, batch, change)
            done = not dry_run
        finally:
            await (transaction.commit() if done else transaction.rollback())
    return undone


async def _undo(connection: Any, batch: int, change: fields.Change) -> Undone:
    await lock_people(connection)
    found = await statements.row(connection, "find_people_import", request_id=None, id=batch)
    if found is None:
        raise NotFoundError(f"there is no import {batch}: `pedagio people imports` shows them")
    if found["undone_at"] is not None:
        raise ConflictError(f"import {batch} was undone on {found['undone_at']:%Y-%m-%d}")
    undone = Undone()
    await statements.rows(connection, "lock_items", batch=batch)
    for item in await statements.rows(connection, "list_items", batch=batch):
        await _undo_one(connection, batch, item, undone, change)
    await statements.run(connection, "end_batch", batch=batch)
    counts = {
        "removed": undone.removed, "suspended": undone.suspended, "restored": undone.restored,
        "kept": len(undone.kept), "revoked_nanos": undone.revoked_nanos,
    }  # fmt: skip
    await statements.run(
        connection, "note_people_import", batch=batch, action="undo_import", actor=change.actor,
        reason=change.reason, detail=counts,
    )  # fmt: skip
    return undone


async def _undo_one(
    connection: Any, batch: int, item: asyncpg.Record, undone: Undone, change: fields.Change
) -> None:
    person_id, account_id = item["person_id"], item["account_id"]
    who = {"actor": change.actor, "reason": change.reason}
    back = await statements.rows(
        connection, "take_credit_back", batch=batch, person_id=person_id, **who
    )
    undone.revoked_nanos += sum(row["o_amount"] or 0 for row in back)
    if item["later"] is not None:
        undone.kept.append(f"{item['email']}: changed since by import {item['later']}")
        return
    if item["change"] == "new" and account_id is None and not item["bound"]:
        await statements.run(connection, "remove_person", person_id=person_id)
        undone.removed += 1
        return
    before = dict(item["before"])
    guest = item["change"] == "new" and bool(item["after"].get("guest"))
    if item["change"] == "new":
        # A guest is on the plan again that they came with.
        before = {"plan": before.get("plan"), "team": None, "state": "active" if guest else "left"}
        undone.suspended += not guest
    else:
        undone.restored += 1
    plan = item["after"].get("plan")
    await statements.run(connection, "change_person", person_id=person_id, fields=before)
    if account_id is None:
        return
    if plan is not None and plan != before.get("plan"):
        back = await statements.rows(
            connection, "take_allowance_back", account_id=account_id, plan=plan, batch=batch, **who
        )
        undone.revoked_nanos += sum(row["o_amount"] or 0 for row in back)
        await statements.row(connection, "leave_plan", account_id=account_id)
    await statements.row(connection, "furnish_person", person_id=person_id)
    if guest:
        await statements.row(connection, "forget_guest", person_id=person_id, email=item["email"])
        await statements.run(connection, "remove_person", person_id=person_id)
        undone.removed += 1
