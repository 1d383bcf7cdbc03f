"""Finds the account behind a name: in the ledger, or in the mirror while the ledger is away."""

from collections.abc import Callable

import asyncpg

from authz.knowledge import Knowledge
from authz.snapshot import Client
from authz.store import StoreAwayError
from credit import ledger


class Lookup:
    """Asks whoever can answer now; never waits for a ledger that is known to be away."""

    def __init__(
        self, pool: asyncpg.Pool, knowledge: Knowledge, connected: Callable[[], bool]
    ) -> None:
        """`connected` says whether the ledger is there (authz.store.Store)."""
        self._pool = pool
        self._knowledge = knowledge
        self._connected = connected

    async def account(
        self,
        client: Client,
        external_id: str | None,
        email: str | None = None,
        *,
        meet: bool = True,
    ) -> int | None:
        """The account of a person, or of the client itself; None: the ledger says there is none.

        Who is not known yet is met: bound by a verified e-mail, or given what the client's rules give;
        `meet` false (a look at a list) makes nobody anything.

        Raises StoreAwayError when the ledger is away and the mirror does not know the person.
        """
        if not self._connected():
            found = await self._knowledge.account(client.id, external_id or "")
            if found is None:
                raise StoreAwayError
            return found
        if external_id is None:
            return await ledger.find_client_account(self._pool, client.id, "service")
        if not meet or email is None:
            found = await ledger.find_account(self._pool, client.id, external_id)
            if found is not None or not meet:
                return found
        # Also of a name that has an account: with a verified e-mail it may be a person's by now.
        return await ledger.meet_person(self._pool, client.id, external_id, email)

    async def plan(self, account_id: int) -> str | None:
        """The plan of an account; None: it has none. Raises StoreAwayError, or what the driver raises."""
        if not self._connected():
            raise StoreAwayError
        rows = await ledger.query(self._pool, "read_plan", account_id=account_id)
        return rows[0]["plan_id"] if rows else None

    async def language(self, account_id: int) -> str | None:
        """What the person chose; None: the client's. Raises StoreAwayError, or what the driver raises."""
        if not self._connected():
            raise StoreAwayError
        rows = await ledger.query(self._pool, "read_language", account_id=account_id)
        return rows[0]["language"] if rows else None

    async def mode_override(self, account_id: int) -> str | None:
        """The account's own mode, shadow or enforce (cohort roll-out); None: the ledger-wide one.

        While the ledger is away only shadow is known: an outage refuses nobody of a ledger in shadow.
        """
        if not self._connected():
            figures = await self._knowledge.figures(account_id)
            return "shadow" if figures is not None and figures.shadow else None
        rows = await ledger.query(self._pool, "read_mode_override", account_id=account_id)
        return rows[0]["mode_override"] if rows else None
