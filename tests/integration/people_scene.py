"""An office that imports people, and a door that meets them."""

import uuid
from collections.abc import Iterable
from typing import Any

import asyncpg

from credit import ledger
from protos.pedagio.v1 import people_pb2 as pb
from protos.pedagio.v1.people_pb2_grpc import PeopleServiceStub
from tests.integration.admin_service import Service

USD = 10**9
PLAN = """
    INSERT INTO plan (id, period, time_zone, allowance, rollover, prorate)
    VALUES ($1, 'month', 'America/Sao_Paulo', $2, 'none', false)"""
RULES = """
    UPDATE client SET verified_emails = true, unknown_users = 'refuse', guest_plan = $1, new_accounts_a_day = 1000"""
BOOKS = """
    SELECT count(*) FROM account AS a WHERE a.kind IN ('user', 'pool') AND a.posted <>
        coalesce((SELECT sum(t.amount) FROM transfer AS t WHERE t.credit_account = a.id), 0)
        - coalesce((SELECT sum(t.amount) FROM transfer AS t WHERE t.debit_account = a.id), 0)"""


def a_file(rows: Iterable[str], header: str = "email,name,plan,team,credit") -> bytes:
    """A CSV file."""
    return "\r\n".join([header, *rows]).encode()


def three(plan: str = "team", credit: str = "US$30") -> bytes:
    """Ana and Bia in TI, Caio in RH."""
    teams = {"ana": "TI", "bia": "TI", "caio": "RH"}
    return a_file(f"{who}@example.org,{who},{plan},{team},{credit}" for who, team in teams.items())


class Staff:
    """People through the PeopleService, and their first requests through the ledger."""

    def __init__(self, admin: Service) -> None:
        """Call `open` first."""
        self.admin = admin
        self.pool: asyncpg.Pool = admin.pool

    async def open(self, guest: str | None = None) -> None:
        """A client with verified e-mails, two plans and one for guests."""
        await self.admin.create_client("chat", kind="trusted")
        for name, nanos in (("team", 20 * USD), ("boss", 50 * USD), ("guest", USD)):
            await self.pool.execute(PLAN, name, nanos)
        await self.pool.execute(RULES, guest)

    async def ask(self, method: str, request: Any) -> Any:
        """One call."""
        return await self.admin.ask(method, request, stub=PeopleServiceStub)

    async def refused(self, method: str, request: Any) -> tuple[str, str]:
        """A call that must not be answered."""
        return await self.admin.refused(method, request, stub=PeopleServiceStub)

    def request(self, file: bytes, **more: Any) -> pb.ImportPeopleRequest:
        """An import."""
        fields: dict[str, Any] = {"reason": "test", "request_id": str(uuid.uuid4()), **more}
        return pb.ImportPeopleRequest(file=file, **fields)

    async def load(self, file: bytes, **more: Any) -> pb.ImportPeopleResponse:
        """Import a file."""
        answer: pb.ImportPeopleResponse = await self.ask("ImportPeople", self.request(file, **more))
        await self.check()
        return answer

    async def undo(self, batch: int, **more: Any) -> pb.UndoImportResponse:
        """Undo a batch."""
        request = pb.UndoImportRequest(batch=batch, reason="wrong file", **more)
        answer: pb.UndoImportResponse = await self.ask("UndoImport", request)
        await self.check()
        return answer

    async def chat(self, name: str, email: str | None) -> int | None:
        """What authz does with a request: the account it may draw on."""
        found = None if email else await ledger.find_account(self.pool, "chat", name)
        return found or await ledger.meet_person(self.pool, "chat", name, email)

    async def person(self, who: str) -> pb.Person:
        """A person of example.org."""
        answer: pb.Person = await self.ask(
            "GetPerson", pb.GetPersonRequest(email=f"{who}@example.org")
        )
        return answer

    async def posted(self, account: int | None) -> int:
        """What is on an account."""
        return int(await self.pool.fetchval("SELECT posted FROM account WHERE id = $1", account))

    async def count(self, table: str) -> int:
        """Rows of a table."""
        return int(await self.pool.fetchval("SELECT count(*) FROM " + table))

    async def check(self) -> None:
        """The books add up."""
        assert await self.pool.fetchval(BOOKS) == 0
