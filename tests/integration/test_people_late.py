"""Late meetings of people with accounts: not in the order of a Monday."""

import asyncio
from datetime import timedelta

import grpc
import pytest

from accounting.admin.people_follow import follow
from protos.pedagio.v1 import admin_pb2, people_pb2, plans_pb2
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.integration.admin_service import Service
from tests.integration.people_scene import USD, Staff, a_file, three
from tests.integration.rules_scene import CLOCK

STATUS = "SELECT status FROM account WHERE id = $1"
PLAN_OF = "SELECT plan_id FROM account WHERE id = $1"
MEET = "SELECT meet_person('chat', $1, $2)"


@pytest.fixture
async def staff(admin: Service) -> Staff:
    """An office with a client, without people."""
    opened = Staff(admin)
    await opened.open()
    return opened


async def test_account_from_before_the_import_is_bound_by_its_next_request(staff: Staff) -> None:
    """An installation ran for weeks before finance had a list, or before its e-mails were declared."""
    await staff.pool.execute("UPDATE client SET verified_emails = false, unknown_users = 'create'")
    account = await staff.chat("6650", "ana@example.org")
    assert account is not None
    await staff.admin.grant(USD, person="6650")
    await staff.load(three())
    assert await staff.chat("6650", "ana@example.org") == account
    assert (await staff.posted(account), await staff.count("identity")) == (USD, 0)
    await staff.pool.execute("UPDATE client SET verified_emails = true")
    assert await staff.chat("6650", "ana@example.org") == account
    assert await staff.posted(account) == 51 * USD
    assert await staff.chat("6650", "bia@example.org") == account
    assert await staff.count("identity") == 1


async def test_person_who_chats_while_the_list_is_imported_follows_it(staff: Staff) -> None:
    """The account that comes between the reading of a list and its doing is suspended, and gets its credit."""
    await staff.load(three())
    async with staff.pool.acquire() as door:
        transaction = door.transaction()
        await transaction.start()
        ana = await door.fetchval(MEET, "6650", "ana@example.org")
        bia = await door.fetchval(MEET, "7777", "bia@example.org")
        file = a_file(["bia@example.org,bia,boss,RH,US$40", "caio@example.org,caio,team,RH,US$30"])
        load = asyncio.create_task(staff.load(file))
        await asyncio.sleep(0.3)
        await transaction.commit()
        await load
    assert await staff.pool.fetchval(STATUS, ana) == "suspended"
    assert await staff.pool.fetchval(PLAN_OF, bia) == "boss"
    assert await staff.posted(bia) > (20 + 30 + 40) * USD


async def test_list_keeps_nobody_waiting_whose_account_it_has_changed(staff: Staff) -> None:
    """Bia's account is busy: Ana's, changed before it, answers all the same; then both are as the list says."""
    await staff.load(three())
    ana = await staff.chat("6650", "ana@example.org")
    bia = await staff.chat("7777", "bia@example.org")
    assert ana is not None
    async with staff.pool.acquire() as busy:
        transaction = busy.transaction()
        await transaction.start()
        await busy.execute("SELECT FROM account WHERE id = $1 FOR NO KEY UPDATE", bia)
        load = asyncio.create_task(staff.load(three(plan="boss")))
        await asyncio.sleep(0.3)
        async with asyncio.timeout(1.0):
            await staff.admin.place(ana, 1)
        assert not load.done()
        await transaction.commit()
        await load
    assert [await staff.pool.fetchval(PLAN_OF, each) for each in (ana, bia)] == ["boss", "boss"]
    assert await staff.pool.fetchval("SELECT count(*) FROM person WHERE NOT furnished") == 0


async def test_import_that_was_interrupted_is_followed_later(staff: Staff) -> None:
    """A process that dies after the list was written leaves what another finishes, once."""
    await staff.load(three())
    account = await staff.chat("6650", "ana@example.org")
    await staff.pool.execute("UPDATE person SET furnished = account_id IS NULL, plan_id = 'boss'")
    await asyncio.gather(*(follow(staff.pool) for _ in range(3)))
    posted = await staff.posted(account)
    assert posted > 50 * USD
    await follow(staff.pool)
    assert await staff.posted(account) == posted
    assert await staff.pool.fetchval(PLAN_OF, account) == "boss"
    await staff.check()


