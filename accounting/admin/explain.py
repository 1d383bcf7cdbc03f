"""What happened to a request, from the reference that a person reads out."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from accounting.admin import statements
from accounting.admin.accounts import Name
from accounting.admin.errors import InvalidFieldError, NotFoundError
from accounting.admin.holds import open_reason
from credit.money import exact_usd as usd

# Six characters are no unique name: the newest that begin with them are shown, up to this many.
SHOWN_LIMIT = 20
# Beside `account_suspended`: no administrator did it, and setting it active again is not the first thing to do.
FROZEN = "frozen by the auditor"
_DIGITS = 32
_REF = re.compile(r"[0-9a-f]{6,32}")
# What a refusal made before any account was known, or a hold, has no figure for.
_FIGURES = (
    "want",
    "target",
    "minimum",
    "posted",
    "held",
    "overdraft",
    "granted",
    "captured",
    "overage",
    "late",
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """One decision or hold with the figures (nano-USD) it was made on; see admin.proto."""

    hold_id: str
    account: Name
    kind: str
    reason: str
    detail: str
    model: str
    figures: Mapping[str, int]
    at: datetime
    person_unknown: bool


async def explain(pool: asyncpg.Pool, ref: str) -> list[Explanation]:
    """Every decision and hold whose id begins with `ref`, newest first; NotFoundError if none."""
    low, high = id_range(ref)
    bounds = {"low": low, "high": high, "page_size": SHOWN_LIMIT}
    decisions = await statements.rows(pool, "explain_decisions", **bounds)
    holds = await statements.rows(pool, "explain_holds", **bounds)
    found = [_decision(row) for row in decisions] + [_hold(row) for row in holds]
    if not found:
        raise NotFoundError(f"nothing is recorded under the reference {ref}")
    return sorted(found, key=lambda explanation: explanation.at, reverse=True)


def id_range(ref: str) -> tuple[uuid.UUID, uuid.UUID]:
    """The lowest and highest id that begin with a reference: six hexadecimal digits, or more."""
    digits = ref.strip().lower().replace("-", "")
    if not _REF.fullmatch(digits):
        raise InvalidFieldError("ref", "must be six hexadecimal digits, or a whole hold id")
    return uuid.UUID(digits.ljust(_DIGITS, "0")), uuid.UUID(digits.ljust(_DIGITS, "f"))


def _decision(row: asyncpg.Record) -> Explanation:
    frozen = row["reason"] == "account_suspended" and row["then_status"] == "frozen"
    said = [FROZEN if frozen else row["detail"] or ""]
    said += [_say(each, row["named"] or {}) for each in row["others"] or ()]
    detail = "; ".join(filter(None, said))
    return _explanation(row, row["kind"], row["reason"], detail, row["decided_at"])


def _hold(row: asyncpg.Record) -> Explanation:
    kind, reason = row["outcome"] or "open", row["reason"] or open_reason(row["records"])
    # A hold of accounting's own reserved nothing: the call ran in mode off, or its placing was lost.
    # A refusal of the callback's is about a field of the body.
    said = (
        "unheld" if row["placed_by"] == "report" else row["field"],
        "late debit" if row["late"] > 0 else "",
        "price set here" if row["house"] else "",
        f"markup {row['markup_percent']} %" if row["markup_percent"] else "",
    )
    detail = "; ".join(filter(None, said))
    return _explanation(row, kind, reason, detail, row["closed_at"] or row["placed_at"])


def _say(other: Mapping[str, Any], named: Mapping[str, Any]) -> str:
    """Who else had a say, with its figures as they were then: a pool, a cap, the number of open calls."""
    known = named.get(str(other.get("id"))) or {}
    match other["role"]:
        case "pool":
            free = other["posted"] + other["overdraft"] - other["held"]
            return f"pool {known.get('pool')}: available {usd(free)}"
        case "cap":
            whose = {"own": "own limit", "everybody": "cap for everybody"}.get(
                known.get("whose", ""), "cap"
            )
            out_of = f" out of {known['out_of']}" if known.get("out_of") else ""
            left = other["posted"] - other["held"]
            return f"{whose} each {known.get('period')}{out_of}: left {usd(left)} of {usd(known.get('limit') or 0)}"
        case "open_holds":
            return f"{other['open']} calls in flight of {other['limit']} allowed"
        case "cheaper":
            return f"enforce would have answered with {other['model']}"
    return ""


def _explanation(
    row: asyncpg.Record, kind: str, reason: str, detail: str, at: datetime
) -> Explanation:
    present = {name: row[name] or 0 for name in _FIGURES if name in row.keys()}  # noqa: SIM118 (a Record is searched by value)
    return Explanation(
        hold_id=str(row["hold_id"]),
        account=Name(row["client_id"] or "", row["external_id"] or ""),
        kind=kind,
        reason=reason,
        detail=detail,
        model=row["model"] or "",
        figures=present,
        at=at,
        person_unknown=row["person_unknown"],
    )
