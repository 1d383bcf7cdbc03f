"""Imports of people: what a file changes, once, all or nothing, and back."""

import asyncio

import pytest

from protos.pedagio.v1 import admin_pb2, people_pb2, plans_pb2
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.integration.admin_service import Service
from tests.integration.people_scene import USD, Staff, a_file, three


@pytest.fixture
async def staff(admin: Service) -> Staff:
    """An office with a client, without people."""
    opened = Staff(admin)
    await opened.open()
    return opened


def kinds(answer: people_pb2.ImportPeopleResponse) -> list[str]:
    """What happens to whom."""
    return [f"{each.change} {each.email.partition('@')[0]}" for each in answer.changes]


async def test_dry_run_says_all_and_writes_nothing(staff: Staff) -> None:
    """The diff first: people, teams that will be made, credit in all."""
    answer = await staff.load(three(), dry_run=True, request_id="")
    assert kinds(answer) == ["new ana", "new bia", "new caio"]
    assert list(answer.new_pools) == ["RH", "TI"]
    assert answer.credit_nanos == 90 * USD
    assert answer.batch == 0
    assert [await staff.count(t) for t in ("person", "import_batch", "person_credit")] == [0, 0, 0]


async def test_import_gives_nothing_before_the_first_chat_and_all_of_it_then(staff: Staff) -> None:
    """People without accounts; plan, team and credit come with the account, one audit line with the file."""
    await staff.load(three())
    assert await staff.pool.fetchval("SELECT count(*) FROM account WHERE kind = 'user'") == 0
    assert (await staff.person("ana")).waiting_nanos == 30 * USD
    account = await staff.chat("6650", "ana@example.org")
    assert await staff.posted(account) == 50 * USD
    ana = await staff.person("ana")
    assert (ana.available_nanos, ana.waiting_nanos, ana.plan) == (50 * USD, 0, "team")
    assert [(n.client, n.external_id) for n in ana.identities] == [("chat", "6650")]
    team = await staff.pool.fetchval(
        "SELECT t.name FROM pool_member AS m JOIN account AS t ON t.id = m.pool_id WHERE m.account_id = $1",
        account,
    )
    assert team == "TI"
    lines = [each for each in await staff.admin.audit() if each[1] == "import_people"]
    assert len(lines) == 1
    assert lines[0][3]["new"] == 3
    assert "example.org" not in str(lines)


async def test_same_file_again_changes_nothing_and_another_is_a_diff(staff: Staff) -> None:
    """Credit is not given twice; who moved, came and left is said and done."""
    await staff.load(three())
    ana = await staff.chat("6650", "ana@example.org")
    await staff.chat("7777", "caio@example.org")
    again = await staff.load(three())
    assert (again.batch, again.unchanged, kinds(again)) == (0, 3, [])
    file = a_file(
        [
            "ana@example.org,ana,boss,RH,US$30",
            "bia@example.org,bia,team,TI,US$30",
            "duda@example.org,,,,",
        ]
    )
    answer = await staff.load(file)
    assert kinds(answer) == ["moved ana", "new duda", "left caio"]
    assert list(answer.changes[0].fields) == ["plan: team -> boss", "team: TI -> RH"]
    # The upgrade counts at once, by its part of this month.
    assert 50 * USD < await staff.posted(ana) < 80 * USD
    caio = await staff.pool.fetchval("SELECT status FROM account WHERE external_id = '7777'")
    assert caio == "suspended"
    back = await staff.load(three())
    assert kinds(back) == ["moved ana", "back caio", "left duda"]
    caio = await staff.pool.fetchval("SELECT status FROM account WHERE external_id = '7777'")
    assert caio == "active"


