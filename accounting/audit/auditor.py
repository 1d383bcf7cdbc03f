"""The auditor's use case: look, look again at what seems wrong, then freeze, tell, seal.

A look is one snapshot of the database, so traffic that goes on cannot look like a violation. All the same
nobody is blocked on one look: an account is frozen only for what a second snapshot shows as well.
"""

import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
import structlog

from accounting.alarm import raise_once
from accounting.audit import scope as scopes
from accounting.audit import seal, statements
from accounting.audit.examine import examine_books, examine_guards, examine_seal
from accounting.audit.invariants import INVARIANTS, SEAL
from accounting.audit.report import Finding, Report, Violation

# Longest that one statement may take, in seconds: of the minute's run, of a run over everything.
RECENT_BOUND_S = 30.0
WHOLE_BOUND_S = 600.0
# Changes of accounts that the minute's run looks at whole, of accounts drawn at random.
SLICE_CHANGES = 5_000
# Accounts frozen, and alarms raised, in one run: what is left is met by the next one.
FREEZE_LIMIT = 100
ALARM_LIMIT = 100

log = structlog.get_logger()


class Auditor:
    """Looks at the books behind a pool. Two at once do no harm: an account is frozen once."""

    def __init__(self, pool: asyncpg.Pool, draw: Callable[[int], int] = secrets.randbelow) -> None:
        """`draw(n)`: a number below n; unpredictable, so that nobody knows what is looked at next."""
        self._pool = pool
        self._draw = draw

    async def run_everything(self, known_digest: str = "") -> Report:
        """Every row there is; `known_digest`: a head written down earlier, which must be in the chain."""
        began_s, report = time.monotonic(), Report()
        async with self._snapshot(WHOLE_BOUND_S) as connection:
            await examine_books(connection, scopes.everything(), report, WHOLE_BOUND_S)
            await examine_guards(connection, report, WHOLE_BOUND_S)
            await examine_seal(connection, report, WHOLE_BOUND_S, drawn=None)
            if known_digest:
                report.add(SEAL, await _find_known(connection, known_digest))
        return await self._conclude(report, began_s)

    async def run_recent(self, known_digest: str = "") -> Report | None:
        """What was written since the seal's head, what it changed, and a part of the rest; then seal.

        None: another process is at it. `known_digest`: as in `run_everything`.
        """
        began_s, report = time.monotonic(), Report()
        async with self._snapshot(RECENT_BOUND_S) as connection:
            if not (await statements.row(connection, "try_lock", RECENT_BOUND_S))["mine"]:
                return None
            began_at = datetime.now(UTC)
            horizon = await self._examine_new(connection, report)
            if known_digest:
                report.add(SEAL, await _find_known(connection, known_digest))
        async with self._snapshot(RECENT_BOUND_S) as connection:
            await self._examine_part(connection, report)
        concluded = await self._conclude(report, began_s)
        link = await self._seal(horizon, began_at)
        if link is not None:
            report.head_number, report.head_digest = link.number, link.digest
        return concluded

    async def _examine_new(self, connection: statements.Connection, report: Report) -> int:
        """What was written since the head; the horizon below which this snapshot sees everything."""
        head = await statements.rows(connection, "read_horizon", RECENT_BOUND_S)
        if head:
            since = head[0]["to_tx"]
            changed = await statements.rows(
                connection, "changed_accounts", RECENT_BOUND_S, since=since
            )
            ids = [row["account_id"] for row in changed]
            scope = scopes.recent(since, head[0]["sealed_at"], ids)
            await examine_books(connection, scope, report, RECENT_BOUND_S)
        await examine_guards(connection, report, RECENT_BOUND_S)
        drawn = self._draw(head[0]["number"] + 1) if head else 0
        await examine_seal(connection, report, RECENT_BOUND_S, drawn)
        return head[0]["horizon"] if head else 0

    async def _examine_part(self, connection: statements.Connection, report: Report) -> None:
        """Accounts frozen before, and some drawn at random, with all their rows."""
        frozen = await statements.rows(connection, "frozen_before", RECENT_BOUND_S)
        highest = (await statements.row(connection, "highest_account", RECENT_BOUND_S))["id"]
        drawn = await statements.rows(
            connection,
            "list_slice",
            RECENT_BOUND_S,
            first=self._draw(highest + 1),
            budget=SLICE_CHANGES,
        )
        accounts = sorted({row["id"] for row in (*frozen, *drawn)})
        if accounts:
            await examine_books(connection, scopes.these(accounts), report, RECENT_BOUND_S)

    async def _conclude(self, report: Report, began_s: float) -> Report:
        """Confirm what is about accounts, freeze those, tell of the rest."""
        suspects = _accounts(report.violations)[:FREEZE_LIMIT]
        confirmed = await self._confirm(report, suspects) if suspects else report.violations
        frozen = await self._freeze(confirmed) if suspects else set[int]()
        keys = {(violation.invariant, violation.subject) for violation in confirmed}
        report.keep(keys, frozen)
        for violation in [each for each in report.violations if not each.frozen][:ALARM_LIMIT]:
            await self._tell(violation)
        report.took_ms = round((time.monotonic() - began_s) * 1000)
        return report

    async def _confirm(self, report: Report, suspects: list[int]) -> list[Violation]:
        """Those of the report's violations that a second snapshot shows, or that are about no account."""
        again = Report()
        async with self._snapshot(WHOLE_BOUND_S) as connection:
            await examine_books(connection, scopes.these(suspects), again, WHOLE_BOUND_S)
        seen = {(violation.invariant, violation.subject) for violation in again.violations}
        confirmed = []
        for violation in report.violations:
            known = (violation.invariant, violation.subject) in seen
            if known or violation.account_id not in suspects or not _freezes(violation):
                confirmed.append(violation)
            else:
                log.error("audit_not_confirmed", **_facts(violation))
        return confirmed

    async def _freeze(self, violations: Iterable[Violation]) -> set[int]:
        """Freeze the accounts of these; those that are frozen now or were before."""
        suspects = _accounts(violations)
        for account_id in suspects:
            broken = [each for each in violations if each.account_id == account_id]
            detail = {
                "invariants": sorted({each.invariant for each in broken}),
                "first": f"{broken[0].subject}: {broken[0].detail}",
            }
            async with self._pool.acquire() as connection:
                frozen = await statements.rows(
                    connection,
                    "freeze_account",
                    RECENT_BOUND_S,
                    account_id=account_id,
                    detail=detail,
                )
            if frozen:
                log.error("account_frozen", account=account_id, **detail)
        async with self._pool.acquire() as connection:
            rows = await statements.rows(
                connection, "list_frozen", RECENT_BOUND_S, accounts=suspects
            )
        return {row["id"] for row in rows}

    async def _tell(self, violation: Violation) -> None:
        """An alarm, once an hour for one thing."""
        log.error("audit_violation", **_facts(violation))
        subject = f"{violation.invariant}: {violation.subject}"
        detail = {"account": violation.account_id, "detail": violation.detail}
        await raise_once(self._pool, "audit_violation", subject, detail)

    async def _seal(self, horizon: int, examined_at: datetime) -> seal.Link | None:
        """What was final when examined; the digest goes to the log, which no intruder in the database rewrites."""
        async with self._pool.acquire() as connection, connection.transaction():
            await self._begin(connection, RECENT_BOUND_S)
            link = await seal.extend_chain(connection, RECENT_BOUND_S, examined_at, up_to=horizon)
        if link is not None:
            log.info("sealed", number=link.number, digest=link.digest)
        return link

    @asynccontextmanager
    async def _snapshot(self, bound_s: float) -> AsyncIterator[statements.Connection]:
        """A transaction in which every statement sees the same moment, and none writes."""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await self._begin(connection, bound_s)
            yield connection

    async def _begin(self, connection: statements.Connection, bound_s: float) -> None:
        timeout_ms = str(round(bound_s * 1000))
        await statements.row(connection, "begin_audit", bound_s, timeout_ms=timeout_ms)


async def _find_known(connection: statements.Connection, digest: str) -> Finding:
    found = await statements.rows(connection, "find_digest", WHOLE_BOUND_S, digest=digest)
    problem = "no link of the chain has this digest: the chain was rewritten or cut"
    return Finding(0, () if found else (Violation(SEAL, None, digest, problem),))


def _freezes(violation: Violation) -> bool:
    return violation.account_id is not None and INVARIANTS[violation.invariant].freezes


def _accounts(violations: Iterable[Violation]) -> list[int]:
    """Whom to freeze, in the order found."""
    found = [each.account_id for each in violations if _freezes(each)]
    return list(dict.fromkeys(account_id for account_id in found if account_id is not None))


def _facts(violation: Violation) -> dict[str, object]:
    return {
        "invariant": violation.invariant,
        "account": violation.account_id,
        "subject": violation.subject,
        "detail": violation.detail,
    }
