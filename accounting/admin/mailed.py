"""Mails an address of their page to whom an e-mail belongs; whoever asks learns nothing by it."""

import time
from collections.abc import Callable
from typing import Final

import asyncpg

from accounting.addresses import Guesses
from accounting.admin import fields, statements
from accounting.admin.errors import InvalidFieldError

# Of one account, whoever asks.
MAILS_AN_HOUR: Final = 3


class Asking:
    """Counts who asks; as many in a minute as wrong codes (accounting/addresses.py)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """For one event loop."""
        self._asked = Guesses(clock)

    async def mail(self, pool: asyncpg.Pool, email: str, peer: str) -> None:
        """Write the notice with which the mail goes; InvalidFieldError for what is no address.

        A peer that asks too often, an e-mail that nobody has or that was mailed too often: nothing, said to nobody.
        """
        found = fields.optional_email("email", email)
        if found is None:
            raise InvalidFieldError("email", "must not be empty")
        if self._asked.is_closed_to(peer):
            return
        self._asked.wrong(peer)
        await statements.run(pool, "forget_links")
        await statements.row(pool, "tell_link", email=found, most=MAILS_AN_HOUR)
