"""The addresses in the mails: a look changes nothing, the button answers once, with the rights of that moment."""

import asyncio

import pytest

from protos.pedagio.v1 import admins_pb2, plans_pb2
from protos.pedagio.v1 import requests_pb2 as pb
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.integration.admin_service import USD, Service, serve
from tests.integration.admins import add
from tests.integration.admins import ask as ask_admins
from tests.integration.post_office import PostOffice
from tests.integration.request_scene import (
    ANA,
    BIA,
    a_worker,
    approval,
    ask,
    codes,
    denial,
    grants,
    later,
    office,
    refused,
    submit,
)

LOSE = "DELETE FROM admin_role AS r USING admin AS a WHERE a.id = r.admin_id AND a.email = $1"


async def mailed(admin: Service, post: PostOffice, to: str = BIA) -> tuple[str, str]:
    """Maria asked, the mail came: its two codes."""
    await submit(admin)
    await a_worker(admin, post).send_due()
    approve, deny = codes(post.text_to(to))
    return approve, deny


async def look(admin: Service, code: str) -> pb.Decision:
    """What the page shows."""
    found: pb.Decision = await ask(admin, "ReadDecision", pb.ReadDecisionRequest(code=code))
    return found


async def press(admin: Service, code: str, answer: str = "") -> pb.Decision:
    """The button."""
    found: pb.Decision = await ask(admin, "Decide", pb.DecideRequest(code=code, answer=answer))
    return found


async def test_look_at_an_address_changes_nothing(admin: Service, post: PostOffice) -> None:
    """However often a scanner follows it: the request waits."""
    await office(admin)
    for code, verb in zip(await mailed(admin, post), ("approve", "deny"), strict=True):
        before = await admin.audit()
        for _ in range(3):
            found = await look(admin, code)
            assert (found.status, found.verb, found.admin_name) == ("open", verb, "A")
            assert (found.request.amount_nanos, found.request.why) == (5 * USD, "report for Friday")
            assert found.request.display_name == "Maria Silva"
        assert (await admin.audit(), await grants(admin)) == (before, [])


async def test_button_approves_once_as_the_approver(admin: Service, post: PostOffice) -> None:
    """Pressed twenty times at once: one grant, one line; a look says that it was used."""
    await office(admin)
    approve, deny = await mailed(admin, post)
    found = await asyncio.gather(*(press(admin, approve.lower()) for _ in range(20)))
    assert {(each.status, each.request.decider) for each in found} == {("approved", BIA)}
    assert len(await grants(admin)) == 1
    lines = [line for line in await admin.audit() if line[1] == "approve_request"]
    assert [(line[0], line[3]["reason"]) for line in lines] == [
        (BIA, "approved by the address in the mail")
    ]
    assert ((await look(admin, approve)).status, (await look(admin, deny)).status) == (
        "used", "decided",
    )  # fmt: skip
    assert (await press(admin, deny, "no")).status == "decided"


async def test_button_that_denies_takes_a_reason(admin: Service, post: PostOffice) -> None:
    """The person reads it; without one nothing is answered."""
    await office(admin)
    _, deny = await mailed(admin, post)
    for empty in ("", "  ", "x" * 501):
        status, sentence = await refused(admin, "Decide", pb.DecideRequest(code=deny, answer=empty))
        assert (status, sentence.partition(" ")[0]) == ("INVALID_ARGUMENT", "answer")
    found = await press(admin, deny, "not\nthis month")
    assert (found.status, found.request.answer) == ("denied", "not this month")
    assert await grants(admin) == []


@pytest.mark.parametrize("code", ["", "x", "A" * 26, "0" * 26, "Ç" * 26, "A" * 2**20])
async def test_altered_address_is_not_found(admin: Service, post: PostOffice, code: str) -> None:
    """Also one letter less, or another."""
    await office(admin)
    approve, _ = await mailed(admin, post)
    other = "0" if approve[0] != "0" else "1"
    for wrong in (code, approve[:-1], other + approve[1:]):
        for method, request in (
            ("ReadDecision", pb.ReadDecisionRequest(code=wrong)),
            ("Decide", pb.DecideRequest(code=wrong, answer="no")),
        ):
            status, sentence = await refused(admin, method, request)
            assert (status, "this address opens nothing" in sentence) == ("NOT_FOUND", True)
    assert await grants(admin) == []


async def test_address_that_somebody_else_was_faster_than_says_so(
    admin: Service, post: PostOffice
) -> None:
    """With who it was."""
    _, rui = await office(admin)
    approve, _ = await mailed(admin, post)
    await ask(admin, "DenyRequest", denial(1), rui)
    for found in (await look(admin, approve), await press(admin, approve)):
        assert found.status == "decided"
        assert (
            found.problem == "this was answered already: the request is denied by rui@example.com"
        )
    assert await grants(admin) == []


@pytest.mark.parametrize("ending", ["withdrawn", "expired", "stale"])
async def test_address_of_what_waits_no_more_says_what_became_of_it(
    admin: Service, post: PostOffice, ending: str
) -> None:
    """Taken back, without an answer in time, or the address itself is too old."""
    await office(admin)
    approve, _ = await mailed(admin, post)
    if ending == "withdrawn":
        await ask(admin, "WithdrawRequest", pb.WithdrawRequestRequest(id=1, reason="r"))
    elif ending == "expired":
        await later(admin, 8 * 24)
    else:
        await admin.pool.execute("UPDATE request_address SET expires_at = now()")
    for found in (await look(admin, approve), await press(admin, approve)):
        assert (found.status, bool(found.problem)) == (ending, True)
    assert await grants(admin) == []


