"""Books with one call of each kind, and ways to break them that only their owner has."""

import asyncpg

from accounting.audit.auditor import Auditor
from credit import ledger
from tests.books import Books, a_place, a_record, an_event
from tests.traffic import GRANT

OWNER = "SET LOCAL session_replication_role = replica"
CAP = "SELECT set_cap($1, NULL, 'month', 'America/Sao_Paulo', 1000000)"
GIVEN_AND_REVOKED = """
    SELECT o_grant_id FROM grant_credit($1, 50, 'purchase', 200, NULL, NULL, 'test', NULL, NULL)"""
STATUS = "UPDATE account SET status = $2, version = version + 1 WHERE id = $1"


def auditor(pool: asyncpg.Pool) -> Auditor:
    """One that draws the first account and the first link, and so, in small books, sees all."""
    return Auditor(pool, draw=lambda _: 0)


class Scene:
    """`ids`: the rows by what they are examples of."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Nothing is there yet."""
        self.pool = pool
        self.books = Books(pool)
        self.ids: dict[str, object] = {}

    async def set_up(self) -> "Scene":
        """Maria's calls, all as they should be; her books have every kind of row."""
        maria = await self.books.account(5_000)
        await self.pool.execute(GRANT, maria, 5_000)
        self.ids["maria"] = maria
        # A cap over somebody's calls, and a grant of hers that was taken back.
        self.ids["cap"] = await self.pool.fetchval(CAP, await self.books.account(0, "jose"))
        self.ids["ended"] = await self.pool.fetchval(GIVEN_AND_REVOKED, maria)
        await self.pool.execute("SELECT revoke_grant($1, 'test', 'taken back')", self.ids["ended"])
        self.ids["provider"] = await self.pool.fetchval(
            "SELECT id FROM account WHERE kind = 'provider'"
        )
        await self._refuse(maria)
        for name, want, costs, estimate in (
            ("captured", 300, (200, 0), 0),
            ("exceeded", 100, (150,), 0),
            ("settled", 100, (), 70),
        ):
            await self._call(name, want, costs, estimate)
        # After it was settled the actual figure came; then another one, a late debit.
        for cost, answer in ((60, "actual"), (5, "late")):
            await self._report("settled", cost, answer)
        self.ids["open"], _ = await self.books.place(maria, 400)
        self.ids["free"], _ = await self.books.place(maria, 0)
        extended = await ledger.extend_hold(self.pool, str(self.ids["open"]), 10**9, 10**9)
        assert extended.result == "refused"
        return self

    async def break_books(self, *statements: str) -> None:
        """What an intruder with the owner's rights does, or a defect of Postgres."""
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(OWNER)
            for statement in statements:
                done = await connection.execute(statement.format(**self.ids))
                assert not done.endswith(" 0"), f"broke nothing: {statement}"

    async def status(self) -> str:
        """Maria's."""
        found: str = await self.pool.fetchval(
            "SELECT status FROM account WHERE id = $1", self.ids["maria"]
        )
        return found

    async def alarms(self) -> list[str]:
        """Kinds, in order."""
        rows = await self.pool.fetch("SELECT kind FROM alarm ORDER BY id")
        return [row["kind"] for row in rows]

    async def _refuse(self, maria: int) -> None:
        """Once for credit, once while she was suspended, once within a batch behind two holds."""
        self.ids["refused"], placed = await self.books.place(maria, 10**9)
        assert placed.reason == "insufficient_credit"
        await self.pool.execute(STATUS, maria, "suspended")
        self.ids["suspended"], placed = await self.books.place(maria, 10)
        assert placed.reason == "account_suspended"
        await self.pool.execute(STATUS, maria, "active")
        batch = [a_place(maria, size) for size in (4_000, 4_000, 4_000)]
        answers = await ledger.place_batch(self.pool, batch, 2100)
        assert [answers[p.hold_id].result for p in batch] == ["placed", "placed", "refused"]
        self.ids["behind"] = batch[2].hold_id
        for place in batch[:2]:
            await self.books.close(place.hold_id, "released", "no_evidence")

    async def _call(self, name: str, want: int, costs: tuple[int, ...], estimate: int) -> None:
        """A placed, reported and closed call."""
        maria = int(str(self.ids["maria"]))
        self.ids[name], _ = await self.books.place(maria, want)
        for number, cost in enumerate(costs):
            await self._report(name, cost, f"answer-{number}")
        outcome = "settled" if estimate else "captured"
        assert await self.books.close(str(self.ids[name]), outcome, "test", estimate) is not None

    async def _report(self, name: str, cost: int, answer: str) -> None:
        hold_id = str(self.ids[name])
        record = a_record(hold_id, int(str(self.ids["maria"])))
        await self.books.report([record], [an_event(hold_id, cost, answer)])
