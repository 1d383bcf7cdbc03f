"""Writes records into the spool, from where the shipper takes them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from .records import Record
from .shipper import encode

log = logging.getLogger("pedagio")


@dataclass(frozen=True)
class Journal:
    """The way out for evidence: `append` returns when the line is on the disk."""

    append: Callable[[bytes], None]
    wake: Callable[[], None]

    def write(self, record: Record) -> None:
        """Write a record durably; raises OSError when the disk does not take it."""
        self.append(encode(record))
        self.wake()

    def write_or_log(self, record: Record) -> None:
        """Write a record about a call that is over: failing the client would help nobody.

        The missing end of a started call is found by accounting.
        """
        try:
            self.write(record)
        except OSError as error:
            name = type(error).__name__
            log.error("pedagio: %s of %s is lost (%s)", record["record"], record["hold"], name)  # noqa: TRY400 - the traceback says nothing more
