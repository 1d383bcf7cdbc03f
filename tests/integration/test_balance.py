"""What the free model says is what the ledger has, to the nano, whoever pays and whatever is due."""

import json
from pathlib import Path
from typing import Any

import asyncpg

from authz.standing import CALLS_LIMIT, Standing
from credit import ledger
from protos import ext_authz_pb2 as pb
from tests.books import Books
from tests.integration.doors import CREDIT, Replica, new_id, refusal_of, until
from tests.integration.rules_scene import DECEMBER, Team
from tests.integration.test_policies import put
from tests.unit.door import a_check

USD = 10**9


async def standing(pool: asyncpg.Pool, account_id: int, calls: int = CALLS_LIMIT) -> Standing:
    """As authz reads it."""
    (row,) = await ledger.query(pool, "read_balance", account_id=account_id, calls=calls)
    return Standing.from_row(dict(row))


async def test_balance_counts_what_each_payer_was_charged_today(team: Team) -> None:
    """Own credit and a pool's, an exact debit and an estimate that stands; what is in flight is reserved."""
    maria = await team.account(5_000)
    sales = await team.open_pool("vendas", 900_000, [maria])
    cap = await team.set_cap(maria, 40_000, period="day")
    own, _ = await team.place(maria, 1_000)
    shared, placed = await team.place(maria, 20_000)
    assert placed.payer == sales
    lost, _ = await team.place(maria, 300)
    await team.charge(own, maria, 777)
    await team.charge(shared, sales, 12_345)
    await team.close(own)
    await team.close(shared)
    await team.close(lost, "settled", "no_cost", estimate=123)
    open_hold, open_placed = await team.place(maria, 500)
    found = await standing(team.pool, maria)
    assert found.spent_nanos == 777 + 12_345 + 123
    figures = await team.figures(maria)
    assert (found.posted_nanos, found.held_nanos) == (figures.posted, figures.held)
    assert found.available_nanos == 5_000 - 777 - 123 - open_placed.granted_nanos
    (pool,) = found.pools
    assert (pool.name, pool.available_nanos, pool.active) == ("vendas", 900_000 - 12_345, True)
    (limit,) = found.caps
    left = await team.pool.fetchrow("SELECT posted, held FROM account WHERE id = $1", cap)
    assert left is not None
    assert (limit.period, limit.limit_nanos, limit.pool) == ("day", 40_000, "")
    assert limit.left_nanos == left["posted"] - left["held"] == 40_000 - 13_245 - 500
    # Corrected by the real figure, the estimate counts no more.
    await team.charge(lost, maria, 100)
    assert (await standing(team.pool, maria)).spent_nanos == 777 + 12_345 + 100
    assert open_hold
    await team.check_rules()


async def test_balance_of_others_counts_nothing(team: Team) -> None:
    """A colleague's calls out of the same pool are not mine; the whole house's limit is nobody's to read."""
    maria, rosa = await team.account(0), await team.account(0, "rosa")
    sales = await team.open_pool("vendas", 900_000, [maria, rosa])
    await team.set_cap(None, 10**9)
    hold, _ = await team.place(rosa, 20_000)
    await team.charge(hold, sales, 11)
    found = await standing(team.pool, maria)
    assert (found.spent_nanos, found.caps) == (0, ())
    assert found.pools[0].available_nanos == 900_000 - 20_000


async def test_balance_brings_the_account_to_the_present(team: Team) -> None:
    """On the first of December nobody is told November's rest; the next allowance is January's."""
    maria = await team.account(0)
    await team.add_plan("gold", 5 * USD)
    await team.assign(maria, "gold")
    await team.give(maria, 7, begins=DECEMBER.replace(day=20))
    await team.place(maria, 100)
    await team.set_clock(DECEMBER)
    found = await standing(team.pool, maria)
    assert (found.posted_nanos, found.held_nanos) == (5 * USD + 100, 100)
    assert [(c.day.isoformat(), c.amount_nanos) for c in found.coming] == [
        ("2026-12-20", 7),
        ("2027-01-01", 5 * USD),
    ]
    await team.check_rules()


async def test_balance_of_a_busy_day_is_bounded(team: Team) -> None:
    """More calls than are added up: said so, and never a figure too large."""
    maria = await team.account(10_000)
    for _ in range(4):
        hold, _ = await team.place(maria, 10)
        await team.charge(hold, maria, 10)
    assert (await standing(team.pool, maria, 4)).more is False
    found = await standing(team.pool, maria, 3)
    assert (found.more, found.spent_nanos) == (True, 30)
    assert await ledger.query(team.pool, "read_balance", account_id=10**9, calls=5) == []


async def test_balance_needs_no_more_rights_than_authz_has(team: Team) -> None:
    """Also where something is due, which it may settle by the owner's rights alone."""
    maria = await team.account(5)
    await team.add_plan("gold", 5 * USD)
    await team.assign(maria, "gold")
    await team.set_clock(DECEMBER)
    async with team.pool.acquire() as connection:
        await connection.execute("SET ROLE pedagio_authz")
        row = await connection.fetchrow("SELECT o_posted FROM balance_of($1, 10)", maria)
        await connection.execute("RESET ROLE")
    assert row is not None
    assert row["o_posted"] == 5 * USD + 5


def body_of(answer: pb.CheckResponse) -> Any:
    """What a person reads instead of a model's answer."""
    assert answer.denied_response.status.code == 200, answer
    return json.loads(answer.denied_response.body)


async def test_balance_through_a_real_replica_costs_nothing(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """No hold, no decision, no account for a stranger where the client brings none; in force within a second."""
    await put(books.pool, {"balance_model": "saldo"})
    async with Replica(tmp_path, database_url) as authz:

        async def there() -> bool:
            answer = await authz.ask(new_id(), body={"model": "saldo"})
            return int(answer.denied_response.status.code) == 200

        await until(there)
        placed = await authz.ask(new_id())
        assert placed.status.code == 0
        held = await books.pool.fetchval("SELECT held FROM account WHERE external_id = 'maria'")
        assert held > 0

        async def fresh() -> bool:  # an answer is a second old at most
            said = body_of(await authz.ask(new_id(), body={"model": "saldo"}))["pedagio"]
            return bool(said["held_nanos"] == held and said["available_nanos"] == CREDIT - held)

        await until(fresh, 2.0)
        unknown = a_check({"model": "saldo"}, authorization="Bearer librechat", x_user_id="")
        assert refusal_of(await authz.check(unknown)) == (403, "identity_missing")
    assert await books.pool.fetchval("SELECT count(*) FROM hold") == 1
    assert (
        await books.pool.fetchval(
            "SELECT count(*) FROM decision WHERE reason <> 'identity_missing'"
        )
        == 0
    )
    await books.check()
