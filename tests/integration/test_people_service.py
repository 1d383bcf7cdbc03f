"""The PeopleService: people by e-mail, by hand, erased, under the rights and tokens of production."""

import pytest

from credit.pool import connect
from protos.pedagio.v1 import admin_pb2, people_pb2
from protos.pedagio.v1.people_pb2_grpc import PeopleServiceStub
from tests.integration.admin_service import Service, serve
from tests.integration.people_scene import USD, Staff, three

TRACES = "SELECT count(*) FROM {} AS x WHERE x::text ~ 'ana@|\"ana\"|,ana,'"


@pytest.fixture
async def staff(admin: Service) -> Staff:
    """An office with a client, without people."""
    opened = Staff(admin)
    await opened.open()
    return opened


async def test_email_stands_for_an_account_wherever_one_is_named(staff: Staff) -> None:
    """Balance and grant by e-mail; before the first chat a sentence says why not."""
    await staff.load(three())
    name = admin_pb2.AccountName(external_id="Ana@example.org")
    code, text = await staff.admin.refused("GetBalance", name)
    assert (code, "with the first chat" in text) == ("NOT_FOUND", True)
    await staff.chat("6650", "ana@example.org")
    await staff.chat("7777", "ana@example.org")
    for asked in (name, admin_pb2.AccountName(client="chat", external_id="7777")):
        found = await staff.admin.ask("GetBalance", asked)
        assert (found.name.external_id, found.posted_nanos) == ("6650", 50 * USD)
    await staff.admin.grant(USD, person="ana@example.org", client="")
    assert (await staff.admin.ask("GetBalance", name)).posted_nanos == 51 * USD


async def test_erasing_a_person_leaves_the_ledger_and_no_personal_data(staff: Staff) -> None:
    """No table knows the e-mail or the name any more; the entries are all there; the door stays shut."""
    await staff.load(three())
    account = await staff.chat("6650", "ana@example.org")
    before = await staff.count("transfer")
    request = people_pb2.ErasePersonRequest(email="ana@example.org", reason="LGPD")
    assert (await staff.ask("ErasePerson", request)).person
    tables = await staff.pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for (table,) in tables:
        found = await staff.pool.fetchval(TRACES.format(table))
        assert found == 0, table
    assert await staff.count("transfer") == before
    assert await staff.posted(account) == 50 * USD
    assert await staff.chat("6650", None) == account
    assert await staff.chat("8888", "ana@example.org") is None
    status = await staff.pool.fetchval("SELECT status FROM account WHERE id = $1", account)
    assert status == "suspended"


async def test_name_is_bound_and_unbound_by_hand(staff: Staff) -> None:
    """With the command of the list; a name is one person's at a time."""
    await staff.load(three())
    await staff.chat("6650", None)
    waiting = await staff.ask("ListStrangers", people_pb2.ListStrangersRequest())
    (stranger,) = waiting.strangers
    assert (stranger.name.external_id, stranger.has_account) == ("6650", False)
    for who in ("ana", "bia"):
        request = people_pb2.BindPersonRequest(
            email=f"{who}@example.org", name=stranger.name, reason="asked her"
        )
        if who == "ana":
            assert (await staff.ask("BindPerson", request)).available_nanos == 50 * USD
            await staff.ask("BindPerson", request)
    code, text = await staff.refused("BindPerson", request)
    assert (code, "is ana@example.org" in text) == ("FAILED_PRECONDITION", True)
    assert (await staff.ask("ListStrangers", people_pb2.ListStrangersRequest())).strangers == []
    name = people_pb2.UnbindPersonRequest(name=stranger.name, reason="wrong")
    assert (await staff.ask("UnbindPerson", name)).identities == []
    assert await staff.chat("6650", None) is None
    actions = [each[1] for each in await staff.admin.audit()]
    assert actions.count("bind_person") == actions.count("unbind_person") == 1


async def test_office_imports_and_undoes_with_no_more_than_the_rights_of_accounting(
    staff: Staff, database_url: str
) -> None:
    """In production neither process owns a table."""
    async with (
        await connect(f"{database_url}?role=pedagio_accounting") as rights,
        serve(rights) as service,
    ):
        limited = Staff(service)
        batch = (await limited.load(three())).batch
        account = await staff.chat("6650", "ana@example.org")
        await limited.load(three(plan="boss"))
        await staff.chat("9999", None)
        name = admin_pb2.AccountName(client="chat", external_id="9999")
        bind = people_pb2.BindPersonRequest(email="bia@example.org", name=name, reason="asked her")
        await limited.ask("BindPerson", bind)
        await limited.ask("UnbindPerson", people_pb2.UnbindPersonRequest(name=name, reason="no"))
        rules = people_pb2.SetClientPeopleRequest(client="chat", guest_plan="guest", reason="test")
        assert (await limited.ask("SetClientPeople", rules)).verified_emails
        erase = people_pb2.ErasePersonRequest(email="bia@example.org", reason="LGPD")
        await limited.ask("ErasePerson", erase)
        assert len((await limited.undo(batch)).kept) == 2
        assert account is not None


async def test_every_write_tried_first_changes_nothing(staff: Staff) -> None:
    """What --dry-run says is looked up, not done."""
    batch = (await staff.load(three())).batch
    await staff.chat("6650", "ana@example.org")
    before = await staff.admin.audit()
    name = admin_pb2.AccountName(client="chat", external_id="6650")
    other = admin_pb2.AccountName(client="chat", external_id="7777")
    mail = "ana@example.org"
    for method, request in {
        "UndoImport": people_pb2.UndoImportRequest(batch=batch, reason="x", dry_run=True),
        "BindPerson": people_pb2.BindPersonRequest(
            email=mail, name=other, reason="x", dry_run=True
        ),
        "UnbindPerson": people_pb2.UnbindPersonRequest(name=name, reason="x", dry_run=True),
        "ErasePerson": people_pb2.ErasePersonRequest(email=mail, reason="x", dry_run=True),
        "SetClientPeople": people_pb2.SetClientPeopleRequest(
            client="chat", verified_emails=False, reason="x", dry_run=True
        ),
    }.items():
        await staff.ask(method, request)
    assert await staff.admin.audit() == before
    assert [n.external_id for n in (await staff.person("ana")).identities] == ["6650"]
    assert await staff.chat("7777", mail) == await staff.chat("6650", None)


async def test_service_answers_nobody_without_a_token(staff: Staff) -> None:
    """As every service on this port."""
    request = people_pb2.ListPeopleRequest()
    code, _ = await staff.admin.refused("ListPeople", request, stub=PeopleServiceStub, token="x")
    assert code == "UNAUTHENTICATED"
