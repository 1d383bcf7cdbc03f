"""The part of the AdminService that runs the auditor."""

import asyncio
from collections.abc import Mapping

import asyncpg

from accounting.admin import fields, statements
from accounting.admin.accounts import Name
from accounting.admin.errors import ConflictError
from accounting.admin.messages import Context, name_message
from accounting.audit.auditor import Auditor
from accounting.audit.invariants import INVARIANTS
from accounting.audit.report import Finding, Report
from protos.pedagio.v1 import admin_pb2 as pb

# Violations of one invariant in an answer; their number is in it whole.
SHOWN_LIMIT = 100
# How long a run on demand waits for one that is at it.
ATTEMPTS = 20
ATTEMPT_EVERY_S = 0.5


class AuditService:
    """Freezes what it finds, as each minute's run does."""

    _pool: asyncpg.Pool

    async def RunAudit(self, request: pb.RunAuditRequest, _context: Context) -> pb.RunAuditResponse:
        """Look at everything, or at what changed lately."""
        auditor = Auditor(self._pool)
        known = fields.optional_digest("known_digest", request.known_digest)
        if not request.recent:
            return await self._answer(await auditor.run_everything(known))
        for _ in range(ATTEMPTS):
            report = await auditor.run_recent(known)
            if report is not None:
                return await self._answer(report)
            await asyncio.sleep(ATTEMPT_EVERY_S)
        raise ConflictError("the run of this minute is still at it: try again in a moment")

    async def _answer(self, report: Report) -> pb.RunAuditResponse:
        ids = sorted({each.account_id for each in report.violations if each.account_id})
        rows = await statements.rows(self._pool, "name_accounts", ids=ids) if ids else []
        names = {row["id"]: Name(row["client_id"] or "", row["external_id"] or "") for row in rows}
        return pb.RunAuditResponse(
            invariants=[
                _invariant(name, finding, names) for name, finding in report.findings.items()
            ],
            took_ms=report.took_ms,
            seals=report.links,
            head_number=report.head_number,
            head_digest=report.head_digest,
        )


def _invariant(name: str, finding: Finding, names: Mapping[int, Name]) -> pb.Invariant:
    return pb.Invariant(
        name=name,
        promise=INVARIANTS[name].promise,
        checked=finding.checked,
        violated=len(finding.violations),
        violations=[
            pb.Violation(
                account_id=each.account_id or 0,
                subject=each.subject,
                detail=each.detail,
                frozen=each.frozen,
                account=name_message(names.get(each.account_id or 0, Name("", ""))),
            )
            for each in finding.violations[:SHOWN_LIMIT]
        ],
    )
