"""Proposals: who may confirm one, and that it is made exactly once."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from accounting.admin.reach import OWN
from protos.pedagio.v1 import admins_pb2 as pb
from protos.pedagio.v1 import plans_pb2
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.integration.admin_service import TOKENS, Service
from tests.integration.admins import add, ask, new_token, refused
from tests.integration.gifts import ABOVE, ANA, BIA, actions, decide, gift, give, posted, strict


@pytest.fixture
async def admin(pool: asyncpg.Pool) -> AsyncIterator[Service]:
    """One gives US$100 a day alone."""
    async with strict(pool) as service:
        yield service


async def test_proposal_is_never_confirmed_by_who_made_it(admin: Service) -> None:
    """Neither with another token of the same person, nor with one that the proposer made for somebody."""
    ana = await add(admin, ANA, "operator", "treasurer")
    puppet = await add(admin, "puppet@example.com", "treasurer", by=ana)
    proposal = await give(admin, gift(2 * ABOVE), ana)
    for token in (ana, await new_token(admin, ANA), puppet):
        status, sentence = await refused(admin, "ConfirmProposal", decide(proposal), token)
        assert (status, sentence.partition(":")[0]) == (
            "FAILED_PRECONDITION",
            "this takes somebody else",
        )
    assert await posted(admin) == 0
    assert await actions(admin, "confirm_proposal") == []


async def test_installation_is_one_person_whatever_name_it_gives(admin: Service) -> None:
    """Two names beside the same token are still one pair of eyes."""
    request = gift(2 * ABOVE)
    status, _ = await admin.refused("GiveCredit", request, actor="x", stub=PlanServiceStub)
    assert status == "FAILED_PRECONDITION"
    (found,) = (await ask(admin, "ListProposals", pb.ListProposalsRequest())).proposals
    for token in TOKENS:
        assert (await refused(admin, "ConfirmProposal", decide(found.id), token))[
            0
        ] == "FAILED_PRECONDITION"


@pytest.mark.parametrize("role", ["viewer", "support", "team_lead", "approver"])
async def test_proposal_is_not_confirmed_by_who_could_not_have_made_it(
    admin: Service, role: str
) -> None:
    """An approver of another team's people neither sees nor confirms it."""
    pool = plans_pb2.CreatePoolRequest(name="TI", reason="test")
    await admin.ask("CreatePool", pool, stub=PlanServiceStub)
    ana, other = await add(admin, ANA, "treasurer"), await add(admin, BIA, role)
    proposal = await give(admin, gift(2 * ABOVE), ana)
    expected = "NOT_FOUND" if role == "approver" else "PERMISSION_DENIED"
    for method in ("ConfirmProposal", "DenyProposal"):
        assert (await refused(admin, method, decide(proposal), other))[0] == expected
    if role == "approver":
        shown = await ask(admin, "ListProposals", pb.ListProposalsRequest(), other)
        assert list(shown.proposals) == []
    assert await posted(admin) == 0


async def test_nobody_confirms_credit_for_themselves(admin: Service) -> None:
    """Two friends cannot take turns: who receives it does not decide it."""
    ana = await add(admin, ANA, "treasurer")
    own = await add(admin, "maria@example.com", "treasurer")
    await admin.pool.execute(
        "INSERT INTO account_label (account_id, email)"
        " SELECT id, 'Maria@Example.com' FROM account WHERE external_id = 'maria'"
    )
    proposal = await give(admin, gift(2 * ABOVE), ana)
    assert await refused(admin, "ConfirmProposal", decide(proposal), own) == (
        "PERMISSION_DENIED", OWN,
    )  # fmt: skip
    assert await posted(admin) == 0


async def test_eight_who_confirm_at_once_give_once(admin: Service) -> None:
    """A double click on a yes is one yes."""
    ana = await add(admin, ANA, "treasurer")
    others = [await add(admin, f"b{n}@example.com", "treasurer") for n in range(8)]
    proposal = await give(admin, gift(2 * ABOVE), ana)
    results = await asyncio.gather(
        *(ask(admin, "ConfirmProposal", decide(proposal), token) for token in others),
        return_exceptions=True,
    )
    assert sum(not isinstance(each, BaseException) for each in results) == 1
    assert await posted(admin) == 2 * ABOVE
    assert len(await actions(admin, "confirm_proposal")) == 1
    assert len(await actions(admin, "grant")) == 1


async def test_proposal_that_a_crash_left_confirmed_is_made_by_confirming_again(
    admin: Service,
) -> None:
    """Whether the crash came before the gift or after it: it is given once, confirmed once."""
    ana, bia = await add(admin, ANA, "treasurer"), await add(admin, BIA, "treasurer")
    proposal = await give(admin, gift(2 * ABOVE), ana)
    await ask(admin, "ConfirmProposal", decide(proposal), bia)
    await admin.pool.execute("UPDATE proposal SET status = 'confirmed'")
    await ask(admin, "ConfirmProposal", decide(proposal), bia)
    assert await posted(admin) == 2 * ABOVE
    assert len(await actions(admin, "confirm_proposal")) == 1
    assert (await refused(admin, "ConfirmProposal", decide(proposal), bia))[
        0
    ] == "FAILED_PRECONDITION"


async def test_same_request_waits_once_and_is_answered_as_given_afterwards(
    admin: Service,
) -> None:
    """A script that tries again fills no list; once it is confirmed, its retry is told that it was given."""
    ana, bia = await add(admin, ANA, "treasurer"), await add(admin, BIA, "treasurer")
    proposal = await give(admin, gift(2 * ABOVE), ana)
    assert await give(admin, gift(2 * ABOVE), ana) == proposal
    await ask(admin, "ConfirmProposal", decide(proposal), bia)
    again = await admin.ask("GiveCredit", gift(2 * ABOVE), token=ana, stub=PlanServiceStub)
    assert again.replayed
    assert await posted(admin) == 2 * ABOVE


async def test_denied_or_expired_proposal_gives_nothing_any_more(admin: Service) -> None:
    """No is no, and so is a week of silence."""
    ana, bia = await add(admin, ANA, "treasurer"), await add(admin, BIA, "treasurer")
    denied = await give(admin, gift(2 * ABOVE, "r1"), ana)
    expired = await give(admin, gift(2 * ABOVE, "r2"), ana)
    await ask(admin, "DenyProposal", decide(denied), bia)
    await admin.pool.execute("UPDATE proposal SET expires_at = now() WHERE id = $1", expired)
    for proposal, word in ((denied, f"denied by {BIA}"), (expired, "expired")):
        for method in ("ConfirmProposal", "DenyProposal"):
            status, sentence = await refused(admin, method, decide(proposal), bia)
            assert (status, word in sentence) == ("FAILED_PRECONDITION", True)
    everything = await ask(admin, "ListProposals", pb.ListProposalsRequest(decided=True), bia)
    assert [each.status for each in everything.proposals] == ["expired", "denied"]
    assert await posted(admin) == 0


async def test_proposal_of_somebody_who_left_is_not_made(admin: Service) -> None:
    """What they wanted is nobody's wish any more."""
    ana, bia = await add(admin, ANA, "treasurer"), await add(admin, BIA, "treasurer")
    proposal = await give(admin, gift(2 * ABOVE), ana)
    await ask(admin, "RemoveAdmin", pb.RemoveAdminRequest(email=ANA, reason="left"))
    assert (await refused(admin, "ConfirmProposal", decide(proposal), bia))[
        0
    ] == "FAILED_PRECONDITION"
    assert await posted(admin) == 0
