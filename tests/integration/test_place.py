"""Placing holds on the real ledger: the only place where credit is reserved."""

import asyncio
import random
import uuid

import asyncpg

from credit import ledger
from credit.grant import decide
from tests.books import Books, Figures, a_place


async def test_grant_rule_in_sql_equals_the_python_rule(pool: asyncpg.Pool) -> None:
    """The rule exists in SQL to decide, in Python to explain: tens of thousands of cases hold them equal."""
    rng = random.Random(7)
    cases = []
    for _ in range(30_000):
        scale = 10 ** rng.randint(0, 13)
        minimum, target, want = sorted(rng.randint(0, scale) for _ in range(3))
        cases.append((rng.randint(-scale, 2 * scale), want, target, minimum))
    columns = list(zip(*cases, strict=True))
    rows = await pool.fetch(
        "SELECT grant_amount(a, w, t, m) AS g FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])"
        " WITH ORDINALITY AS c (a, w, t, m, n) ORDER BY n",
        *map(list, columns),
    )
    assert [row["g"] for row in rows] == [decide(*case) for case in cases]


async def test_place_reserves_what_it_grants(pool: asyncpg.Pool) -> None:
    """A placed hold is held on the account, to the nano."""
    books = Books(pool)
    account = await books.account(1_000)
    _, placed = await books.place(account, 300)
    assert (placed.result, placed.granted_nanos) == ("placed", 300)
    assert (await books.figures(account)).held == 300
    await books.check()


async def test_place_again_with_the_same_id_is_the_same_answer(pool: asyncpg.Pool) -> None:
    """Envoy's retry on the other replica carries the same id: one hold, one answer."""
    books = Books(pool)
    account = await books.account(1_000)
    hold_id, first = await books.place(account, 300)
    _, second = await books.place(account, 300, hold_id=hold_id)
    assert (second.result, second.granted_nanos) == ("replay", first.granted_nanos)
    assert (await books.figures(account)).held == 300


async def test_place_again_after_the_hold_closed_is_closed(pool: asyncpg.Pool) -> None:
    """An ended call cannot be paid for by its old hold: the answer is `closed`, never a replay."""
    books = Books(pool)
    account = await books.account(1_000)
    hold_id, _ = await books.place(account, 300)
    assert await books.close(hold_id, "released", "no_evidence") is not None
    _, again = await books.place(account, 300, hold_id=hold_id)
    assert again.result == "closed"
    assert await books.figures(account) == Figures(posted=1_000, held=0)
    await books.check()


async def test_place_of_an_id_that_another_account_holds_is_closed(pool: asyncpg.Pool) -> None:
    """Nobody passes on somebody else's hold, and neither account changes by the try."""
    books = Books(pool)
    maria, joao = await books.account(1_000), await books.account(1_000, "joao")
    hold_id, _ = await books.place(maria, 300)
    _, other = await books.place(joao, 300, hold_id=hold_id)
    assert other.result == "closed"
    assert (await books.figures(maria)).held == 300
    assert (await books.figures(joao)).held == 0
    await books.check()


async def test_refusal_again_with_the_same_id_stays_refused(pool: asyncpg.Pool) -> None:
    """An id that was refused is never reusable, even when credit has come since."""
    books = Books(pool)
    account = await books.account(100)
    hold_id, first = await books.place(account, 300)
    assert (first.result, first.reason) == ("refused", "insufficient_credit")
    await books.account(10_000)
    _, second = await books.place(account, 300, hold_id=hold_id)
    assert (second.result, second.reason, second.posted_nanos) == (
        "refused",
        "insufficient_credit",
        100,
    )


async def test_refusal_while_an_answer_is_in_flight_says_so(pool: asyncpg.Pool) -> None:
    """Credit that is only reserved is not gone: the person should wait, not buy."""
    books = Books(pool)
    account = await books.account(400)
    await books.place(account, 300)
    _, second = await books.place(account, 300)
    assert (second.result, second.reason, second.held_nanos) == ("refused", "credit_in_flight", 300)


async def test_batch_on_one_account_never_exceeds_its_credit(pool: asyncpg.Pool) -> None:
    """Holds of one batch see each other."""
    books = Books(pool)
    account = await books.account(1_000)
    answers = await ledger.place_batch(pool, [a_place(account, 300) for _ in range(20)], 2100)
    results = [answer.result for answer in answers.values()]
    assert results.count("placed") == 3
    assert (
        sum(a.granted_nanos for a in answers.values()) == (await books.figures(account)).held == 900
    )
    await books.check()


