"""Accounts through the AdminService: opened, suspended, granted credit exactly once."""

import asyncio

import pytest

from protos.pedagio.v1 import admin_pb2 as pb
from tests.integration.admin_service import USD, Service

MARIA = pb.AccountName(client="chat", external_id="maria")


async def test_opened_account_starts_active_at_zero(admin: Service) -> None:
    """A new account owns nothing, owes nothing."""
    await admin.create_client()
    request = pb.OpenAccountRequest(name=MARIA, display_name="Maria", email="m@x", reason="new")
    opened = await admin.ask("OpenAccount", request)
    assert opened == pb.Account(
        name=MARIA, id=opened.id, kind="user", status="active", display_name="Maria", email="m@x"
    )
    # The person's name is in the label, which can be erased, and not in the audit, which cannot.
    assert (await admin.audit())[-1] == (
        "admin", "open_account", str(opened.id), {"reason": "new", "client": "chat"},
    )  # fmt: skip


async def test_account_that_is_open_is_left_as_it_is(admin: Service) -> None:
    """Opening it again changes nothing, labels included."""
    await admin.create_client()
    await admin.open_account()
    request = pb.OpenAccountRequest(name=MARIA, display_name="Mallory", reason="r")
    status, sentence = await admin.refused("OpenAccount", request)
    assert status == "ALREADY_EXISTS"
    assert sentence == "maria has an account at chat already; nothing was changed"
    assert (await admin.ask("GetBalance", MARIA)).display_name == ""


async def test_account_of_an_unknown_client_is_not_found(admin: Service) -> None:
    """The client comes first."""
    status, sentence = await admin.refused(
        "OpenAccount", pb.OpenAccountRequest(name=MARIA, reason="r")
    )
    assert (status, sentence[:27]) == ("NOT_FOUND", "there is no client chat: `p")


@pytest.mark.parametrize("person", ["{{LIBRECHAT_USER_ID}}", "a,b", "a" * 129, "a\nb", "  "])
async def test_person_that_no_request_can_name_is_refused(admin: Service, person: str) -> None:
    """What the door takes for no identity (DESIGN 3) must not become an account."""
    await admin.create_client()
    name = pb.AccountName(client="chat", external_id=person)
    status, sentence = await admin.refused(
        "OpenAccount", pb.OpenAccountRequest(name=name, reason="r")
    )
    assert status == "INVALID_ARGUMENT"
    assert sentence.startswith("name.external_id must")


async def test_grant_moves_funding_to_the_account(admin: Service) -> None:
    """One transfer, posted at once; the account's version moves on, so caches notice."""
    await admin.create_client()
    opened = await admin.open_account()
    granted = await admin.grant(20 * USD, reason="October")
    account = granted.account
    assert (account.posted_nanos, account.available_nanos) == (20 * USD, 20 * USD)
    assert account.version == opened.version + 1
    assert not granted.replayed
    row = await admin.pool.fetchrow(
        "SELECT f.kind AS source, t.credit_account, t.amount, t.kind, t.actor, t.reason "
        "FROM transfer t JOIN account f ON f.id = t.debit_account WHERE t.id = $1",
        granted.transfer_id,
    )
    assert row is not None
    assert tuple(row) == ("funding", opened.id, 20 * USD, "grant", "admin", "October")
    assert (await admin.audit())[-1] == (
        "admin", "grant", str(opened.id),
        {"reason": "October", "amount_nanos": 20 * USD, "transfer": granted.transfer_id},
    )  # fmt: skip


async def test_grant_repeated_with_its_request_id_counts_once(admin: Service) -> None:
    """A client that lost the answer asks again without fear."""
    await admin.create_client()
    await admin.open_account()
    first = await admin.grant(5 * USD, request_id="r1")
    again = await admin.grant(5 * USD, request_id="r1")
    assert (again.transfer_id, again.replayed) == (first.transfer_id, True)
    assert again.account.posted_nanos == 5 * USD
    assert [line[1] for line in await admin.audit()].count("grant") == 1


async def test_grants_at_once_with_one_request_id_count_once(admin: Service) -> None:
    """The unique index decides between rivals, whatever their number."""
    await admin.create_client()
    await admin.open_account()
    answers = await asyncio.gather(*(admin.grant(USD, request_id="r1") for _ in range(8)))
    assert len({answer.transfer_id for answer in answers}) == 1
    assert [answer.replayed for answer in answers].count(False) == 1
    assert (await admin.ask("GetBalance", MARIA)).posted_nanos == USD


async def test_grants_at_once_with_different_ids_all_count(admin: Service) -> None:
    """Concurrent grants add up: none is lost."""
    await admin.create_client()
    await admin.open_account()
    await asyncio.gather(*(admin.grant(USD) for _ in range(8)))
    assert (await admin.ask("GetBalance", MARIA)).posted_nanos == 8 * USD


