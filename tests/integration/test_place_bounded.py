"""What an outage granted from a pool, in the ledger: paid by the pool, filed under the person, under every cap."""

import asyncio
import random
from typing import Any

import asyncpg

from accounting.audit.auditor import Auditor
from authz.funds import Funds
from credit import ledger
from credit.grant import decide_over
from credit.mirror import figures_in, payers_in
from tests.books import a_place, a_record, an_event
from tests.integration.doors import new_id
from tests.integration.rules_scene import (
    DECEMBER,
    NOON,
    Team,
    place_sizes,
    random_sizes,
    verdict_of,
)

FILED = "SELECT account_id, person_id, caps, placed_by FROM hold WHERE id = $1"
OPEN = "SELECT account_id, person_id, amount FROM hold_open WHERE hold_id = $1"
COUNTED = (
    "SELECT cap_id, sum(amount)::bigint AS amount FROM cap_use GROUP BY cap_id ORDER BY cap_id"
)


def a_line(
    payer: int, person: int | None, granted: int, hold_id: str | None = None
) -> dict[str, Any]:
    """As a replica spools it."""
    line = {
        "id": hold_id or new_id(),
        "account_id": payer,
        "person_id": person,
        "client_id": "librechat",
        "route": "chat",
        "model": "gpt-4o",
        "granted": granted,
        "want": granted,
        "target": granted,
        "minimum": granted,
    }
    return {name: value for name, value in line.items() if value is not None}


async def put(pool: asyncpg.Pool, *lines: dict[str, Any]) -> list[str]:
    """Place them; what became of each."""
    return list((await ledger.place_bounded(pool, lines, 2100)).values())


async def figures(pool: asyncpg.Pool, *account_ids: int) -> list[tuple[int, int]]:
    """Posted and held of each."""
    rows = {
        row["id"]: (row["posted"], row["held"])
        for row in await pool.fetch("SELECT id, posted, held FROM account")
    }
    return [rows[account_id] for account_id in account_ids]


async def test_hold_of_a_pool_is_filed_under_the_person_and_counts_under_every_cap(
    pool: asyncpg.Pool,
) -> None:
    """Caps of the person, out of that pool, of everybody; none over another pool. The debit counts there."""
    team = Team(pool)
    maria = await team.account(50)
    shared = await team.open_pool("TI", 1_000, [maria])
    other = await team.open_pool("lab", 1_000, [maria])
    day = await team.set_cap(maria, 500, period="day")
    out_of = await team.set_cap(maria, 400, pool_id=shared)
    elsewhere = await team.set_cap(maria, 300, pool_id=other)
    everybody = await team.set_cap(None, 5_000)
    line = a_line(shared, maria, 200)
    assert await put(pool, line) == ["placed"]
    assert await put(pool, line) == ["replay"]
    hold = await pool.fetchrow(FILED, line["id"])
    assert hold is not None
    assert tuple(hold) == (shared, maria, sorted([day, out_of, everybody]), "bounded")
    row = await pool.fetchrow(OPEN, line["id"])
    assert row is not None
    assert tuple(row) == (shared, maria, 200)
    assert await figures(pool, shared, day, out_of, everybody, elsewhere, maria) == [
        (1_000, 200), (500, 200), (400, 200), (5_000, 200), (300, 0), (50, 0),
    ]  # fmt: skip
    # A replica that starts must know better than the mirror of each of them.
    recent = {row["id"]: row["held"] for row in await ledger.list_recently_bounded(pool, 60)}
    assert recent == dict.fromkeys((shared, day, out_of, everybody), 200)
    await team.report([a_record(line["id"], maria)], [an_event(line["id"], 150)])
    await team.close(line["id"])
    assert await figures(pool, shared, day, out_of, everybody, elsewhere, maria) == [
        (850, 0), (350, 0), (250, 0), (4_850, 0), (300, 0), (50, 0),
    ]  # fmt: skip
    counted = [tuple(row) for row in await pool.fetch(COUNTED)]
    assert counted == [(cap, 150) for cap in sorted([day, out_of, everybody])]
    await team.check_rules()


