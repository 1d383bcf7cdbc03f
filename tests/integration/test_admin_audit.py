"""`pedagio audit` as a person uses it: digests, names and counts that say what they mean."""

import pytest

from protos.pedagio.v1 import admin_pb2 as pb
from tests.integration.admin_service import USD, Service
from tests.integration.audit_scene import Scene, auditor
from tests.integration.test_admin_cli import pedagio, prepare
from tests.integration.test_audit_freeze import BROKEN, STATUS


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


async def test_violation_names_the_account_as_other_commands_take_it(admin: Service) -> None:
    """A number opens no statement; client and person do."""
    account = await prepare(admin)
    await admin.grant(5 * USD)
    scene = Scene(admin.pool)
    scene.ids = {"open": await admin.place(account["id"], USD)}
    await scene.break_books(BROKEN)
    answer = await admin.ask("RunAudit", pb.RunAuditRequest())
    (found,) = [each for invariant in answer.invariants for each in invariant.violations]
    assert (found.account_id, found.frozen) == (account["id"], True)
    assert (found.account.client, found.account.external_id) == ("chat", "maria")


@pytest.mark.parametrize(
    ("status", "detail"), [("frozen", "frozen by the auditor"), ("suspended", "")]
)
async def test_explained_refusal_tells_a_freeze_from_a_suspension(
    admin: Service, status: str, detail: str
) -> None:
    """By what the account was then, also after it was set active again."""
    account = await prepare(admin)
    await admin.grant(5 * USD)
    await admin.pool.execute(STATUS, account["id"], status)
    hold_id = await admin.place(account["id"], USD)
    await admin.pool.execute(STATUS, account["id"], "active")
    (found,) = (await admin.ask("Explain", pb.ExplainRequest(ref=hold_id))).explanations
    assert (found.reason, found.detail) == ("account_suspended", detail)
    shown = (await pedagio(admin, "explain", hold_id)).stdout
    assert ("frozen by the auditor" in shown) == (status == "frozen")