@pytest.mark.parametrize(("person", "amount"), [("maria", 6 * USD), ("joao", 5 * USD)])
async def test_request_id_used_for_another_grant_is_refused(
    admin: Service, person: str, amount: int
) -> None:
    """The same id with another account or amount is a mistake, never a second grant."""
    await admin.create_client()
    await admin.open_account()
    await admin.open_account("joao")
    await admin.grant(5 * USD, request_id="r1")
    name = pb.AccountName(client="chat", external_id=person)
    request = pb.GrantRequest(name=name, amount_nanos=amount, reason="r", request_id="r1")
    status, sentence = await admin.refused("Grant", request)
    assert status == "FAILED_PRECONDITION"
    assert sentence.startswith("request_id r1 was used for another grant")
    assert (await admin.ask("GetBalance", MARIA)).posted_nanos == 5 * USD


async def test_grant_for_a_person_without_account_says_how_to_open_it(admin: Service) -> None:
    """A slip in a name must not create an account."""
    await admin.create_client()
    request = pb.GrantRequest(name=MARIA, amount_nanos=1, reason="r", request_id="r")
    status, sentence = await admin.refused("Grant", request)
    assert status == "NOT_FOUND"
    assert "`pedagio account open chat maria --reason ...`" in sentence


@pytest.mark.parametrize("amount", [0, -1, 10**15 + 1, 2**63 - 1, -(2**63)])
async def test_grant_of_an_absurd_amount_is_refused(admin: Service, amount: int) -> None:
    """Amounts are positive, at most a million USD."""
    await admin.create_client()
    await admin.open_account()
    request = pb.GrantRequest(name=MARIA, amount_nanos=amount, reason="r", request_id="r")
    status, sentence = await admin.refused("Grant", request)
    assert status == "INVALID_ARGUMENT"
    assert sentence.startswith("amount_nanos must be between 1 and 1000000000000000 nano-USD")


async def test_grant_without_a_request_id_is_refused(admin: Service) -> None:
    """Without it a repetition could not be told from a second grant."""
    await admin.create_client()
    await admin.open_account()
    request = pb.GrantRequest(name=MARIA, amount_nanos=1, reason="r")
    assert await admin.refused("Grant", request) == (
        "INVALID_ARGUMENT", "request_id must not be empty",
    )  # fmt: skip


async def test_grant_to_the_own_account_needs_a_service_client(admin: Service) -> None:
    """A service spends from its own account; a trusted client has none to spend from."""
    await admin.create_client("chat")
    await admin.create_client("tools", kind="service")
    granted = await admin.grant(USD, person="", client="tools")
    assert (granted.account.kind, granted.account.posted_nanos) == ("service", USD)
    name = pb.AccountName(client="chat")
    request = pb.GrantRequest(name=name, amount_nanos=1, reason="r", request_id="r")
    assert await admin.refused("Grant", request) == (
        "FAILED_PRECONDITION",
        "chat spends for persons: name the one who shall have the credit",
    )


async def test_balance_shows_what_is_held(admin: Service) -> None:
    """Available is posted less held."""
    await admin.create_client()
    account = await admin.open_account()
    await admin.grant(10 * USD)
    await admin.place(account.id, 3 * USD)
    found = await admin.ask("GetBalance", MARIA)
    figures = (found.posted_nanos, found.held_nanos, found.available_nanos)
    assert figures == (10 * USD, 3 * USD, 7 * USD)


async def test_account_status_changes_only_what_is_named(admin: Service) -> None:
    """Suspending a person in shadow leaves the shadow, and the other way round."""
    await admin.create_client()
    await admin.open_account()

    async def change(**fields: str) -> tuple[str, str]:
        request = pb.SetAccountStatusRequest(name=MARIA, reason="r", **fields)
        answer = await admin.ask("SetAccountStatus", request)
        return answer.status, answer.mode_override

    assert await change(mode_override="shadow") == ("active", "shadow")
    assert await change(status="suspended") == ("suspended", "shadow")
    assert await change(mode_override="") == ("suspended", "")
    assert await change(status="active") == ("active", "")
    assert (await admin.audit())[-1][3] == {
        "reason": "r", "status": "active", "mode_override": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"status": ""}, "status must be one of active, suspended; it is ''"),
        ({"status": "deleted"}, "status must be one of active, suspended; it is 'deleted'"),
        ({"mode_override": "off"}, "mode_override must be one of shadow; it is 'off'"),
    ],
)
async def test_account_status_outside_its_list_is_refused(
    admin: Service, fields: dict[str, str], sentence: str
) -> None:
    """Closed lists are closed."""
    await admin.create_client()
    await admin.open_account()
    request = pb.SetAccountStatusRequest(name=MARIA, reason="r", **fields)
    assert await admin.refused("SetAccountStatus", request) == ("INVALID_ARGUMENT", sentence)