async def test_line_that_names_no_person_is_the_payers_own(pool: asyncpg.Pool) -> None:
    """Spooled by an older release: under the caps of the account itself."""
    team = Team(pool)
    maria = await team.account(500)
    cap = await team.set_cap(maria, 300)
    line = a_line(maria, None, 200)
    assert await put(pool, line) == ["placed"]
    hold = await pool.fetchrow(FILED, line["id"])
    assert hold is not None
    assert tuple(hold) == (maria, maria, [cap], "bounded")
    await team.check_rules()


async def test_line_of_somebody_who_is_not_there_is_unknown(pool: asyncpg.Pool) -> None:
    """The person or the payer: neither may be guessed, and the neighbour is placed."""
    team = Team(pool)
    maria = await team.account(500)
    shared = await team.open_pool("TI", 1_000, [maria])
    lines = [
        a_line(shared, maria, 10, hold_id=f"00000000-0000-4000-8000-00000000000{n}")
        for n in range(3)
    ]
    lines[0]["person_id"] = 10**9
    lines[1]["account_id"] = 10**9
    assert await put(pool, *lines) == ["unknown", "unknown", "placed"]
    assert await figures(pool, shared) == [(1_000, 10)]
    await team.check_rules()


async def test_outage_over_the_end_of_a_period_is_placed_in_the_new_one(pool: asyncpg.Pool) -> None:
    """The cap begins anew before the hold counts under it, and the pool's expired credit is not reserved again."""
    team = Team(pool)
    await team.set_clock(NOON)
    maria = await team.account(0)
    shared = await team.open_pool("TI", 0, [maria])
    await team.give(shared, 700, until=DECEMBER)
    await team.give(shared, 300)
    cap = await team.set_cap(maria, 400)
    hold_id, _ = await team.place(maria, 350)
    await team.charge(hold_id, shared, 350)
    await team.close(hold_id)
    await team.set_clock(DECEMBER)
    assert await put(pool, a_line(shared, maria, 250)) == ["placed"]
    assert await figures(pool, cap, shared) == [(400, 250), (300, 250)]
    await team.check_rules()


async def test_holds_of_members_placed_at_once_never_wait_in_a_circle(pool: asyncpg.Pool) -> None:
    """Replicas bring theirs while others decide and close: every sum is right, the auditor content."""
    team = Team(pool)
    people = [await team.account(100, name) for name in ("maria", "jose", "rita")]
    pools = [await team.open_pool(name, 10_000, people) for name in ("TI", "lab")]
    for person in people:
        await team.set_cap(person, 100_000)
    await team.set_cap(None, 10**6)
    rng = random.Random(5)

    def some_lines() -> list[dict[str, Any]]:
        lines = [a_line(rng.choice([p, *pools]), p, 10) for p in people for _ in range(4)]
        rng.shuffle(lines)
        return lines

    async def live(person: int) -> None:
        for _ in range(4):
            hold_id, placed = await team.place(person, 50)
            if placed.result == "placed":
                await team.close(hold_id, "released", "no_upstream")

    await asyncio.gather(
        *(put(pool, *some_lines()) for _ in range(6)), *(live(person) for person in people)
    )
    assert await pool.fetchval("SELECT count(*) FROM hold WHERE placed_by = 'bounded'") == 72
    await team.check_rules()
    report = await Auditor(pool).run_everything()
    assert not report.violations


