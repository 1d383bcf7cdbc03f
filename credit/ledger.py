"""The ledger store on Postgres: thin, typed calls of the statements in sql/.

Nothing is decided here. Every write is a single autocommitted statement, so no lock
outlives the statement and a stalled process cannot block another person.
Errors of the driver pass through; callers treat them as "outcome unknown".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

import aiosql
import asyncpg

from credit.grant import USUAL_RULE, GrantRule

_QUERIES = aiosql.from_str(
    "\n".join(
        (files("credit") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
        for name in ("queries", "outages")
    ),
    "asyncpg",
    mandatory_parameters=False,
)


@dataclass(frozen=True, slots=True)
class Cheaper:
    """What is placed where the model asked for does not fit; amounts in nano-USD."""

    model: str
    want_nanos: int
    target_nanos: int
    minimum_nanos: int


@dataclass(frozen=True, slots=True)
class Place:
    """A hold to be placed; amounts in nano-USD.

    `rule`, `max_open_holds` (None: any number) and `cheaper` (None: refuse) come from the policy.
    """

    hold_id: str
    account_id: int
    client_id: str
    route: str
    model: str
    want_nanos: int
    target_nanos: int
    minimum_nanos: int
    shadow: bool
    rule: GrantRule = USUAL_RULE
    max_open_holds: int | None = None
    cheaper: Cheaper | None = None
    price_version: int | None = None
    markup_percent: int = 0
    line: bool = False  # the answer may end with a line that credit runs low


@dataclass(frozen=True, slots=True)
class Placed:
    """The ledger's answer for one hold, with the figures it was decided on (nano-USD)."""

    result: str  # placed, replay, closed, refused
    reason: str | None
    granted_nanos: int
    shadow: bool
    posted_nanos: int
    held_nanos: int
    overdraft_nanos: int
    status_at: datetime
    account_version: int = 0  # of the figures
    payer: int = 0  # the account that pays: the person's own, or a pool
    others: Sequence[Mapping[str, Any]] | None = None  # pools and caps, as decided on
    model: str = ""  # that of the hold, where a cheaper one was placed; else empty
    markup_percent: int | None = None  # pinned on the hold; None: as it was asked for
    low: Mapping[str, Any] | None = None  # say now that credit runs low: see the SQL, o_low

    @property
    def available_nanos(self) -> int:
        """What was free to spend at that moment."""
        return self.posted_nanos + self.overdraft_nanos - self.held_nanos


@dataclass(frozen=True, slots=True)
class Extended:
    """The ledger's answer to an extension; `held_nanos` counts the account's other holds."""

    result: str  # extended, refused, closed
    reason: str | None
    granted_nanos: int
    posted_nanos: int
    held_nanos: int
    overdraft_nanos: int


async def place_batch(
    pool: asyncpg.Pool, places: Sequence[Place], deadline_s: int
) -> dict[str, Placed]:
    """Decide and journal the holds in arrival order; ids must be distinct. Keyed by hold id."""
    rows = await _many(
        pool,
        "place_batch",
        ids=[p.hold_id for p in places],
        accounts=[p.account_id for p in places],
        clients=[p.client_id for p in places],
        routes=[p.route for p in places],
        models=[p.model for p in places],
        wants=[p.want_nanos for p in places],
        targets=[p.target_nanos for p in places],
        minimums=[p.minimum_nanos for p in places],
        shadow=[p.shadow for p in places],
        smalls=[p.rule.small_percent for p in places],
        shares=[p.rule.share_percent for p in places],
        most_open=[p.max_open_holds for p in places],
        cheaper=[_cheaper(p.cheaper) for p in places],
        prices=[p.price_version for p in places],
        markups=[p.markup_percent for p in places],
        lines=[p.line for p in places],
        deadline_s=deadline_s,
    )
    return {
        str(r["o_id"]): Placed(
            r["o_result"],
            r["o_reason"],
            r["o_granted"] or 0,
            r["o_shadow"],
            r["o_posted"],
            r["o_held"],
            r["o_overdraft"],
            r["o_status_at"],
            r["o_version"],
            r["o_payer"],
            r["o_others"],
            r["o_model"] or "",
            r["o_markup"],
            r["o_low"],
        )
        for r in rows
    }


def _cheaper(cheaper: Cheaper | None) -> Mapping[str, Any] | None:
    if cheaper is None:
        return None
    sizes = (cheaper.want_nanos, cheaper.target_nanos, cheaper.minimum_nanos)
    return {"model": cheaper.model, **dict(zip(("want", "target", "minimum"), sizes, strict=True))}


async def extend_hold(
    pool: asyncpg.Pool, hold_id: str, want_nanos: int, minimum_nanos: int
) -> Extended:
    """Raise the hold's total towards `want`, at least to `minimum`, or say why not."""
    r = await _one(pool, "extend_hold", hold_id=hold_id, want=want_nanos, minimum=minimum_nanos)
    return Extended(
        r["o_result"],
        r["o_reason"],
        r["o_granted"] or 0,
        r["o_posted"] or 0,
        r["o_held"] or 0,
        r["o_overdraft"] or 0,
    )


