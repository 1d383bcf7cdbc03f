"""Open holds as administrators see them: why each is open, page by page."""

import uuid

import pytest

from credit import ledger
from protos.pedagio.v1 import admin_pb2 as pb
from tests.books import a_record
from tests.integration.admin_service import DEADLINE_S, USD, Service

CLOCKS_APART_MS = 60_000


async def prepare(admin: Service) -> int:
    """Maria with credit; returns her account id."""
    await admin.create_client()
    account = await admin.open_account()
    await admin.grant(100 * USD)
    return int(account.id)


async def page(
    admin: Service, size: int = 0, token: str = "", client: str = ""
) -> pb.ListHoldsResponse:
    """One page of open holds."""
    name = pb.AccountName(client=client, external_id="maria" if client else "")
    request = pb.ListHoldsRequest(name=name, page_size=size, page_token=token)
    answer: pb.ListHoldsResponse = await admin.ask("ListHolds", request)
    return answer


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ((), "report_missing"),
        (("start",), "in_flight"),
        (("start", "cost"), "end_missing"),
        (("cost",), "end_missing"),
        (("start", "end"), "cost_missing"),
        (("start", "end", "cost"), "closing"),
        (("access",), "report_missing"),
        (("start", "access"), "end_missing"),
        (("start", "end", "access"), "cost_missing"),
    ],
)
async def test_open_hold_says_why_it_is_open(
    admin: Service, records: tuple[str, ...], reason: str
) -> None:
    """The reason follows from what LiteLLM has reported so far (protocol.md 6)."""
    account_id = await prepare(admin)
    hold_id = await admin.place(account_id, 3 * USD)
    for kind in records:
        await admin.report(hold_id, account_id, kind)
    (hold,) = (await page(admin)).holds
    assert (hold.hold_id, hold.reason) == (hold_id, reason)


async def test_open_hold_shows_whose_it_is_and_when_it_frees(admin: Service) -> None:
    """Amount, model, age, and the latest time at which it closes by itself."""
    account_id = await prepare(admin)
    await admin.place(account_id, 3 * USD)
    now_ms = await admin.pool.fetchval("SELECT extract(epoch FROM now())::bigint * 1000")
    (hold,) = (await page(admin, client="chat")).holds
    assert (hold.account.client, hold.account.external_id) == ("chat", "maria")
    assert (hold.model, hold.amount_nanos) == ("gpt-4o", 3 * USD)
    assert 0 <= hold.age_s < CLOCKS_APART_MS // 1000
    assert abs(hold.frees_at_ms - now_ms - DEADLINE_S * 1000) < CLOCKS_APART_MS


async def test_open_holds_in_pages_appear_once_each(admin: Service) -> None:
    """The next to free comes first; holds placed together are told apart by their id."""
    account_id = await prepare(admin)
    placed = [await admin.place(account_id, USD) for _ in range(5)]
    found, token = [], ""
    for _ in range(3):
        answer = await page(admin, 2, token)
        found += [hold.hold_id for hold in answer.holds]
        token = answer.next_page_token
    assert found == placed
    assert token == ""


async def test_open_holds_of_one_account_leave_out_the_others(admin: Service) -> None:
    """A person's list holds only theirs."""
    account_id = await prepare(admin)
    other = await admin.open_account("joao")
    await admin.grant(10 * USD, person="joao")
    hold_id = await admin.place(account_id, USD)
    await admin.place(other.id, USD)
    assert [hold.hold_id for hold in (await page(admin, client="chat")).holds] == [hold_id]
    assert len((await page(admin)).holds) == 2


async def test_open_holds_without_any_are_an_empty_page(admin: Service) -> None:
    """Nothing open is no error."""
    assert await page(admin) == pb.ListHoldsResponse()


async def test_open_holds_token_of_another_listing_is_refused(admin: Service) -> None:
    """The token of all holds is none for one person's."""
    account_id = await prepare(admin)
    for _ in range(2):
        await admin.place(account_id, USD)
    token = (await page(admin, 1)).next_page_token
    name = pb.AccountName(client="chat", external_id="maria")
    request = pb.ListHoldsRequest(name=name, page_token=token)
    assert (await admin.refused("ListHolds", request))[0] == "INVALID_ARGUMENT"