async def test_replica_decides_over_what_the_ledger_lists_as_the_ledger_does(
    pool: asyncpg.Pool,
) -> None:
    """payers_of and decide_over read the same tables: same order, same caps, whoever is put first."""
    team, rng = Team(pool), random.Random(11)
    people = [await team.account(rng.randint(0, 400), f"p{n}") for n in range(9)]
    pools = [await team.open_pool(f"t{n}", rng.randint(300, 3_000)) for n in range(3)]
    for person in people:
        teams = rng.sample(pools, rng.randint(0, 3))
        for shared in teams:
            await pool.execute(
                "INSERT INTO pool_member (account_id, pool_id, position) VALUES ($1, $2, $3)",
                person, shared, rng.randint(1, 2),
            )  # fmt: skip
        await pool.execute(
            "UPDATE account SET pool_first = $2 WHERE id = $1", person, person % 2 == 0
        )
        if teams and person % 3:
            await pool.execute(
                "INSERT INTO account_setting (account_id, first_pool_id) VALUES ($1, $2)",
                person,
                rng.choice(teams),
            )
        await team.set_cap(person, rng.randint(1, 900), pool_id=rng.choice([None, *pools]))
    await team.set_cap(None, 9_000)
    await team.set_cap(None, 9_000, period="day")
    await pool.execute("SELECT clear_cap(NULL, NULL, 'day')")
    paid: set[str] = set()
    for n in range(150):
        person, sizes = rng.choice(people), random_sizes(rng, 300)
        (row,) = await ledger.list_payers(pool, [person])
        payers = payers_in(row)
        rows = await ledger.list_figures(pool, list(payers.ids))
        funds = Funds(person, payers.order, {one["id"]: figures_in(one) for one in rows})
        verdict = decide_over(funds.payers({}, 10**9), sizes)
        hold_id, placed = await place_sizes(team, person, sizes)
        said = verdict_of(placed)
        assert (verdict.payer, verdict.granted_nanos) == (said.payer, said.granted_nanos), n
        if verdict.payer is not None:
            hold = await pool.fetchrow(FILED, hold_id)
            assert hold is not None
            assert tuple(funds.caps(verdict.payer)) == tuple(hold["caps"])
            paid.add("own" if verdict.payer == person else "pool")
            if rng.random() < 0.7:
                await team.close(hold_id, "released", "no_upstream")
    assert paid == {"own", "pool"}


async def test_version_of_who_pays_rises_with_each_change_and_with_nothing_else(
    pool: asyncpg.Pool,
) -> None:
    """Join, leave, order, caps: each is news of that person; a cap of everybody is news of all; a hold is none."""
    team = Team(pool)
    maria, jose = await team.account(100), await team.account(100, "jose")
    shared = await team.open_pool("TI", 1_000)

    async def versions() -> tuple[int, int]:
        rows = {r["id"]: r["payers_version"] for r in await ledger.list_payers(pool, [maria, jose])}
        return rows[maria], rows[jose]

    hers = (
        f"INSERT INTO pool_member (account_id, pool_id) VALUES ({maria}, {shared})",
        f"UPDATE pool_member SET position = 2 WHERE account_id = {maria}",
        f"UPDATE account SET pool_first = true WHERE id = {maria}",
        f"INSERT INTO account_setting (account_id, first_pool_id) VALUES ({maria}, {shared})",
        f"UPDATE account_setting SET first_pool_id = NULL WHERE account_id = {maria}",
        f"SELECT set_cap({maria}, NULL, 'day', 'America/Sao_Paulo', 500)",
        f"SELECT clear_cap({maria}, NULL, 'day')",
        f"DELETE FROM pool_member WHERE account_id = {maria}",
    )
    for expected, statement in enumerate(hers, start=1):
        await pool.execute(statement)
        assert await versions() == (expected, 0), statement
    await pool.execute("SELECT set_cap(NULL, NULL, 'day', 'America/Sao_Paulo', 500)")
    assert await versions() == (len(hers) + 1, 1)
    before = await versions()
    hold_id, _ = await team.place(maria, 50)
    await team.report([a_record(hold_id, maria)], [an_event(hold_id, 20)])
    await team.close(hold_id)
    await pool.execute("SELECT set_cap(NULL, NULL, 'day', 'America/Sao_Paulo', 600)")
    await pool.execute(f"UPDATE account_setting SET notices = false WHERE account_id = {maria}")
    assert await versions() == before
    await put(pool, a_line(shared, maria, 10, hold_id=a_place(maria, 1).hold_id))
    assert await versions() == before