async def test_language_of_the_list_is_spoken_until_the_person_chooses(staff: Staff) -> None:
    """A list that says another follows only where nothing was chosen."""
    header = "email,language"
    await staff.load(a_file(["ana@example.org,en", "bia@example.org,en"], header))
    ana = await staff.chat("6650", "ana@example.org")
    bia = await staff.chat("7777", "bia@example.org")
    await staff.pool.execute(
        "UPDATE account_setting SET language = 'pt-BR' WHERE account_id = $1", bia
    )
    spoken = "SELECT language FROM account_setting WHERE account_id = $1"
    assert await staff.pool.fetchval(spoken, ana) == "en"
    await staff.load(a_file(["ana@example.org,", "bia@example.org,"], header))
    assert await staff.pool.fetchval(spoken, ana) is None
    assert await staff.pool.fetchval(spoken, bia) == "pt-BR"


async def test_who_was_suspended_by_hand_after_leaving_stays_so(staff: Staff) -> None:
    """Whoever is on the list again is resumed only from what the list did."""
    await staff.load(three())
    account = await staff.chat("6650", "ana@example.org")
    rest = [r for r in three().decode().splitlines()[1:] if "ana@" not in r]
    await staff.load(a_file(rest))
    name = admin_pb2.AccountName(client="chat", external_id="6650")
    suspend = admin_pb2.SetAccountStatusRequest(name=name, status="suspended", reason="abuse")
    await staff.admin.ask("SetAccountStatus", suspend)
    await staff.load(three())
    assert await staff.pool.fetchval(STATUS, account) == "suspended"


async def test_import_undone_in_another_month_leaves_the_month_its_allowance(staff: Staff) -> None:
    """Who was wrongly moved has the old plan's money back, not none until the next month."""
    await staff.load(three(credit=""))
    account = await staff.chat("6650", "ana@example.org")
    batch = (await staff.load(three(plan="boss", credit=""))).batch
    ends = await staff.pool.fetchval("SELECT plan_ends_at FROM account WHERE id = $1", account)
    await staff.pool.execute(CLOCK.format(f"''{(ends + timedelta(days=3)).isoformat()}''"))
    name = admin_pb2.AccountName(client="chat", external_id="6650")
    assert (await staff.admin.ask("GetBalance", name)).posted_nanos == 50 * USD
    await staff.undo(batch)
    assert (await staff.admin.ask("GetBalance", name)).posted_nanos == 20 * USD


async def test_email_of_somebody_without_an_account_is_not_that_of_a_label(staff: Staff) -> None:
    """Else credit for Ana goes to whoever wrote her address on an account."""
    await staff.load(three())
    thief = admin_pb2.AccountName(client="chat", external_id="thief")
    await staff.admin.ask(
        "OpenAccount",
        admin_pb2.OpenAccountRequest(name=thief, email="ana@example.org", reason="test"),
    )
    code, text = await staff.admin.refused(
        "GetBalance", admin_pb2.AccountName(external_id="ana@example.org")
    )
    assert (code, "with the first chat" in text) == ("NOT_FOUND", True)


async def test_who_was_erased_may_come_back_by_hand(staff: Staff) -> None:
    """Their name at the client is freed, and bound to the new person of the next list."""
    await staff.load(three())
    await staff.chat("6650", "ana@example.org")
    erase = people_pb2.ErasePersonRequest(email="ana@example.org", reason="LGPD")
    await staff.ask("ErasePerson", erase)
    await staff.load(three())
    name = admin_pb2.AccountName(client="chat", external_id="6650")
    bind = people_pb2.BindPersonRequest(email="ana@example.org", name=name, reason="is back")
    code, text = await staff.refused("BindPerson", bind)
    assert (code, "pedagio people unbind" in text) == ("FAILED_PRECONDITION", True)
    unbind = people_pb2.UnbindPersonRequest(name=name, reason="is back")
    assert (await staff.ask("UnbindPerson", unbind)).state == "erased"
    account = await staff.chat("6650", "ana@example.org")
    assert await staff.posted(account) == 50 * USD
    assert await staff.chat("6650", None) == account