async def test_plan_assigned_by_hand_outlives_another_registration_and_shows_in_the_next_diff(
    staff: Staff,
) -> None:
    """The person's row follows what an administrator does to the account."""
    await staff.load(three())
    await staff.chat("6650", "ana@example.org")
    name = admin_pb2.AccountName(external_id="ana@example.org")
    holder = plans_pb2.Holder(account=name)
    assign = plans_pb2.AssignPlanRequest(holder=holder, plan="boss", reason="promoted")
    await staff.admin.ask("AssignPlan", assign, stub=PlanServiceStub)
    leave = plans_pb2.RemoveMemberRequest(pool="TI", account=name, reason="promoted")
    await staff.admin.ask("RemoveMember", leave, stub=PlanServiceStub)
    account = await staff.chat("7777", "ana@example.org")
    plan = await staff.pool.fetchval("SELECT plan_id FROM account WHERE id = $1", account)
    assert (plan, await staff.count("pool_member")) == ("boss", 0)
    answer = await staff.load(three(), dry_run=True)
    assert list(answer.changes[0].fields) == ["plan: boss -> team", "team: - -> TI"]


async def test_partial_file_leaves_the_others_alone(staff: Staff) -> None:
    """A team's list suspends nobody of the other teams."""
    await staff.load(three())
    answer = await staff.load(a_file(["duda@example.org,duda,team,TI,"]), partial=True)
    assert kinds(answer) == ["new duda"]


async def test_same_request_id_is_one_import_and_never_another_file(staff: Staff) -> None:
    """Two at once, and a retry after a lost answer."""
    first = staff.request(three(), request_id="monday")
    answers = await asyncio.gather(*(staff.ask("ImportPeople", first) for _ in range(3)))
    assert len({a.batch for a in answers}) == 1
    assert sorted(a.replayed for a in answers) == [False, True, True]
    assert await staff.count("person_credit") == 3
    other = staff.request(three(plan="boss"), request_id="monday")
    code, text = await staff.refused("ImportPeople", other)
    assert (code, "another file" in text) == ("FAILED_PRECONDITION", True)


async def test_wrong_file_is_undone_for_what_is_left_of_it(staff: Staff) -> None:
    """Removed without an account, suspended with one; credit and allowance taken back but for what is held."""
    answer = await staff.load(three())
    account = await staff.chat("6650", "ana@example.org")
    assert account is not None
    await staff.admin.place(account, 5 * USD)
    tried = await staff.undo(answer.batch, dry_run=True)
    assert (tried.removed, tried.suspended) == (2, 1)
    assert await staff.posted(account) == 50 * USD
    undone = await staff.undo(answer.batch)
    assert (undone.removed, undone.suspended) == (2, 1)
    assert undone.revoked_nanos == tried.revoked_nanos == 45 * USD
    assert await staff.posted(account) == 5 * USD
    row = await staff.pool.fetchrow("SELECT status, plan_id FROM account WHERE id = $1", account)
    assert row is not None
    assert tuple(row) == ("suspended", None)
    assert await staff.count("pool_member") == 0
    assert [await staff.count("person")] == [1]
    code, text = await staff.refused(
        "UndoImport", people_pb2.UndoImportRequest(batch=answer.batch, reason="again")
    )
    assert (code, "was undone on" in text) == ("FAILED_PRECONDITION", True)


async def test_undo_of_a_change_restores_plan_team_and_who_left(staff: Staff) -> None:
    """A wrong second file; who was changed since by a third keeps that."""
    await staff.load(three())
    ana, bia = [
        await staff.chat(n, f"{who}@example.org") for n, who in (("1", "ana"), ("2", "bia"))
    ]
    rows = ["ana@example.org,ana,boss,RH,US$40", "caio@example.org,caio,boss,RH,US$30"]
    second = await staff.load(a_file(rows))
    await staff.load(a_file(["caio@example.org,Caio Silva,boss,RH,US$30"]), partial=True)
    raised = await staff.posted(ana) - (20 + 30 + 40) * USD
    assert 0 < raised < 30 * USD
    undone = await staff.undo(second.batch)
    assert (undone.restored, undone.revoked_nanos) == (2, 40 * USD + raised)
    assert [each.partition(":")[0] for each in undone.kept] == ["caio@example.org"]
    assert await staff.posted(ana) == 50 * USD
    assert ((await staff.person("ana")).plan, (await staff.person("ana")).team) == ("team", "TI")
    status = await staff.pool.fetchval("SELECT status FROM account WHERE id = $1", bia)
    assert status == "active"


