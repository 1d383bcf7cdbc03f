"""One account that cannot be settled, decided or closed stands in nobody else's way, and is not made so easily."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from accounting.settling.due import settle_page
from authz.batcher import Batcher
from credit import ledger
from credit.ledger import Place, Placed
from tests.books import a_place, a_record, an_event
from tests.integration.admin_service import Service
from tests.integration.office import Office, cost, end, start
from tests.integration.rules_scene import DECEMBER, EVE, NOON, Team
from tests.integration.test_admin_cli import pedagio

DAY = timedelta(days=1)
# Under this name December's allowance of an account would be granted.
TAKEN = """
    UPDATE credit_grant SET request_id = format('plan/%s/%s', $2::bigint, extract(epoch FROM $3::timestamptz))
    WHERE id = $1"""
MIDNIGHT = DECEMBER.replace(second=0)
BROKEN = """
    CREATE FUNCTION break_one() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN IF NEW.account_id = {} THEN RAISE EXCEPTION ''odd'' USING ERRCODE = ''check_violation'';
     END IF; RETURN NEW; END';
    CREATE TRIGGER break_one BEFORE INSERT ON hold_open FOR EACH ROW EXECUTE FUNCTION break_one();"""
BROKEN_CLOSE = """
    CREATE FUNCTION break_one() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN IF NEW.hold_id = ''{}'' THEN RAISE EXCEPTION ''odd'' USING ERRCODE = ''check_violation'';
     END IF; RETURN NEW; END';
    CREATE TRIGGER break_one BEFORE INSERT ON hold_close FOR EACH ROW EXECUTE FUNCTION break_one();"""


async def test_allowance_under_a_name_that_is_taken_leaves_the_account_usable(team: Team) -> None:
    """Whatever took it: the period's credit is missing then, which a person can mend; nobody is stuck."""
    await team.add_plan("team", 1_000)
    maria = await team.account(0)
    await team.assign(maria, "team")
    gift = await team.give(maria, 50)
    await team.pool.execute(TAKEN, gift, maria, MIDNIGHT)
    await team.set_clock(DECEMBER)
    _, placed = await team.place(maria, 40)
    assert (placed.result, placed.posted_nanos) == ("placed", 50)
    await team.check_rules()


async def test_request_id_of_a_plan_is_refused_by_its_field(admin: Service) -> None:
    """From the command line it cannot be taken."""
    await admin.create_client()
    await admin.open_account()
    words = ("grants", "give", "US$1", "chat", "maria", "--reason", "x", "--request-id", "plan/1/2")
    refused = await pedagio(admin, *words, code=1)
    assert "request_id must not begin with plan/" in refused.stderr


async def test_plan_assigned_by_somebody_who_waited_over_midnight_settles_on(team: Team) -> None:
    """Begun in November, done in December, after a rival settled: the account goes on with December's period."""
    await team.add_plan("team", 1_000)
    await team.add_plan("more", 2_000)
    maria = await team.account(0)
    await team.assign(maria, "team")
    await team.set_clock(DECEMBER)
    await team.settle(maria)
    before = (await team.figures(maria)).posted
    await team.set_clock(EVE)  # what the transaction of the one who waited sees
    await team.assign(maria, "more", now=False)
    await team.set_clock(DECEMBER)
    await team.settle(maria)
    assert (await team.figures(maria)).posted == before
    ends = await team.pool.fetchval("SELECT plan_ends_at FROM account WHERE id = $1", maria)
    assert ends > DECEMBER + 20 * DAY
    await team.check_rules()


async def test_call_that_the_ledger_cannot_decide_is_refused_alone(team: Team) -> None:
    """The others of its batch are placed, once each."""
    people = [await team.account(1_000, f"p{n}") for n in range(9)]
    await team.pool.execute(BROKEN.format(people[4]))

    async def place_batch(places: Sequence[Place]) -> dict[str, Placed]:
        return await ledger.place_batch(team.pool, places, 2100)

    batcher = Batcher(place_batch)
    places = [a_place(person, 100) for person in people]
    answers = await asyncio.gather(*map(batcher.place, places), return_exceptions=True)
    for number, answer in enumerate(answers):
        if number == 4:
            assert isinstance(answer, asyncpg.IntegrityConstraintViolationError | KeyError)
        else:
            assert isinstance(answer, Placed)
            assert answer.result == "placed"
    assert await team.pool.fetchval("SELECT count(*) FROM hold") == 8


