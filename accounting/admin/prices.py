"""The price books: what a file would change, and putting it in force.

A book is never changed; an import adds one, in force from a moment on. Debits keep the version they
were made with. Prices are pico-USD per token.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from accounting.admin import fields, statements
from accounting.admin.errors import ConflictError, InvalidFieldError
from credit.price_diff import PriceDifference, compare_prices
from credit.price_file import PriceFileError, read_price_file
from credit.pricebook import PriceBook
from credit.prices import Price

SOURCE = "import"
# A command that took a moment to arrive is not in the past; years ahead somebody mistyped the year.
PAST_LIMIT = timedelta(minutes=5)
AHEAD_LIMIT = timedelta(days=731)
NAMED = 3


@dataclass(frozen=True, slots=True)
class Compared:
    """A file against the book in force (version 0: there is none).

    `losing`: names that people can ask for, by a model which this file no longer names.
    """

    against: int
    same: bool
    difference: PriceDifference
    models: int
    losing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """An import as it was asked for; `effective_at` None: at once."""

    file: bytes
    effective_at: datetime | None
    force: bool
    request_id: str


@dataclass(frozen=True, slots=True)
class Imported:
    """The version that these prices have, and whether this request made it."""

    version: int
    made: bool
    effective_at: datetime
    compared: Compared


async def list_books(pool: asyncpg.Pool, page_size: int) -> tuple[list[asyncpg.Record], int]:
    """The newest books, and the version of the one in force; 0: none yet."""
    size = fields.page_size("page_size", page_size)
    rows = await statements.rows(pool, "list_books", page_size=size)
    now = await statements.row(pool, "find_book_at", at=None)
    return rows, now["version"] if now else 0


async def compare(pool: asyncpg.Pool, file: bytes, at: datetime | None) -> Compared:
    """What a file changes in the book in force at a moment; InvalidFieldError when it cannot be used."""
    book = await _read(file)
    return await _compared(pool, book, at)


async def import_prices(
    pool: asyncpg.Pool, wanted: Wanted, change: fields.Change, now: datetime
) -> Imported:
    """Add the book, unless these prices are in force by then; nothing is half-applied.

    Raises InvalidFieldError for a file or moment that cannot be used, ConflictError for sharp changes
    without `force`, and for a request id that stands for other prices.
    """
    request_id = fields.request_id(wanted.request_id)
    book = await _read(wanted.file)
    async with pool.acquire() as connection, connection.transaction():
        await statements.rows(connection, "lock_sync")
        compared = await _compared(connection, book, wanted.effective_at)
        before = await statements.row(connection, "find_import", request_id=request_id)
        if before is not None:
            if before["digest"] != book.digest:
                raise ConflictError(f"request_id {request_id} was used for other prices")
            return Imported(
                before["version"],
                made=False,
                effective_at=before["effective_at"],
                compared=compared,
            )
        check_moment(wanted.effective_at, now)
        if compared.same:
            standing = await statements.row(connection, "find_book_at", at=wanted.effective_at)
            assert standing is not None, "it was compared with it under the lock"
            return Imported(
                standing["version"],
                made=False,
                effective_at=standing["effective_at"],
                compared=compared,
            )
        _check_meant(compared, wanted)
        made = await _write(connection, book, wanted, change, compared.difference)
    return Imported(
        made["version"], made=True, effective_at=made["effective_at"], compared=compared
    )


async def _write(
    connection: statements.Source,
    book: PriceBook,
    wanted: Wanted,
    change: fields.Change,
    difference: PriceDifference,
) -> asyncpg.Record:
    made = await statements.row(
        connection,
        "import_book",
        digest=book.digest,
        source=SOURCE,
        effective_at=wanted.effective_at,
        request_id=wanted.request_id.strip(),
        prices={key: price.to_json() for key, price in book.prices.items()},
        actor=change.actor,
        reason=change.reason,
        forced=wanted.force,
        added=len(difference.added),
        removed=len(difference.removed),
        changed=len(difference.changed),
        sharp=len(difference.sharp),
    )
    assert made is not None, "the request id was looked for under the lock"
    return made


async def _read(file: bytes) -> PriceBook:
    """In a thread: thousands of models take longer than other calls should wait."""
    try:
        return await asyncio.to_thread(read_price_file, file)
    except PriceFileError as error:
        raise InvalidFieldError("file", f"cannot be used: {error}") from error


async def _compared(source: statements.Source, book: PriceBook, at: datetime | None) -> Compared:
    standing = await statements.row(source, "find_book_at", at=at)
    old: Mapping[str, Price] = {}
    if standing is not None:
        rows = await statements.rows(source, "list_book_prices", version=standing["version"])
        old = {row["model"]: Price.from_json(row["price"]) for row in rows}
    difference = compare_prices(old, book.prices)
    removed = frozenset(difference.removed)
    rows = await statements.rows(source, "list_priced_names") if removed else []
    return Compared(
        against=standing["version"] if standing else 0,
        same=standing is not None and standing["digest"] == book.digest,
        difference=difference,
        models=len(book.prices),
        losing=tuple(sorted({row["name"] for row in rows if row["key"] in removed})),
    )


def check_moment(effective_at: datetime | None, now: datetime) -> None:
    """A price holds from now or a coming moment on; InvalidFieldError for any other."""
    if effective_at is None:
        return
    if effective_at < now - PAST_LIMIT:
        raise InvalidFieldError(
            "effective_at", "lies in the past: what was debited then keeps its prices"
        )
    if effective_at > now + AHEAD_LIMIT:
        raise InvalidFieldError("effective_at", f"lies more than {AHEAD_LIMIT.days} days ahead")


def _check_meant(compared: Compared, wanted: Wanted) -> None:
    if wanted.force:
        return
    if compared.losing:
        named = ", ".join(compared.losing[:NAMED])
        raise ConflictError(
            f"{len(compared.losing)} names in use are of models that the file does not name ({named}): "
            "use --force if that is meant"
        )
    difference = compared.difference
    if not difference.sharp:
        return
    first = difference.sharp[:NAMED]
    named = "; ".join(f"{c.model}: {c.field} from {c.old} to {c.new}" for c in first)
    raise ConflictError(
        f"{len(difference.sharp)} prices change tenfold or more (pico-USD per token: {named}): "
        "use --force if that is meant"
    )
