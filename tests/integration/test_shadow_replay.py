"""Shadow decides as enforce would: the same traffic on two ledgers, one in each mode."""

import asyncpg

from accounting.audit.refusals import check_refusals
from accounting.audit.scope import everything
from credit import ledger
from credit.ledger import Place, Placed
from credit.pool import connect
from tests.integration.conftest import cloned
from tests.integration.refusal_scene import Crowd

ROUNDS = 60
SEED = 3


async def replay(
    pool: asyncpg.Pool, *, shadow: bool
) -> dict[int, list[tuple[str, str | None, int]]]:
    """The traffic of the seed: the answers of each account in their order.

    A call that shadow would have refused runs all the same, and costs what it wanted.
    """
    crowd = Crowd(pool)
    await crowd.gather(SEED)
    seen: dict[int, list[tuple[str, str | None, int]]] = {each: [] for each in crowd.people}
    for _ in range(ROUNDS):
        places = [
            crowd.a_call(crowd.rng.choice(crowd.alone), shadow=shadow, most=2_000)
            for _ in range(10)
        ]
        parts = [crowd.rng.random() for _ in places]
        answers = await ledger.place_batch(pool, places, 2100)
        for place, part in zip(places, parts, strict=True):
            answer = answers[place.hold_id]
            seen[place.account_id].append((answer.result, answer.reason, answer.granted_nanos))
            await end(crowd, place, answer, part)
    return seen


async def end(crowd: Crowd, place: Place, answer: Placed, part: float) -> None:
    """Most calls end, at a part of what they were granted, or of what they wanted where nothing was held."""
    ran = answer.result == "placed" or answer.shadow
    limit = answer.granted_nanos if answer.result == "placed" else place.want_nanos
    if ran and part < 0.8 and limit:
        await crowd.charge(place.hold_id, answer.payer, max(1, int(limit * part)))
        await crowd.close(place.hold_id)


async def test_shadow_and_enforce_agree_up_to_the_first_would_be_refusal(
    postgres_url: str,
) -> None:
    """Account by account: until somebody is refused, nobody can tell the modes apart; and that refusal is the same."""
    answers = []
    for shadow in (True, False):
        with cloned(postgres_url) as url:
            async with await connect(url) as pool:
                answers.append(await replay(pool, shadow=shadow))
                kinds = await pool.fetch("SELECT DISTINCT kind FROM decision")
                expected = "would_refuse" if shadow else "refuse"
                assert [row["kind"] for row in kinds] == [expected]
                async with pool.acquire() as connection, connection.transaction():
                    found = await check_refusals(connection, everything(), 30.0)
                assert not found.violations
    shadowed, enforced = answers
    refused = 0
    for account, seen in shadowed.items():
        first = next((n for n, each in enumerate(seen) if each[0] == "refused"), None)
        upto = len(seen) if first is None else first + 1
        assert seen[:upto] == enforced[account][:upto]
        refused += first is not None
    assert refused >= len([seen for seen in shadowed.values() if seen]) // 2