async def test_hold_that_the_ledger_cannot_close_keeps_no_other_open(office: Office) -> None:
    """Their credit is free again; the odd one stays, and is said."""
    held = [await office.placed(f"p{n}") for n in range(5)]
    odd = held[2][0]
    await office.pool.execute(BROKEN_CLOSE.format(odd))
    for hold_id, text, _ in held:
        await office.report(start(hold_id, text), cost(hold_id, text), end(hold_id, text))
    await office.settler.settle([hold_id for hold_id, _, _ in held])
    closed = {hold_id for hold_id, _, _ in held if await office.closed(hold_id)}
    assert closed == {hold_id for hold_id, _, _ in held} - {odd}


async def test_what_is_due_is_settled_though_nobody_looks(team: Team) -> None:
    """Day by day in the background, so that whoever comes back after months waits for one period at most."""
    await team.add_plan("daily", 100, period="day", rollover="capped", rollover_cap=150)
    people = [await team.account(0, f"p{n}") for n in range(6)]
    for person in people:
        await team.assign(person, "daily")
    await team.set_clock(NOON + 90 * DAY)
    assert await settle_page(team.pool, 60.0) == 6
    assert await settle_page(team.pool, 60.0) == 0
    for person in people:
        assert (await team.figures(person)).posted == 250
    await team.check_rules()


@pytest.mark.parametrize("pool_first", [False, True])
async def test_call_in_mode_off_of_somebody_who_lives_on_a_pool_is_paid_by_it(
    team: Team, *, pool_first: bool
) -> None:
    """Nothing was held; all the same nobody is in debt for what the team pays. Own credit goes first where it does."""
    maria = await team.account(500 if pool_first else 0)
    pool_id = await team.open_pool("TI", 1_000, [maria])
    await team.pool.execute("UPDATE account SET pool_first = $2 WHERE id = $1", maria, pool_first)
    hold_id = a_place(maria, 1).hold_id
    await team.report([a_record(hold_id, maria)], [an_event(hold_id, 300)])
    await team.close(hold_id)
    assert (await team.figures(maria)).posted == (500 if pool_first else 0)
    assert (await team.figures(pool_id)).posted == 700
    person = await team.pool.fetchval("SELECT person_id FROM hold WHERE id = $1", hold_id)
    assert person == maria
    await team.check_rules()


async def test_true_up_after_midnight_gives_tomorrow_no_more_than_its_cap(team: Team) -> None:
    """What was counted too much yesterday was yesterday's."""
    maria = await team.account(10_000)
    cap = await team.set_cap(maria, 1_000, period="day")
    hold_id, _ = await team.place(maria, 900)
    await team.close(hold_id, "settled", "report_missing", 900)
    await team.set_clock(NOON + DAY)
    await team.charge(hold_id, maria, 100)
    assert (
        await team.figures(cap)
    ).posted == 900  # the actual figure counts today, the estimate no more
    _, placed = await team.place(maria, 1_000)
    assert (placed.result, placed.reason) == ("refused", "cap_reached")
    await team.check_rules()


async def test_true_up_within_the_period_gives_back_what_was_counted(team: Team) -> None:
    """An estimate that was too high takes no room any more."""
    maria = await team.account(10_000)
    cap = await team.set_cap(maria, 1_000, period="day")
    hold_id, _ = await team.place(maria, 900)
    await team.close(hold_id, "settled", "report_missing", 900)
    await team.charge(hold_id, maria, 100)
    assert (await team.figures(cap)).posted == 900
    await team.check_rules()


async def test_free_call_passes_however_many_are_open(team: Team) -> None:
    """What costs nothing takes nobody's room."""
    maria = await team.account(1_000)
    for want, result in ((100, "placed"), (100, "refused"), (0, "placed")):
        one = replace(a_place(maria, want), max_open_holds=1)
        answers = await ledger.place_batch(team.pool, [one], 2100)
        assert answers[one.hold_id].result == result
