"""Whether a decision costs more where credit is made of many grants: one against a thousand, in turns."""

import statistics
import time
import uuid
from typing import Final

import asyncpg

from bench.plan import Plan
from bench.report import Bar, Table
from bench.system import CLIENT, MODEL, System
from credit import ledger
from credit.ledger import Place
from credit.pool import connect

MANY: Final = 1_000
GRANT_NANOS: Final = 10**12
HOLD_NANOS: Final = 1_000
HOLD_DEADLINE_S: Final = 2_100
MOST_RATIO: Final = 1.1
OPEN: Final = """
    INSERT INTO account (client_id, external_id, kind) VALUES ($1, $2, 'user') RETURNING id"""
GIVE: Final = """
    SELECT grant_credit($1, $2, 'goodwill', 100, NULL, now() + interval '30 days', 'bench', NULL, NULL)
    FROM generate_series(1, $3::integer)"""


async def measure(system: System, plan: Plan) -> tuple[list[Table], list[Bar]]:
    """Place holds of the two accounts in turns, one statement each."""
    async with await connect(system.stack.database_url) as pool:
        few, many = await _open(pool, 1), await _open(pool, MANY)
        waits: dict[int, list[float]] = {few: [], many: []}
        for number in range(2 * plan.grant_holds):
            account = (few, many)[number % 2]
            began_s = time.perf_counter()
            await _place(pool, account)
            waits[account].append((time.perf_counter() - began_s) * 1000)
    middle = {account: statistics.median(found) for account, found in waits.items()}
    ratio = middle[many] / middle[few]
    rows = [
        (
            name,
            f"{middle[account]:.3f}",
            f"{sorted(waits[account])[-len(waits[account]) // 20]:.3f}",
        )
        for name, account in (("1 grant", few), (f"{MANY:,} grants", many))
    ]
    note = f"{plan.grant_holds} holds each, in turns; ratio of the medians {ratio:.3f}."
    bar = Bar(
        "A hold with 1,000 grants against 1",
        f"<= {MOST_RATIO}x",
        f"{ratio:.2f}x",
        ratio <= MOST_RATIO,
    )
    return [Table("A hold by number of grants", ("account", "p50 ms", "p95 ms"), rows, note)], [bar]


async def _open(pool: asyncpg.Pool, grants: int) -> int:
    account = int(await pool.fetchval(OPEN, CLIENT, f"grants-{uuid.uuid4()}"))
    await pool.execute(GIVE, account, GRANT_NANOS, grants)
    return account


async def _place(pool: asyncpg.Pool, account: int) -> None:
    place = Place(
        str(uuid.uuid4()), account, CLIENT, "chat", MODEL, HOLD_NANOS, HOLD_NANOS, HOLD_NANOS,
        shadow=False,
    )  # fmt: skip
    (placed,) = (await ledger.place_batch(pool, [place], HOLD_DEADLINE_S)).values()
    assert placed.result == "placed"
