"""Prices set here for one name, in place of what LiteLLM says; pico-USD per token.

A change is never altered; the one of a name that came into force last counts. It is taken with the next
model map, which the caller makes; debits keep the version that they were made with.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from accounting.admin import fields, statements
from accounting.admin.errors import ConflictError, InvalidFieldError
from accounting.admin.prices import check_moment
from accounting.models_sync import overrides_in_force
from credit import ledger
from credit.models import ModelMap
from credit.override import ANY_NAME, Override
from credit.price_diff import PriceChange
from credit.price_file import LIMIT_PICOS, LIMIT_TOKENS, NAME_LIMIT

NEAR_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """A change as it was asked for; `price` None ends the override, `effective_at` None: at once."""

    model: str
    price: Override | None
    effective_at: datetime | None
    force: bool
    request_id: str
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Set:
    """What became of it; `before`: the override of this name at that moment."""

    version: int
    made: bool
    effective_at: datetime | None
    before: Override | None


async def list_overrides(pool: asyncpg.Pool, page_size: int) -> list[asyncpg.Record]:
    """The newest changes."""
    size = fields.page_size("page_size", page_size)
    return await statements.rows(pool, "list_overrides", page_size=size)


async def set_override(
    pool: asyncpg.Pool, wanted: Wanted, change: fields.Change, now: datetime
) -> Set:
    """Set or end the price of a name; nothing is half-applied.

    Raises InvalidFieldError for what cannot be used, ConflictError for a sharp change or an unknown
    name without `force`, and for a request id that stands for something else.
    """
    _check(wanted)
    request_id = fields.request_id(wanted.request_id)
    async with pool.acquire() as connection, connection.transaction():
        await statements.rows(connection, "lock_sync")
        known = await statements.row(connection, "find_override", request_id=request_id)
        in_force, _ = await overrides_in_force(connection, wanted.effective_at)
        before = in_force.get(wanted.model)
        if known is not None:
            same = known["model"] == wanted.model and _read(known["price"]) == wanted.price
            if not same:
                raise ConflictError(f"request_id {request_id} was used for another change")
            return Set(
                known["version"], made=False, effective_at=known["effective_at"], before=before
            )
        check_moment(wanted.effective_at, now)
        if before == wanted.price:
            return Set(0, made=False, effective_at=None, before=before)
        if not wanted.force:
            await _check_meant(pool, wanted, before)
        if wanted.dry_run:
            return Set(0, made=True, effective_at=wanted.effective_at, before=before)
        made = await statements.row(
            connection,
            "set_override",
            model=wanted.model,
            price=None if wanted.price is None else wanted.price.to_json(),
            effective_at=wanted.effective_at,
            request_id=request_id,
            actor=change.actor,
            reason=change.reason,
            forced=wanted.force,
        )
    assert made is not None, "the request id was looked for under the lock"
    return Set(made["version"], made=True, effective_at=made["effective_at"], before=before)


def _check(wanted: Wanted) -> None:
    if fields.text("model", wanted.model, NAME_LIMIT) != wanted.model:
        raise InvalidFieldError("model", "must not begin or end with a space")
    price = wanted.price
    if price is None:
        return
    for field, picos in (
        ("input_picos", price.input),
        ("output_picos", price.output),
        ("cached_picos", price.cached or 0),
    ):
        if not 0 <= picos <= LIMIT_PICOS:
            problem = "must be from 0 to 10,000 USD per million tokens"
            raise InvalidFieldError(f"price.{field}", problem)
    for field, tokens in (
        ("context_tokens", price.context),
        ("max_output_tokens", price.max_output),
    ):
        if not 0 <= tokens <= LIMIT_TOKENS:
            raise InvalidFieldError(f"price.{field}", f"must be from 0 to {LIMIT_TOKENS}")


async def _check_meant(pool: asyncpg.Pool, wanted: Wanted, before: Override | None) -> None:
    """A name that nobody can ask for, and a price tenfold or free, are more often slips than decisions."""
    rows = await ledger.query(pool, "read_model_map")
    models = ModelMap.from_json(rows[0]["map"]) if rows else ModelMap({})
    if wanted.model != ANY_NAME and wanted.model not in models.entries and wanted.price:
        start = wanted.model[:3].lower()
        near = sorted(name for name in models.entries if start in name.lower())[:NEAR_NAMED]
        hint = f" (there are {', '.join(near)})" if near else ""
        raise ConflictError(
            f"LiteLLM has no model {wanted.model!r}{hint}: --force sets it all the same"
        )
    if wanted.price is None:
        return
    old = (before.input, before.output) if before else _billed(models, wanted.model)
    if old is None:
        free = wanted.price.input == wanted.price.output == 0
        if free:
            raise ConflictError(f"{wanted.model} would be free: --force if that is meant")
        return
    new = (wanted.price.input, wanted.price.output)
    for name, was, becomes in zip(("input", "output"), old, new, strict=True):
        if PriceChange(wanted.model, name, was, becomes).sharp:
            raise ConflictError(
                f"{wanted.model}: {name} from {was} to {becomes} pico-USD per token is tenfold or more: "
                "--force if that is meant"
            )


def _billed(models: ModelMap, name: str) -> tuple[int, int] | None:
    terms = models.terms(name, None)
    return None if terms is None else (terms.input_picos, terms.output_picos)


def _read(body: object) -> Override | None:
    return Override.from_json(body) if isinstance(body, dict) else None