async def test_concurrent_batches_never_exceed_the_credit(pool: asyncpg.Pool) -> None:
    """Two replicas at once, many accounts, ids that meet: no nano is reserved twice."""
    books = Books(pool)
    accounts = [await books.account(10_000, f"p{n}") for n in range(5)]
    rng = random.Random(3)
    shared = [str(uuid.uuid4()) for _ in range(40)]

    async def replica(seed: int) -> None:
        mine = random.Random(seed)
        for _ in range(15):
            batch = {
                h: a_place(accounts[i % 5], mine.randint(1, 900), hold_id=h)
                for i, h in enumerate(mine.sample(shared, 6))
            }
            fresh = [a_place(mine.choice(accounts), mine.randint(1, 900)) for _ in range(6)]
            owner = {h: accounts[shared.index(h) % 5] for h in batch}
            places = [a_place(owner[h], 50, hold_id=h) for h in batch] + fresh
            await ledger.place_batch(pool, places, 2100)

    await asyncio.gather(*(replica(rng.randint(0, 10**6)) for _ in range(4)))
    for account in accounts:
        figures = await books.figures(account)
        assert 0 <= figures.held <= 10_000
    await books.check()


async def test_suspended_account_is_refused_with_its_own_reason(pool: asyncpg.Pool) -> None:
    """Suspension is not poverty."""
    books = Books(pool)
    account = await books.account(1_000)
    await pool.execute(
        "UPDATE account SET status = 'suspended', version = version + 1 WHERE id = $1", account
    )
    _, placed = await books.place(account, 10)
    assert (placed.result, placed.reason) == ("refused", "account_suspended")


async def test_shadow_records_what_it_would_have_refused(pool: asyncpg.Pool) -> None:
    """Same decision, recorded with its inputs; the caller is told to let it pass."""
    books = Books(pool)
    account = await books.account(0)
    hold_id, placed = await books.place(account, 10, shadow=True)
    assert (placed.result, placed.shadow) == ("refused", True)
    row = await pool.fetchrow("SELECT kind, want, posted FROM decision WHERE hold_id = $1", hold_id)
    assert row is not None
    assert tuple(row) == ("would_refuse", 10, 0)


async def test_account_in_shadow_is_told_so_while_the_others_are_enforced(
    pool: asyncpg.Pool,
) -> None:
    """Cohort roll-out: an account may override enforce with shadow."""
    books = Books(pool)
    account = await books.account(0)
    await pool.execute("UPDATE account SET mode_override = 'shadow' WHERE id = $1", account)
    _, placed = await books.place(account, 10)
    assert placed.shadow


async def test_extend_grants_up_to_all_that_is_available(pool: asyncpg.Pool) -> None:
    """The body needs more than the door thought: the last nano may be used for it."""
    books = Books(pool)
    account = await books.account(1_000)
    hold_id, _ = await books.place(account, 100)
    extended = await ledger.extend_hold(pool, hold_id, 1_000, 1_000)
    assert (extended.result, extended.granted_nanos) == ("extended", 1_000)
    again = await ledger.extend_hold(pool, hold_id, 1_000, 1_000)
    assert (again.result, again.granted_nanos) == ("extended", 1_000)
    assert (await books.figures(account)).available == 0
    await books.check()


async def test_extend_beyond_the_balance_is_refused_and_changes_nothing(pool: asyncpg.Pool) -> None:
    """Too large for what the person has: said as such, or as in flight when another answer holds it."""
    books = Books(pool)
    account = await books.account(1_000)
    hold_id, _ = await books.place(account, 100)
    refused = await ledger.extend_hold(pool, hold_id, 2_000, 1_001)
    assert (refused.result, refused.reason) == ("refused", "request_too_large_for_balance")
    row = await pool.fetchrow(
        "SELECT reason, minimum, posted, held FROM decision WHERE hold_id = $1", hold_id
    )
    assert row is not None
    assert tuple(row) == ("request_too_large_for_balance", 1_001, 1_000, 0)
    await books.place(account, 500)
    in_flight = await ledger.extend_hold(pool, hold_id, 2_000, 800)
    assert (in_flight.result, in_flight.reason) == ("refused", "credit_in_flight")
    assert (await books.figures(account)).held == 600
    await books.check()


async def test_extensions_at_once_never_exceed_the_credit(pool: asyncpg.Pool) -> None:
    """Many tabs measure large bodies at the same moment: each nano is promised once."""
    books = Books(pool)
    account = await books.account(10_000)
    holds = [(await books.place(account, 100))[0] for _ in range(16)]
    for _ in range(3):
        await asyncio.gather(*(ledger.extend_hold(pool, hold, 3_000, 1_500) for hold in holds))
        assert (await books.figures(account)).available >= 0
        await books.check()
