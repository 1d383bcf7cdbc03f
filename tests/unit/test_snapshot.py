"""Whose account a name means: as the ledger says, and as it said last while it is away."""
# ruff: noqa: ARG002 (a stand-in takes what the real one takes)

from typing import cast

import asyncpg
import pytest

from authz.snapshot import Client, Snapshot
from tests.unit.door import a_client

NO_POOL = cast("asyncpg.Pool", None)  # news of people read nothing: names are asked for one by one


class Book:
    """Answers for the ledger; `away` raises as a driver does."""

    def __init__(self) -> None:
        self.names: dict[str | None, int] = {"maria": 7}
        self.away = False
        self.asked = 0

    async def account(
        self,
        client: Client,
        external_id: str | None,
        email: str | None = None,
        *,
        meet: bool = True,
    ) -> int | None:
        """Whose name it is."""
        self.asked += 1
        if self.away:
            raise ConnectionRefusedError
        return self.names.get(external_id)

    async def mode_override(self, account_id: int) -> str | None:
        """Nothing of the person's own."""
        return None

    async def plan(self, account_id: int) -> str | None:
        """Nothing of the person's own."""
        return None

    async def language(self, account_id: int) -> str | None:
        """Nothing of the person's own."""
        return None


async def test_names_mean_what_they_meant_last_while_nobody_can_tell() -> None:
    """News of somebody else, then an outage: nobody who called before is refused for it."""
    book = Book()
    snapshot = Snapshot(NO_POOL, book)
    assert await snapshot.account(a_client(), "maria") == 7
    book.away = True
    for _ in range(2):  # more news do not make it forgotten
        await snapshot.reload({"people"})
        assert await snapshot.account(a_client(), "maria") == 7
        assert await snapshot.account(a_client(), "maria", "maria@example.com") == 7
    with pytest.raises(ConnectionRefusedError):
        await snapshot.account(a_client(), "joao")
    with pytest.raises(ConnectionRefusedError):
        await snapshot.account(a_client(id="other"), "maria")


async def test_news_make_a_name_mean_its_new_account_at_once() -> None:
    """What it meant before stands in for an outage only."""
    book = Book()
    snapshot = Snapshot(NO_POOL, book)
    assert await snapshot.account(a_client(), "maria") == 7
    book.names["maria"] = 8
    assert await snapshot.account(a_client(), "maria") == 7
    await snapshot.reload({"people"})
    assert await snapshot.account(a_client(), "maria") == 8
    del book.names["maria"]
    await snapshot.reload({"people"})
    assert await snapshot.account(a_client(), "maria") is None
    assert book.asked == 3
    book.away = True
    with pytest.raises(ConnectionRefusedError):
        await snapshot.account(a_client(), "maria")