async def test_rights_are_those_of_the_moment(admin: Service, post: PostOffice) -> None:
    """Who lost the role, or administers no more, answers nothing, and is shown nothing."""
    await office(admin)
    approve, deny = await mailed(admin, post)
    await admin.pool.execute(LOSE, BIA)
    for found in (
        await look(admin, approve),
        await press(admin, approve),
        await press(admin, deny, "x"),
    ):
        assert (found.status, found.request.why) == ("forbidden", "")
    await admin.pool.execute("UPDATE admin SET removed_at = now() WHERE email = $1", BIA)
    assert (await press(admin, approve)).status == "forbidden"
    assert await grants(admin) == []


async def test_own_request_is_not_approved_by_an_address_either(
    admin: Service, post: PostOffice
) -> None:
    """The account became the approver's after the mail was sent."""
    await office(admin)
    approve, _ = await mailed(admin, post)
    await admin.pool.execute("UPDATE account_label SET email = $1", BIA)
    for found in (await look(admin, approve), await press(admin, approve)):
        assert found.status == "own"
    assert await grants(admin) == []


async def test_addresses_take_the_installations_token(admin: Service, post: PostOffice) -> None:
    """An operator of one's own has no business with somebody's address."""
    await office(admin)
    ops = await add(admin, "ops@example.com", "operator")
    approve, _ = await mailed(admin, post)
    for method, request in (
        ("ReadDecision", pb.ReadDecisionRequest(code=approve)),
        ("Decide", pb.DecideRequest(code=approve)),
    ):
        status, sentence = await refused(admin, method, request, ops)
        assert (status, "installation" in sentence) == ("PERMISSION_DENIED", True)


async def test_what_one_gives_alone_bounds_the_button_too(admin: Service, post: PostOffice) -> None:
    """Beyond it the answer is a proposal, once, which somebody else confirms: one grant."""
    async with serve(admin.pool, four_eyes_above=4 * USD) as strict:
        await office(strict)
        ana = await add(strict, ANA, "approver")
        approve, _ = await mailed(strict, post)
        for _ in range(2):
            found = await press(strict, approve)
            assert (found.status, found.request.state) == ("proposed", "requested")
        assert (await look(strict, approve)).status == "proposed"
        waiting = await strict.pool.fetch("SELECT id, proposer, amount FROM proposal")
        assert [tuple(row) for row in waiting] == [(1, BIA, 5 * USD)]
        assert await grants(strict) == []
        await confirm(strict, ana)
        assert await grants(strict) == [(5 * USD, "request", "credit-request/1")]
        assert (await look(strict, approve)).status == "used"


async def confirm(admin: Service, token: str) -> None:
    """The second pair of eyes."""
    request = admins_pb2.DecideProposalRequest(id=1, reason="fine")
    await ask_admins(admin, "ConfirmProposal", request, token)


async def test_approvals_of_a_day_add_up_to_four_eyes(admin: Service) -> None:
    """Requests and gifts together; a double click counts once; a lowered amount counts as lowered."""
    async with serve(admin.pool, four_eyes_above=6 * USD) as strict:
        bia, rui = await office(strict)
        asked = await submit(strict, 4 * USD, "a")
        for _ in range(2):
            await ask(strict, "ApproveRequest", approval(asked.id, 3 * USD), bia)
        gift = plans_pb2.GiveCreditRequest(
            holder=plans_pb2.Holder(pool="TI"), amount_nanos=3 * USD, request_id="g", reason="r"
        )
        await strict.ask("GiveCredit", gift, token=bia, stub=PlanServiceStub)
        asked = await submit(strict, USD, "b")
        status, sentence = await refused(strict, "ApproveRequest", approval(asked.id), bia)
        assert (status, "proposal 1 waits" in sentence) == ("FAILED_PRECONDITION", True)
        await ask(strict, "DenyRequest", denial(asked.id), rui)
        assert len(await grants(strict)) == 2


async def test_addresses_of_two_approvers_at_once_make_one_grant(
    admin: Service, post: PostOffice
) -> None:
    """One of them did it; the other one is told who."""
    await office(admin)
    await add(admin, ANA, "approver")
    theirs = [await mailed(admin, post), codes(post.text_to(ANA))]
    found = await asyncio.gather(*(press(admin, each[0]) for each in theirs for _ in range(5)))
    assert sorted({each.status for each in found}) == ["approved", "decided"]
    first = found[0].request.decider
    assert {each.request.decider for each in found} == {first}
    assert len(await grants(admin)) == 1


async def test_mail_that_was_sent_twice_carries_addresses_that_answer_once(
    admin: Service, post: PostOffice
) -> None:
    """A worker died between the server's word and its own note: both mails are good, for one answer."""
    await office(admin)
    first, _ = await mailed(admin, post)
    await admin.pool.execute("UPDATE notice_delivery SET state = 'pending', next_at = now()")
    await a_worker(admin, post).send_due()
    second, _ = codes(post.text_to(BIA))
    assert first != second
    assert (await press(admin, first)).status == "approved"
    assert ((await look(admin, second)).status, (await press(admin, second)).status) == (
        "used", "approved",
    )  # fmt: skip
    assert len(await grants(admin)) == 1
