"""Brings LiteLLM's models into the ledger with their prices, as one new version when they changed.

Source: DESIGN 3, "Model map". When LiteLLM does not answer, the map in force stays in force.
"""

import asyncio
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx

from accounting.admin import statements
from accounting.admin.errors import ConflictError, UpstreamError
from accounting.router_settings import aliases_of, fallbacks_of, names_of
from credit.models import ModelMap, model_map_from_info
from credit.override import Override
from credit.pricebook import PriceBook, find_price_file, load_price_book
from credit.prices import Price

HTTP_TIMEOUT_S = 10.0
ANY_NAME = "*"
OWN_ACTOR = "accounting"
OWN_REASON = "kept fresh"
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True, slots=True)
class SyncResult:
    """The version in force, whether it is new, how many names it has, which of them lack a price."""

    version: int
    changed: bool
    names: int
    unpriced: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prices:
    """The book in force; LiteLLM's own where a person brought the former; what is set here by name."""

    book: Mapping[str, Price]
    carried: Mapping[str, Price] | None
    overrides: Mapping[str, Override]


async def sync_models(
    pool: asyncpg.Pool,
    litellm_url: str,
    litellm_key: str,
    price_file: Path | None,
    *,
    actor: str = OWN_ACTOR,
    reason: str = OWN_REASON,
) -> SyncResult:
    """Read models from LiteLLM, prices from its price file; write what is new in one transaction.

    Raises UpstreamError when LiteLLM does not answer as it should, ConflictError without a price
    file; each with a sentence for the administrator.
    """
    try:
        source = find_price_file(price_file)
        book = await asyncio.to_thread(load_price_book, source)
    except (OSError, *UNREADABLE) as error:
        raise ConflictError(f"LiteLLM's price file cannot be read: {error}") from error
    imported, prices = await _imported_book(pool)
    overrides, count = await overrides_in_force(pool)
    listing = Prices(
        book.prices if imported is None else prices,
        None if imported is None else book.prices,
        overrides,
    )
    models = await _read_models(litellm_url, litellm_key, listing)
    names = sorted(models.entries)
    unpriced = tuple(name for name in names if models.terms(name, None) is None)
    async with pool.acquire() as connection, connection.transaction():
        version, changed = await _store(
            connection, models, (book, source.name, imported, count), (actor, reason)
        )
    return SyncResult(version, changed, len(names), unpriced)


async def _store(
    connection: statements.Source,
    models: ModelMap,
    read: tuple[PriceBook, str, int | None, int],
    who: tuple[str, str],
) -> tuple[int, bool]:
    """The version in force, and whether it had to be made."""
    book, source, imported, overrides = read
    await statements.rows(connection, "lock_sync")
    await _refuse_stale(connection, imported, overrides)
    carried = await _store_book(connection, book, source)
    book_version = carried if imported is None else imported
    body = models.to_json()
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    current = await statements.row(connection, "read_map_digest")
    known = (digest, book_version, overrides)
    if current is not None and known == (
        current["digest"],
        current["price_book"],
        current["overrides"],
    ):
        return current["version"], False
    made = await statements.row(
        connection,
        "add_model_map",
        price_book=book_version,
        overrides=overrides,
        digest=digest,
        map=body,
        actor=who[0],
        reason=who[1],
    )
    assert made is not None, "an insert without a conflict clause returns its row"
    return made["version"], True


async def _imported_book(pool: asyncpg.Pool) -> tuple[int | None, Mapping[str, Price]]:
    """The imported book in force with its prices; None: LiteLLM's own file is in force."""
    found = await statements.row(pool, "find_imported_book")
    if found is None:
        return None, {}
    rows = await statements.rows(pool, "list_book_prices", version=found["version"])
    return int(found["version"]), {row["model"]: Price.from_json(row["price"]) for row in rows}


