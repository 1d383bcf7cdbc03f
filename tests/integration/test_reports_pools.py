"""Reports of calls that a pool pays for: people are people, whoever pays."""

from credit import ledger
from tests.books import a_place
from tests.integration.admin_service import USD, Service
from tests.integration.test_admin_cli import in_json, pedagio
from tests.integration.test_readiness import shadowed

JOIN = "INSERT INTO pool_member (account_id, pool_id) VALUES ($1, $2)"
WHY = ("--reason", "r")


async def team_of(admin: Service, *people: int) -> None:
    """A pool of fifty dollars, opened after its people: its number is the highest."""
    await in_json(admin, "pool", "create", "TI", *WHY)
    await in_json(admin, "grants", "give", "US$50", "--pool", "TI", *WHY)
    pool_id = await admin.pool.fetchval("SELECT id FROM account WHERE name = 'TI'")
    for person in people:
        await admin.pool.execute(JOIN, person, pool_id)


async def refused_extension(admin: Service, person: int) -> str:
    """A call of ten dollars, placed on the pool, whose body then needs more than there is."""
    place = a_place(person, 10 * USD)
    answers = await ledger.place_batch(admin.pool, [place], 2100)
    assert answers[place.hold_id].payer != person
    extended = await ledger.extend_hold(admin.pool, place.hold_id, 900 * USD, 900 * USD)
    assert extended.result == "refused"
    return place.hold_id


async def test_refused_extension_that_a_pool_pays_is_the_newest_refusal_of_its_person(
    admin: Service,
) -> None:
    """By whose call it was; whoever shares the pool has nothing to do with it."""
    maria, joao = await shadowed(admin)
    await team_of(admin, maria, joao)
    hold_id = await refused_extension(admin, maria)
    found = await in_json(admin, "explain", "--person", "maria", "--last")
    assert {each["hold_id"] for each in found["explanations"]} == {hold_id}
    assert {each["account"]["external_id"] for each in found["explanations"]} == {"maria"}
    assert [each["verdict"] for each in found["recomputations"]] == ["agrees"]
    nobody = await pedagio(admin, "explain", "--person", "joao", "--last", code=1)
    assert "no refusal is recorded" in nobody.stderr


async def test_shadow_report_counts_people_not_their_pool(admin: Service) -> None:
    """A refused extension is a request of the person's, once; the pool is nobody."""
    maria, _ = await shadowed(admin)
    await team_of(admin, maria)
    await refused_extension(admin, maria)
    found = await in_json(admin, "shadow", "report")
    assert (found["requests"], found["people"]) == (1, 1)
    assert [each["account_id"] for each in found["persons"]] == [maria]