async def explained(admin: Service, ref: str) -> list[pb.Explanation]:
    """What is known under a reference."""
    answer = await admin.ask("Explain", pb.ExplainRequest(ref=ref))
    return list(answer.explanations)


async def test_explained_refusal_carries_its_figures(admin: Service) -> None:
    """A refusal can be recomputed from what is shown: wanted, posted, held."""
    account_id = await prepare(admin)
    await admin.place(account_id, 70 * USD)
    hold_id = await admin.place(account_id, 500 * USD)
    (found,) = await explained(admin, hold_id[:6])
    assert (found.kind, found.reason, found.model) == ("refuse", "insufficient_credit", "gpt-4o")
    assert (found.want_nanos, found.minimum_nanos) == (500 * USD, 500 * USD)
    assert (found.posted_nanos, found.held_nanos) == (100 * USD, 70 * USD)
    assert found.account.external_id == "maria"


async def test_explained_hold_says_how_it_ended(admin: Service) -> None:
    """Open first, then what the closing rules made of it."""
    account_id = await prepare(admin)
    hold_id = await admin.place(account_id, 3 * USD)
    (still_open,) = await explained(admin, hold_id)
    assert (still_open.kind, still_open.reason) == ("open", "report_missing")
    assert (still_open.granted_nanos, still_open.captured_nanos) == (3 * USD, 0)
    await admin.close(hold_id, estimate_nanos=4 * USD)
    (closed,) = await explained(admin, hold_id.upper())
    assert (closed.kind, closed.reason) == ("settled", "aborted")
    assert (closed.captured_nanos, closed.overage_nanos) == (4 * USD, USD)


async def test_explained_refusal_of_the_callback_names_the_field(admin: Service) -> None:
    """What LiteLLM's side of us refused, support finds by the reference, with the field it was about."""
    account_id = await prepare(admin)
    hold_id = await admin.place(account_id, USD)
    record = a_record(hold_id, account_id, "end", outcome="refused", field="frobnicate")
    await ledger.capture_batch(admin.pool, [record], [], DEADLINE_S)
    (found,) = await explained(admin, hold_id)
    assert found.detail == "frobnicate"


async def test_explained_reference_shared_by_two_calls_shows_both(admin: Service) -> None:
    """Six characters are no unique name: the newest comes first."""
    account_id = await prepare(admin)
    ids = [f"abc123{str(uuid.uuid4())[6:]}" for _ in range(2)]
    for hold_id in ids:
        await admin.place(account_id, USD, hold_id)
    await admin.place(account_id, USD)
    assert [each.hold_id for each in await explained(admin, "abc123")] == ids[::-1]


async def test_explained_refusal_at_the_door_needs_no_account(admin: Service) -> None:
    """A person who could not be identified still gets an explanation."""
    await admin.pool.execute(
        "INSERT INTO decision (hold_id, client_id, kind, reason, detail) "
        "VALUES ('deadbeef-0000-4000-8000-000000000000', 'chat', 'refuse', 'identity_missing', 'x')"
    )
    (found,) = await explained(admin, "deadbe")
    assert (found.reason, found.detail, found.account.client) == ("identity_missing", "x", "chat")


@pytest.mark.parametrize("ref", ["", "abc12", "abc12g", "a" * 33, "%25", "'; --"])
async def test_explain_of_no_reference_is_refused(admin: Service, ref: str) -> None:
    """What is not hexadecimal was misread or mistyped."""
    status, sentence = await admin.refused("Explain", pb.ExplainRequest(ref=ref))
    assert status == "INVALID_ARGUMENT"
    assert sentence == "ref must be six hexadecimal digits, or a whole hold id"


async def test_explain_of_an_unknown_reference_is_not_found(admin: Service) -> None:
    """Nothing recorded is said, not shown as an empty list."""
    assert await admin.refused("Explain", pb.ExplainRequest(ref="abc123")) == (
        "NOT_FOUND", "nothing is recorded under the reference abc123",
    )  # fmt: skip