async def overrides_in_force(
    source: statements.Source, at: datetime | None = None
) -> tuple[Mapping[str, Override], int]:
    """The prices set here by name, and how many changes of them have come into force by a moment (None: now)."""
    rows = await statements.rows(source, "list_overrides_in_force", at=at)
    found = {
        row["model"]: Override.from_json(row["price"]) for row in rows if row["price"] is not None
    }
    return found, rows[0]["changes"] if rows else 0


async def _refuse_stale(
    connection: statements.Source, imported: int | None, overrides: int
) -> None:
    """Prices that came into force while LiteLLM was asked: this map was made with those before."""
    now = await statements.row(connection, "find_imported_book")
    _, changes = await overrides_in_force(connection)
    if (None if now is None else now["version"], changes) != (imported, overrides):
        raise ConflictError("other prices came into force meanwhile: synchronise again")


async def _store_book(connection: statements.Source, book: PriceBook, source: str) -> int:
    """The version of these prices; written only when their digest is new."""
    made = await statements.row(connection, "add_price_book", digest=book.digest, source=source)
    if made is not None:
        prices = {key: price.to_json() for key, price in book.prices.items()}
        await statements.run(connection, "add_prices", version=made["version"], prices=prices)
        return int(made["version"])
    found = await statements.row(connection, "find_price_book", digest=book.digest)
    assert found is not None, "a price book is never deleted"
    return int(found["version"])


async def _read_models(url: str, key: str, prices: Prices) -> ModelMap:
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=HTTP_TIMEOUT_S) as http:
        try:
            found = (await _get(http, "/model/info"))["data"]
            router = (await _get(http, "/router/settings"))["current_values"]
            fallbacks = fallbacks_of(router)
            fallbacks[ANY_NAME] = await _general_fallbacks(http, found, fallbacks)
            models = model_map_from_info(
                found,
                prices.book,
                fallbacks,
                aliases_of(router),
                carried=prices.carried,
                overrides=prices.overrides,
            )
        except UNREADABLE as error:
            text = f"LiteLLM at {url} describes its models in a way that cannot be read"
            raise UpstreamError(f"{text} ({type(error).__name__}): the old map stays") from error
    if not models.entries:
        raise UpstreamError(f"LiteLLM at {url} names no model: the old map stays")
    return models


async def _get(http: httpx.AsyncClient, path: str) -> dict[str, Any]:
    """The JSON object at a path of LiteLLM; ValueError when it is none."""
    try:
        answer = await http.get(path)
    except httpx.HTTPError as error:
        problem = f"LiteLLM cannot be reached at {http.base_url} ({type(error).__name__})"
        raise UpstreamError(f"{problem}: see PEDAGIO_LITELLM_URL; the old map stays") from error
    if answer.status_code != httpx.codes.OK:
        problem = f"LiteLLM at {http.base_url} answered {answer.status_code} to {path}"
        raise UpstreamError(f"{problem}: see PEDAGIO_LITELLM_KEY; the old map stays")
    body = answer.json()
    if not isinstance(body, dict):
        raise TypeError(path)
    return body


async def _general_fallbacks(
    http: httpx.AsyncClient, deployments: Iterable[Mapping[str, Any]], known: Mapping[str, Any]
) -> tuple[str, ...]:
    """What every name falls back to (`default_fallbacks`).

    The router's settings leave them out when the configuration lists other fallbacks (measured,
    LiteLLM 1.109); a name that has no chain of its own is answered with them.
    """
    general: tuple[str, ...] = known.get(ANY_NAME, ())
    without = (str(item["model_name"]) for item in deployments if item["model_name"] not in known)
    name = next(without, None)
    if name is None:
        return general
    try:
        answer = await http.get(f"/fallback/{quote(name, safe='')}")
    except httpx.HTTPError as error:
        raise UpstreamError(f"LiteLLM stopped answering at {http.base_url}") from error
    if answer.status_code != httpx.codes.OK:  # 404: there are none
        return general
    return general + names_of(answer.json()["fallback_models"])
