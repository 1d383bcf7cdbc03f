"""Each minute: what changed is audited, what became final is sealed. Nothing here ends the process."""

import asyncio
import contextlib
import time
from collections.abc import Callable

import asyncpg
import structlog

from accounting.alarm import raise_once
from accounting.audit.auditor import Auditor
from accounting.audit.report import Report
from accounting.metrics import AUDIT_AT, AUDIT_FAILED, AUDIT_SECONDS, AUDIT_VIOLATIONS, SEAL_HEAD

EVERY_S = 60.0
# After a start the sweeper first closes what became ripe while nobody was there.
FIRST_AFTER_S = 10.0

log = structlog.get_logger()


async def audit_each_minute(
    pool: asyncpg.Pool, *, first_after_s: float = FIRST_AFTER_S, every_s: float = EVERY_S
) -> None:
    """For ever. With several processes each takes its turn: one that meets another at it leaves it to it."""
    auditor = Auditor(pool)
    await asyncio.sleep(first_after_s)
    while True:
        await audit_once(pool, auditor)
        await asyncio.sleep(every_s)


async def audit_once(
    pool: asyncpg.Pool, auditor: Auditor, clock: Callable[[], float] = time.time
) -> None:
    """One run; a run that fails is logged, counted, told of, and the next one looks at the same rows."""
    try:
        report = await auditor.run_recent()
    except Exception as error:  # noqa: BLE001 (the loop must live; the seal's head stays, so nothing is skipped)
        AUDIT_FAILED.inc()
        log.error("audit_failed", error=type(error).__name__, detail=str(error)[:200])  # noqa: TRY400 (its trace says no more)
        with contextlib.suppress(Exception):
            await raise_once(pool, "audit_failed", "accounting", {"error": type(error).__name__})
        return
    if report is not None:
        _show(report, clock())


def _show(report: Report, now_s: float) -> None:
    for name, finding in report.findings.items():
        AUDIT_VIOLATIONS.labels(name).set(len(finding.violations))
    AUDIT_AT.set(now_s)
    AUDIT_SECONDS.set(report.took_ms / 1000)
    SEAL_HEAD.set(report.head_number)