async def settle_due(pool: asyncpg.Pool, account_id: int) -> bool:
    """Bring an account to the present before it is shown; whether anything was due."""
    return bool((await _one(pool, "settle_due", account_id=account_id))["settled"])


async def capture_batch(
    pool: asyncpg.Pool,
    records: Sequence[Mapping[str, Any]],
    events: Sequence[Mapping[str, Any]],
    deadline_s: int,
) -> dict[tuple[str, str], str]:
    """Store the reports and debit each event once. Keyed by (record | event, id); see the SQL for fields."""
    rows = await _many(pool, "capture_batch", records=records, events=events, deadline_s=deadline_s)
    return {(r["o_kind"], r["o_id"]): r["o_result"] for r in rows}


async def close_batch(pool: asyncpg.Pool, closes: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Close the holds whose evidence is still what was decided on; hold id -> captured nano-USD."""
    rows = await _many(pool, "close_batch", closes=closes)
    return {str(r["o_hold_id"]): r["o_captured"] for r in rows}


async def place_bounded(
    pool: asyncpg.Pool, places: Sequence[Mapping[str, Any]], deadline_s: int
) -> dict[str, str]:
    """Place what was granted while Postgres was away; hold id -> placed, replay, unknown. See the SQL."""
    rows = await _many(pool, "place_bounded", places=places, deadline_s=deadline_s)
    return {str(r["o_id"]): r["o_result"] for r in rows}


async def list_figures(
    pool: asyncpg.Pool, account_ids: Sequence[int]
) -> Sequence[Mapping[str, Any]]:
    """Named accounts as they are now: rows with id and the fields of credit.mirror.FIELDS."""
    return [dict(row) for row in await _many(pool, "list_figures", account_ids=account_ids)]


async def list_recently_bounded(pool: asyncpg.Pool, within_s: int) -> Sequence[Mapping[str, Any]]:
    """The same of the accounts that were granted something in an outage in so many seconds."""
    return [dict(row) for row in await _many(pool, "list_recently_bounded", within_s=within_s)]


async def list_payers(
    pool: asyncpg.Pool, account_ids: Sequence[int]
) -> Sequence[Mapping[str, Any]]:
    """Who may pay for these people: rows with id and what credit.mirror.payers_in takes."""
    return [dict(row) for row in await _many(pool, "list_payers", account_ids=account_ids)]


async def access_batch(pool: asyncpg.Pool, records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Keep entries of Envoy's access log; record id -> recorded, duplicate. See the SQL for fields."""
    rows = await _many(pool, "access_batch", records=records)
    return {r["o_id"]: r["o_result"] for r in rows}


async def find_account(pool: asyncpg.Pool, client_id: str, external_id: str) -> int | None:
    """The account of a client's person; None when there is none yet."""
    found = await _one(pool, "find_account", client_id=client_id, external_id=external_id)
    return None if found["id"] is None else int(found["id"])


async def meet_person(
    pool: asyncpg.Pool, client_id: str, external_id: str, email: str | None
) -> int | None:
    """The account of whoever is not known yet: bound by a verified e-mail, made, or None (see the SQL)."""
    met = await _one(pool, "meet_person", client_id=client_id, external_id=external_id, email=email)
    return None if met["id"] is None else int(met["id"])


async def find_client_account(pool: asyncpg.Pool, client_id: str, kind: str) -> int | None:
    """The `service` or `unattributed` account of a client."""
    found = await _maybe(pool, "find_client_account", client_id=client_id, kind=kind)
    return None if found is None else int(found["id"])


async def ask_pulse(pool: asyncpg.Pool) -> None:
    """Return when Postgres answers and takes writes; raises OSError or the driver's error."""
    rows = await _many(pool, "ask_pulse")
    if not rows[0]["writable"]:
        raise ConnectionError("the server takes no writes")


async def record_outage(
    pool: asyncpg.Pool, kind: str, subject: str, detail: Mapping[str, Any]
) -> None:
    """An audit line and an alarm about what happened to a process while a store was away."""
    await write(pool, "record_outage", kind=kind, subject=subject, detail=detail)


async def query(pool: asyncpg.Pool, name: str, **arguments: Any) -> list[asyncpg.Record]:
    """Run a named read of sql/queries.sql."""
    return await _many(pool, name, **arguments)


async def write(pool: asyncpg.Pool, name: str, **arguments: Any) -> None:
    """Run a named write of sql/queries.sql that returns nothing."""
    await getattr(_QUERIES, name)(pool, **arguments)


async def _many(pool: asyncpg.Pool, name: str, **arguments: Any) -> list[asyncpg.Record]:
    return [row async for row in getattr(_QUERIES, name)(pool, **arguments)]


async def _maybe(pool: asyncpg.Pool, name: str, **arguments: Any) -> asyncpg.Record | None:
    row: asyncpg.Record | None = await getattr(_QUERIES, name)(pool, **arguments)
    return row


async def _one(pool: asyncpg.Pool, name: str, **arguments: Any) -> asyncpg.Record:
    row = await _maybe(pool, name, **arguments)
    if row is None:
        raise LookupError(name)
    return row