@pytest.mark.parametrize("method", ["SetMember", "RemoveMember"])
async def test_list_and_administrator_at_one_membership_wait_in_one_order(
    staff: Staff, method: str
) -> None:
    """Person, account, membership: the other way round each would wait for the other."""
    await staff.load(three())
    account = await staff.chat("6650", "ana@example.org")
    name = admin_pb2.AccountName(client="chat", external_id="6650")
    kind = getattr(plans_pb2, f"{method}Request")
    async with staff.pool.acquire() as furnishing:
        transaction = furnishing.transaction()
        await transaction.start()
        await furnishing.execute("SELECT FROM person FOR UPDATE")
        await furnishing.execute("SELECT FROM account WHERE id = $1 FOR NO KEY UPDATE", account)
        request = kind(pool="TI", account=name, reason="test")
        asked = asyncio.create_task(staff.admin.ask(method, request, stub=PlanServiceStub))
        await asyncio.sleep(0.3)
        await furnishing.execute(
            "UPDATE pool_member SET position = 2 WHERE account_id = $1", account
        )
        await transaction.commit()
        await asked


async def test_who_is_erased_while_a_list_is_imported_stays_erased(staff: Staff) -> None:
    """The erasing waits for the list, which has read the name and would write it down again."""
    await staff.load(three())
    ana = (await staff.person("ana")).id
    async with staff.pool.acquire() as importing:
        transaction = importing.transaction()
        await transaction.start()
        await importing.execute("SELECT pg_advisory_xact_lock(5055)")
        erase = people_pb2.ErasePersonRequest(email="ana@example.org", reason="LGPD")
        erased = asyncio.create_task(staff.ask("ErasePerson", erase))
        await asyncio.sleep(0.3)
        await importing.execute("UPDATE person SET name = 'Ana Souza' WHERE id = $1", ana)
        await transaction.commit()
        await erased
    assert await staff.pool.fetchval("SELECT count(*) FROM person WHERE name = 'Ana Souza'") == 0


async def test_name_that_two_bind_at_once_is_one_persons(staff: Staff) -> None:
    """The second is told, as if it had come later; the first keeps the name."""
    await staff.load(three())
    for who in ("ana", "bia"):
        await staff.chat(who, f"{who}@example.org")
    name = admin_pb2.AccountName(client="chat", external_id="6650")
    async with staff.pool.acquire() as busy:
        transaction = busy.transaction()
        await transaction.start()
        await busy.execute("SELECT FROM person FOR UPDATE")
        binds = [
            asyncio.create_task(
                staff.ask(
                    "BindPerson",
                    people_pb2.BindPersonRequest(
                        email=f"{who}@example.org", name=name, reason="asked"
                    ),
                )
            )
            for who in ("ana", "bia")
        ]
        await asyncio.sleep(0.3)
        await transaction.commit()
        done = await asyncio.gather(*binds, return_exceptions=True)
    (late,) = [each for each in done if isinstance(each, grpc.aio.AioRpcError)]
    assert late.code() is grpc.StatusCode.FAILED_PRECONDITION
    actions = [each[1] for each in await staff.admin.audit()]
    assert (actions.count("bind_person"), await staff.count("identity")) == (3, 3)


async def test_import_waits_five_seconds_for_another_and_says_so(staff: Staff) -> None:
    """Not until its connection is given up; to look needs no turn."""
    async with staff.pool.acquire() as importing:
        busy = asyncio.create_task(
            importing.execute("SELECT pg_advisory_xact_lock(5055); SELECT pg_sleep(7)")
        )
        await asyncio.sleep(0.3)
        assert len((await staff.load(three(), dry_run=True, request_id="")).changes) == 3
        code, text = await staff.refused("ImportPeople", staff.request(three()))
        assert not busy.done()
        await busy
    assert (code, "another import is under way" in text) == ("FAILED_PRECONDITION", True)
    assert await staff.count("person") == 0
