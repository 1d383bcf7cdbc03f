"""Raises an alarm that does not repeat itself: one that comes each second is one that nobody reads."""

from collections.abc import Mapping
from typing import Any, Final

import asyncpg
import structlog

from credit import ledger

STANDS_S: Final = 3600.0

log = structlog.get_logger()


async def raise_once(
    pool: asyncpg.Pool, kind: str, subject: str, detail: Mapping[str, Any]
) -> None:
    """Raise an alarm, unless one of this kind and subject was raised within the hour."""
    raised = await ledger.query(
        pool, "raise_alarm_once", kind=kind, subject=subject, detail=detail, within_s=STANDS_S
    )
    if raised:
        log.error("alarm", kind=kind, subject=subject)
