"""Erasing somebody: every place that names them, and nothing that the books need."""

import asyncpg
import pytest

from protos.pedagio.v1 import admin_pb2
from protos.pedagio.v1 import admins_pb2 as pb
from protos.pedagio.v1 import people_pb2 as people
from protos.pedagio.v1.people_pb2_grpc import PeopleServiceStub
from tests.integration.admin_service import USD, Service
from tests.integration.admins import add, ask
from tests.integration.gifts import BIA, decide, give, strict
from tests.integration.people_scene import Staff, a_file, three
from tests.integration.test_account_life import nobody_is_named

MAIL = "ana@example.org"
ERASE = people.ErasePersonRequest(email=MAIL, reason="LGPD")
STATUS = "SELECT status FROM account WHERE id = $1"


@pytest.fixture
async def staff(admin: Service) -> Staff:
    """An office with a client, without people."""
    opened = Staff(admin)
    await opened.open(guest="guest")
    return opened


async def test_name_that_is_the_address_goes_too(staff: Staff) -> None:
    """Some clients call people by their e-mail; the entries of the account stay."""
    await staff.load(three())
    account = await staff.chat(MAIL.title(), MAIL)
    await staff.chat("6650", MAIL)
    before = await staff.count("transfer")
    await staff.ask("ErasePerson", ERASE)
    await nobody_is_named(staff.admin, MAIL)
    assert await staff.pool.fetchval(STATUS, account) == "suspended"
    assert await staff.chat("6650", None) == account
    assert (await staff.count("transfer"), await staff.posted(account)) == (before, 50 * USD)


async def test_label_of_an_account_that_a_name_had_before_goes_too(staff: Staff) -> None:
    """Opened by an administrator with a name, merged later."""
    name = admin_pb2.AccountName(client="chat", external_id="7777")
    opened = admin_pb2.OpenAccountRequest(name=name, display_name="Ana Souza", reason="test")
    await staff.admin.ask("OpenAccount", opened)
    await staff.load(three())
    for each in ("6650", "7777"):
        await staff.chat(each, MAIL)
    await staff.ask("ErasePerson", ERASE)
    await nobody_is_named(staff.admin, MAIL, "Ana Souza")


async def test_who_was_never_on_a_list_can_be_erased(staff: Staff) -> None:
    """A guest whose e-mail waits under "Who is this?", and a label that an administrator wrote."""
    guest = await staff.chat("6650", MAIL)
    name = admin_pb2.AccountName(client="chat", external_id="7777")
    opened = admin_pb2.OpenAccountRequest(name=name, email="Bob@example.org", reason="test")
    bob = (await staff.admin.ask("OpenAccount", opened)).id
    for mail, account in ((MAIL, guest), ("bob@example.org", bob)):
        request = people.ErasePersonRequest(email=mail, reason="LGPD")
        number = (await staff.ask("ErasePerson", request)).person
        assert ("erase_person", str(number)) in [a[1:3] for a in await staff.admin.audit()]
        await nobody_is_named(staff.admin, mail)
        assert await staff.pool.fetchval(STATUS, account) == "suspended"
        assert (await staff.refused("ErasePerson", request))[0] == "NOT_FOUND"


async def test_proposed_file_does_not_outlive_the_erasing(pool: asyncpg.Pool) -> None:
    """One that waits must be decided first, as it would bring the person back; then its text is gone."""
    async with strict(pool) as admin:
        ana, bia = (
            await add(admin, "boss@example.com", "treasurer"),
            await add(admin, BIA, "treasurer"),
        )
        file = a_file([f"{MAIL.upper()},Ana Souza,US$101"], "email,name,credit")
        wanted = people.ImportPeopleRequest(file=file, request_id="f", reason="r")
        number = await give(admin, wanted, ana, "ImportPeople", PeopleServiceStub)
        code, text = await admin.refused("ErasePerson", ERASE, stub=PeopleServiceStub)
        assert (code, f"proposal {number} " in text) == ("FAILED_PRECONDITION", True)
        await ask(admin, "ConfirmProposal", decide(number), bia)
        await admin.ask("ErasePerson", ERASE, stub=PeopleServiceStub)
        await nobody_is_named(admin, MAIL, "Ana Souza")
        shown = await ask(admin, "ListProposals", pb.ListProposalsRequest(decided=True))
        assert [p.id for p in shown.proposals] == [number]
        assert await pool.fetchval("SELECT request FROM proposal") == b""