async def test_amount_far_beyond_the_median_needs_force(staff: Staff) -> None:
    """R$ 3.000 where the others have R$ 30; also many who leave."""
    header = "email;credit"
    file = a_file(["a@x.org;R$ 30", "b@x.org;R$ 30", "c@x.org;R$ 3.000,00"], header)
    code, text = await staff.refused("ImportPeople", staff.request(file, brl_per_usd="5"))
    assert code == "FAILED_PRECONDITION"
    assert "line 4: US$600.00 is 100 times the median" in text
    assert await staff.count("person") == 0
    many = a_file((f"p{n}@x.org," for n in range(20)), "email,credit")
    await staff.load(many)
    code, text = await staff.refused("ImportPeople", staff.request(file, brl_per_usd="5,00"))
    assert "20 of 20 people are not in the file" in text
    answer = await staff.load(file, brl_per_usd="5,00", force=True)
    assert (answer.batch > 0, len(answer.doubts)) == (True, 2)


async def test_guest_who_is_imported_later_keeps_the_account(admin: Service) -> None:
    """They chatted on Monday before finance had finished: the same account, now with plan and credit."""
    staff = Staff(admin)
    await staff.open(guest="guest")
    guest = await staff.chat("6650", "ana@example.org")
    assert await staff.posted(guest) == USD
    batch = (await staff.load(three())).batch
    assert await staff.chat("6650", "ana@example.org") == guest
    assert (await staff.person("ana")).plan == "team"
    assert await staff.count("stranger") == 0
    assert await staff.posted(guest) > (1 + 30) * USD
    undone = await staff.undo(batch)
    assert (undone.removed, undone.suspended) == (3, 0)
    assert await staff.posted(guest) == USD
    row = await staff.pool.fetchrow("SELECT status, plan_id FROM account WHERE id = $1", guest)
    assert row is not None
    assert tuple(row) == ("active", "guest")
    assert [await staff.count(table) for table in ("person", "stranger")] == [0, 1]
    assert await staff.chat("6650", "ana@example.org") == guest


async def test_three_hundred_people_on_a_monday(staff: Staff) -> None:
    """280 chat, 12 register again, 5 leave; balances, plans and audit are right to the nano."""
    rows = [f"p{n}@example.org,P {n},team,{'TI' if n % 2 else 'RH'},US$1" for n in range(300)]
    assert len((await staff.load(a_file(rows))).changes) == 300
    accounts = {}
    for n in range(280):
        found = {await staff.chat(f"id-{n}", f"P{n}@example.org")}
        if n < 12:
            found.add(await staff.chat(f"again-{n}", f"p{n}@example.org"))
        (accounts[n],) = found
    assert len(set(accounts.values())) == 280
    assert await staff.count("identity") == 292
    answer = await staff.load(a_file(rows[5:]))
    assert (kinds(answer), answer.unchanged) == ([f"left p{n}" for n in range(5)], 295)
    users = await staff.pool.fetch(
        "SELECT status, plan_id, posted, count(*) AS n FROM account WHERE kind = 'user' GROUP BY 1, 2, 3 ORDER BY 1"
    )
    assert [tuple(r) for r in users] == [
        ("active", "team", 21 * USD, 275), ("suspended", "team", 21 * USD, 5),
    ]  # fmt: skip
    assert await staff.count("pool_member") == 280
    actions = [each[1] for each in await staff.admin.audit()]
    assert (actions.count("bind_person"), actions.count("import_people")) == (292, 2)
    await staff.check()
