"""`pedagio audit` as a person uses it: digests, names and counts that say what they mean."""

import pytest

from protos.pedagio.v1 import admin_pb2 as pb
from tests.integration.admin_service import USD, Service
from tests.integration.audit_scene import Scene, auditor
from tests.integration.test_admin_cli import pedagio, prepare
from tests.integration.test_audit_freeze import BROKEN


@pytest.mark.parametrize("recent", [False, True])
async def test_audit_of_an_unknown_digest_is_a_violation_in_any_run(
    admin: Service, *, recent: bool
) -> None:
    """A digest that was asked for is looked for, in a recent run too."""
    await prepare(admin)
    request = pb.RunAuditRequest(recent=recent, known_digest="0" * 64)
    answer = await admin.ask("RunAudit", request)
    seal = next(each for each in answer.invariants if each.name == "seal")
    assert [each.subject for each in seal.violations] == ["0" * 64]


async def test_audit_takes_a_known_digest_in_either_case(admin: Service) -> None:
    """A ticket may have written it in capitals."""
    await prepare(admin)
    await admin.grant(5 * USD)
    digest = (await admin.ask("RunAudit", pb.RunAuditRequest(recent=True))).head_digest
    for words in (("--recent",), ()):
        await pedagio(admin, "audit", *words, "--known", f" {digest.upper()} ")


@pytest.mark.parametrize("digest", ["8d0c…e1", "0" * 63, "0" * 65, "g" * 64])
async def test_audit_of_what_is_no_digest_is_refused_without_an_alarm(
    admin: Service, digest: str
) -> None:
    """A slip of the keyboard is no rewritten chain."""
    for recent in (False, True):
        request = pb.RunAuditRequest(recent=recent, known_digest=digest)
        assert await admin.refused("RunAudit", request) == (
            "INVALID_ARGUMENT", "known_digest must be 64 hexadecimal digits",
        )  # fmt: skip
    assert await admin.pool.fetchval("SELECT count(*) FROM alarm") == 0


async def test_audit_counts_verified_links_once_of_how_many_there_are(admin: Service) -> None:
    """Full or recent, what was verified is never more than there is."""
    await prepare(admin)
    for _ in range(2):
        await admin.grant(5 * USD)
        report = await auditor(admin.pool).run_recent()
        assert report is not None
        assert report.links <= report.head_number + 1
    whole = (await pedagio(admin, "audit")).stdout
    assert "3 of 3 links of the seal, from 0" in whole
