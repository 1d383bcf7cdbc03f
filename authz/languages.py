"""The languages that people chose, as the door finds them."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

LANGUAGES_KEPT: Final = 100_000

log = structlog.get_logger()


class Languages:
    """Asked for once per person, and only where anybody has chosen one."""

    def __init__(self, find_language: Callable[[int], Awaitable[str | None]]) -> None:
        """`find_language` says what a person chose; it may raise."""
        self._find_language = find_language
        self._kept: OrderedDict[int, str | None] = OrderedDict()
        self._chosen = False

    def load(self, *, chosen: bool) -> None:
        """Ask anew; `chosen`: whether anybody has a language of their own."""
        # Another dictionary: an answer that is still under way goes into the old one.
        self._kept = OrderedDict()
        self._chosen = chosen

    async def find(self, account_id: int, usual: str) -> str:
        """What the person chose, else `usual`. Never raises: a language is no reason to refuse anybody."""
        if not self._chosen:
            return usual
        kept = self._kept
        if account_id in kept:
            kept.move_to_end(account_id)
            return kept[account_id] or usual
        try:
            found = await self._find_language(account_id)
        except Exception as error:  # noqa: BLE001 (the ledger is away: the client's language)
            log.info("language_not_read", error=type(error).__name__)
            return usual
        kept[account_id] = found
        if len(kept) > LANGUAGES_KEPT:
            kept.popitem(last=False)
        return found or usual
