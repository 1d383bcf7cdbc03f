"""Debits that were wrong are given back: to whoever paid, never more than was debited, whoever asks at once."""

import asyncio
from typing import Any

import grpc
import pytest

from credit import ledger
from protos.pedagio.v1 import plans_pb2 as pb
from protos.pedagio.v1.admin_pb2 import AccountName
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.books import Books
from tests.integration.admin_service import USD, Service
from tests.integration.test_admin_cli import in_json, pedagio, prepare
from tests.integration.test_admin_plans import MARIA, WHO, WHY

DEBITED = USD // 2


async def debited(admin: Service, name: str = "maria") -> str:
    """A closed call that cost half a dollar."""
    books = Books(admin.pool)
    account_id = await ledger.find_account(admin.pool, "chat", name)
    assert account_id is not None
    hold_id, placed = await books.place(account_id, USD)
    assert placed.result == "placed"
    assert await books.close(hold_id, "settled", "no_report", estimate=DEBITED) == DEBITED
    return hold_id


async def give(admin: Service, hold_id: str, nanos: int, request_id: str, **more: Any) -> pb.Credit:
    """One correction; of no call where it has no id."""
    wanted: dict[str, Any] = {"holder": MARIA, "corrects": hold_id} | more
    request = pb.GiveCreditRequest(
        **wanted, amount_nanos=nanos, request_id=request_id, reason="charged twice"
    )
    answer: pb.Credit = await admin.ask("GiveCredit", request, stub=PlanServiceStub)
    return answer


async def refused(call: Any) -> tuple[grpc.StatusCode, str]:
    """Why it was not done."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), str(caught.value.details())


@pytest.fixture
async def office(admin: Service) -> Service:
    """Maria has five dollars."""
    await prepare(admin)
    await give(admin, "", 5 * USD, "first")
    return admin


async def test_debit_is_given_back_up_to_what_it_was(office: Service) -> None:
    """In parts, all at once, sent again; what was revoked may be given again. The books add up."""
    hold_id = await debited(office)
    code, said = await refused(give(office, hold_id, DEBITED + 1, "more"))
    assert (code, "US$0.50" in said) == (grpc.StatusCode.FAILED_PRECONDITION, True)
    parts = [give(office, hold_id, DEBITED // 4, f"part-{n}") for n in range(12)]
    done = await asyncio.gather(*parts, return_exceptions=True)
    given = [each for each in done if isinstance(each, pb.Credit)]
    assert len(given) == 4
    assert {each.code() for each in done if isinstance(each, grpc.aio.AioRpcError)} == {
        grpc.StatusCode.FAILED_PRECONDITION
    }
    first = next(n for n, each in enumerate(done) if isinstance(each, pb.Credit))
    again = await give(office, hold_id, DEBITED // 4, f"part-{first}")
    assert again.replayed
    assert {each.source for each in again.grants} == {"goodwill", "correction"}
    assert again.posted_nanos == 5 * USD
    grant_id = next(each.id for each in again.grants if each.source == "correction")
    revoked = pb.RevokeGrantRequest(grant_id=grant_id, reason="was right after all")
    await office.ask("RevokeGrant", revoked, stub=PlanServiceStub)
    assert (await give(office, hold_id, DEBITED // 4, "again")).posted_nanos == 5 * USD
    await refused(give(office, hold_id, 1, "too much"))
    await Books(office.pool).check()


async def test_same_id_for_another_call_is_refused(office: Service) -> None:
    """An id that was lost is repeated as it was."""
    one, two = await debited(office), await debited(office)
    await give(office, one, USD // 10, "r")
    code, _ = await refused(give(office, two, USD // 10, "r"))
    assert code is grpc.StatusCode.FAILED_PRECONDITION


async def test_only_a_closed_call_that_they_paid_for_is_corrected(office: Service) -> None:
    """Neither somebody else's, nor one that still runs, nor a few characters of an id, nor as a gift."""
    await in_json(office, "account", "open", "chat", "joao", *WHY)
    joao = AccountName(client="chat", external_id="joao")
    await give(office, "", USD, "joao", holder=pb.Holder(account=joao))
    theirs = await debited(office, "joao")
    maria = await ledger.find_account(office.pool, "chat", "maria")
    assert maria is not None
    running, _ = await Books(office.pool).place(maria, USD)
    for hold_id in (theirs, running, "3f9a1c52-0c1d-4e7a-9f53-2b8c6d1e0a44"):
        assert (await refused(give(office, hold_id, 1, "x")))[0] is grpc.StatusCode.NOT_FOUND
    for corrects, source in ((theirs[:6], ""), (theirs, "goodwill")):
        code, _ = await refused(give(office, corrects, 1, "x", source=source))
        assert code is grpc.StatusCode.INVALID_ARGUMENT


async def test_command_names_the_call(office: Service) -> None:
    """`--corrects`, with its source by itself."""
    hold_id = await debited(office)
    shown = await pedagio(office, "grants", "give", "US$0.50", *WHO, "--corrects", hold_id, *WHY)
    assert "available  US$5.00" in shown.stdout
    over = await pedagio(
        office, "grants", "give", "US$0.01", *WHO, "--corrects", hold_id, *WHY, code=1
    )
    assert "US$0.00 can be given back" in over.stderr
