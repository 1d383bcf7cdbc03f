"""Puts enforcement in force, for everybody or a cohort, once the last days say that it may begin."""

import json
from dataclasses import asdict, dataclass

import asyncpg

from accounting.admin import fields, modes
from accounting.admin.errors import ConflictError
from accounting.reports import readiness, statements
from accounting.reports.readiness import Readiness


@dataclass(frozen=True, slots=True)
class Enforced:
    """The ledger-wide mode afterwards, and the accounts of a cohort that enforce now."""

    mode: str
    accounts: int
    readiness: Readiness


async def enforce(
    pool: asyncpg.Pool, days: int, cohort: str, change: fields.Change, *, force: bool
) -> Enforced:
    """Raises ConflictError while something blocks, unless forced; the audit keeps the readiness either way."""
    found = await readiness.read(pool, days, cohort)
    if not found.ready and not force:
        blocking = [line.name for line in found.lines if line.blocks and not line.ready]
        raise ConflictError(
            f"not ready: {', '.join(blocking)}; nothing was changed (--force enforces all the same)"
        )
    noted = {
        "actor": change.actor,
        "reason": change.reason,
        "forced": not found.ready,
        # Decoded by the connection's codec on the way in: a document, not a text.
        "readiness": json.loads(json.dumps([asdict(line) for line in found.lines])),
    }
    if not cohort:
        await statements.row(pool, "enforce_all", **noted)
        return Enforced("enforce", 0, found)
    whose = await readiness.members(pool, cohort)
    row = await statements.row(pool, "enforce_cohort", cohort=whose, name=cohort, **noted)
    assert row is not None, "an aggregate always has a row"
    return Enforced((await modes.read(pool)).mode, row["accounts"], found)
