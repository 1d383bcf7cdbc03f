"""Who may see which page: the code of an address, with the secret of the browser that opened it."""

import functools
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from accounting.addresses import AddressBook, NotOpened
from accounting.admin import accounts, statements
from accounting.admin.errors import AdminError, NotFoundError
from accounting.alarm import raise_once
from credit.address import ALPHABET, LIFETIME_S, mark_of

# Of a mailed address: 130 bits, of which the hash is kept; how long it waits to be opened.
LINK_LENGTH: Final = 26
LINK_WAITS_S: Final = 30 * 60
SECRET_LIMIT: Final = 200
NOTHING: Final = "there is nothing at this address for this browser"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whose page this browser sees, until when."""

    account_id: int
    name: accounts.Name
    kind: str
    display_name: str
    client_language: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Visit:
    """What a browser shows: the code of its address, its secret, from which network address it comes."""

    code: str
    browser: str
    peer: str


class Visitors:
    """Verifies each visit anew; for one event loop, as the book is."""

    def __init__(self, pool: asyncpg.Pool, book: AddressBook, keys: Sequence[bytes]) -> None:
        """`book`: of the addresses in refusals; `keys` as there, for the mark of a browser."""
        self._pool = pool
        self._book = book
        self._keys = keys

    async def open(self, visit: Visit) -> Visitor | NotOpened:
        """Bind the address to this browser, if it is the first."""
        return await self._look(visit, bind=True)

    async def check(self, visit: Visit) -> Visitor:
        """Whose page it is; NotFoundError where this browser has not opened it. Binds nothing."""
        found = await self._look(visit, bind=False)
        if isinstance(found, NotOpened):
            raise NotFoundError(NOTHING)
        return found

    async def _look(self, visit: Visit, *, bind: bool) -> Visitor | NotOpened:
        if not 0 < len(visit.browser) <= SECRET_LIMIT:
            return NotOpened.UNKNOWN
        if len(visit.code) == LINK_LENGTH:
            found = await self._link(visit, bind=bind)
        else:
            look = self._book.open if bind else self._book.recall
            opened = await look(visit.code, visit.browser, visit.peer)
            if isinstance(opened, NotOpened):
                return opened
            found = opened.account_id, opened.ends_at
        return await self._visitor(*found) if isinstance(found, tuple) else found

    async def _link(self, visit: Visit, *, bind: bool) -> tuple[int, datetime] | NotOpened:
        """Of a mailed address; nobody guesses 130 bits, whoever tries is counted all the same."""
        if self._book.guesses.is_closed_to(visit.peer):
            return NotOpened.TOO_MANY
        sha256 = digest(visit.code)
        row = None
        if bind:
            mark = mark_of(visit.browser, self._keys[0])
            row = await statements.row(
                self._pool, "bind_link", sha256=sha256, browser_mark=mark, lifetime_s=LIFETIME_S
            )
        if row is not None:
            return int(row["account_id"]), row["ends_at"]
        kept = await statements.row(self._pool, "find_link", sha256=sha256)
        if kept is None:
            self._book.guesses.wrong(visit.peer)
            return NotOpened.UNKNOWN
        marks = (mark_of(visit.browser, key) for key in self._keys)
        if any(hmac.compare_digest(kept["browser_mark"], mark) for mark in marks):
            return int(kept["account_id"]), kept["ends_at"]
        return NotOpened.ELSEWHERE

    async def _visitor(self, account_id: int, ends_at: datetime) -> Visitor | NotOpened:
        row: Any = await statements.row(self._pool, "read_visitor", account_id=account_id)
        name = accounts.Name(row["client_id"], row["external_id"])
        try:
            meant = (await accounts.read(self._pool, name)).id
        except AdminError:  # erased meanwhile: nobody's page any more
            return NotOpened.UNKNOWN
        if meant != account_id:
            return NotOpened.UNKNOWN
        return Visitor(
            account_id, name, row["kind"], row["display_name"], row["client_language"], ends_at
        )


def visitors_of(pool: asyncpg.Pool, keys: Sequence[bytes]) -> Visitors:
    """As this process verifies them; `keys`: the live secrets of the hold token."""
    alarm = functools.partial(raise_once, pool)
    return Visitors(pool, AddressBook(pool, keys, alarm), keys)


async def make_link(pool: asyncpg.Pool, account_id: int) -> str:
    """The code of a new address for a mail, of which only the hash is kept."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(LINK_LENGTH))
    await statements.run(
        pool, "add_link", sha256=digest(code), account_id=account_id, lifetime_s=LINK_WAITS_S
    )
    return code


def digest(code: str) -> bytes:
    """What is kept of a mailed code."""
    return hashlib.sha256(code.upper().encode()).digest()
