"""Recomputes the stored refusals of a reference: on the ledger's own figures, by the rule that refused."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from accounting.admin.errors import NotFoundError
from accounting.admin.explain import SHOWN_LIMIT, id_range
from accounting.audit import door, refusals
from accounting.audit import statements as audit_statements
from accounting.reports import statements
from credit.models import ModelMap
from credit.policy import EMPTY, Policy

BOUND_S = 10.0
Row = Mapping[str, Any] | asyncpg.Record

AGREES, DIFFERS, UNKNOWN = "agrees", "differs", "unknown"


@dataclass(frozen=True, slots=True)
class Recomputation:
    """Whether a stored refusal follows from what it was decided on, in one sentence."""

    hold_id: str
    kind: str
    verdict: str  # agrees, differs, unknown
    sentence: str


async def recompute(pool: asyncpg.Pool, ref: str) -> list[Recomputation]:
    """Every refusal whose id begins with `ref`, newest first; a hold that was never refused has none."""
    low, high = id_range(ref)
    found = await statements.rows(pool, "list_decided", low=low, high=high, page_size=SHOWN_LIMIT)
    return [await _recomputed(pool, row) for row in found]


async def find_newest(pool: asyncpg.Pool, person: str) -> str:
    """The hold id of a person's newest refusal; NotFoundError."""
    row = await statements.row(pool, "find_newest_refusal", person=person.strip())
    if row is None:
        raise NotFoundError(f"no refusal is recorded of a person known as {person}")
    return str(row["hold_id"])


async def _recomputed(pool: asyncpg.Pool, row: Row) -> Recomputation:
    whose = str(row["hold_id"]), row["kind"]
    try:
        if row["account_version"] is None:
            then = await _maps_of(pool, row), await _policies_of(pool, row)
            problem = door.recompute(dict(row), *then)
        else:
            problem = refusals.recompute(await _with_figures(pool, row["hold_id"]))
    except LookupError as error:
        return Recomputation(*whose, UNKNOWN, f"cannot be decided again: {error.args[0]}")
    if problem is None:
        return Recomputation(
            *whose, AGREES, "recomputed: the stored inputs give the stored verdict"
        )
    return Recomputation(*whose, DIFFERS, f"DOES NOT RECOMPUTE: {problem}")


async def _maps_of(pool: asyncpg.Pool, row: Row) -> list[ModelMap]:
    if row["reason"] != "model_unpriced":
        return []
    found = await statements.rows(pool, "list_maps_then", at=row["decided_at"])
    return [ModelMap.from_json(each["map"]) for each in found]


async def _policies_of(pool: asyncpg.Pool, row: Row) -> list[Policy]:
    """Of the client, each overlaid by each of the plan."""
    if row["reason"] != "model_not_allowed":
        return []
    found = await statements.rows(
        pool, "list_policies_then", at=row["decided_at"], client_id=row["client_id"],
        account_id=row["account_id"],
    )  # fmt: skip
    of: dict[str, list[Policy]] = {"client": [], "plan": []}
    for each in found:
        of[each["subject_kind"]].append(Policy.from_json(each["body"]))
    houses, plans = of["client"] or [EMPTY], of["plan"] or [EMPTY]
    return [house.merge(plan) for house in houses for plan in plans]


async def _with_figures(pool: asyncpg.Pool, hold_id: uuid.UUID) -> Mapping[str, Any]:
    """The auditor's row of one refusal: so that both say the same of it. LookupError: of before the history."""
    before = uuid.UUID(int=max(hold_id.int - 1, 0))
    async with pool.acquire() as connection:
        found = await audit_statements.rows(
            connection, "list_refusals", BOUND_S, after=str(before), since=0, accounts=None,
            page_size=1,
        )  # fmt: skip
    if not found or found[0]["hold_id"] != hold_id:
        raise LookupError("it was made before the ledger kept its history")
    return dict(found[0])
