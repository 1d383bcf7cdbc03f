"""People before accounts, through the real Envoy: the first chat binds, another registration meets the old balance."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import grpc
import httpx
import pytest

from local.doors import knock, wait_for_doors
from local.office import Office
from local.stack import Stack
from local.story.chat import Chat, Person, chat
from local.story.ledger import Ledger
from protos import ext_authz_pb2_grpc
from protos.pedagio.v1 import people_pb2 as pb
from protos.pedagio.v1.people_pb2_grpc import PeopleServiceStub
from protos.pedagio.v1.plans_pb2 import Plan, PutPlanRequest
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.e2e.conftest import PROBE_MODEL, Eventually, of_people

SHORT = {
    "model": PROBE_MODEL,
    "max_tokens": 20,
    "messages": [{"role": "user", "content": "Escreva um bilhete."}],
}
PEOPLE = ("maria", "rosa", "probe")
# Finance's Monday.
COUNT, CHATTED, REGISTERED_AGAIN, LEFT = 300, 280, 12, 5
AT_A_TIME = 16
USD = 10**9
ALLOWANCE = 2 * USD


@dataclass(frozen=True)
class Registered(Person):
    """Somebody as LibreChat names them, with the e-mail that it verified."""

    email: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """What LibreChat sends for this person."""
        return {**super().headers, "x-user-email": self.email}


class House:
    """A client with verified e-mails, and the PeopleService."""

    def __init__(self, stack: Stack, client: str, key: str, channel: grpc.aio.Channel) -> None:
        """`key` is the client's."""
        self.stack, self.client, self.key = stack, client, key
        self.stub, self.plans = PeopleServiceStub(channel), PlanServiceStub(channel)

    async def put_plan(self) -> None:
        """A plan of the house's name, whole from the first day."""
        plan = Plan(
            id=self.client, period="month", allowance_nanos=ALLOWANCE, whole_first_period=True
        )
        metadata = (("authorization", f"Bearer {self.stack.admin_token}"),)
        await self.plans.PutPlan(PutPlanRequest(plan=plan, reason="test"), metadata=metadata)

    async def ask(self, method: str, request: Any) -> Any:
        """One call of the administrator."""
        metadata = (("authorization", f"Bearer {self.stack.admin_token}"),)
        return await getattr(self.stub, method)(request, metadata=metadata, timeout=10.0)

    async def load(
        self, rows: list[str], columns: str = "email,name,credit"
    ) -> pb.ImportPeopleResponse:
        """Import a file; who is not in it stays."""
        file = "\n".join([columns, *rows]).encode()
        request = pb.ImportPeopleRequest(
            file=file, reason="test", request_id=str(uuid.uuid4()), partial=True
        )
        answer: pb.ImportPeopleResponse = await self.ask("ImportPeople", request)
        return answer

    async def lose(self, *gone: str) -> pb.ImportPeopleResponse:
        """Import the whole list of whoever is known, but for these."""
        everybody = []
        token = ""
        while True:
            page = await self.ask(
                "ListPeople", pb.ListPeopleRequest(state="active", page_size=500, page_token=token)
            )
            everybody += [person.email for person in page.people]
            token = page.next_page_token
            if not token:
                break
        stay = sorted(set(everybody) - {self.address(who) for who in gone})
        request = pb.ImportPeopleRequest(
            file="\n".join(["email", *stay]).encode(), reason="test", request_id=str(uuid.uuid4())
        )
        answer: pb.ImportPeopleResponse = await self.ask("ImportPeople", request)
        return answer

    def address(self, who: str) -> str:
        """An e-mail of this test's own."""
        return f"{who}@{self.client}.example.org"

    async def chat(self, name: str, who: str) -> Chat:
        """One chat through Envoy."""
        person = Registered(self.client, self.key, name, self.address(who))
        async with httpx.AsyncClient(base_url=self.stack.envoy_url) as http:
            return await chat(http, person, SHORT)

    async def person(self, who: str) -> pb.Person:
        """What the administrator sees."""
        answer: pb.Person = await self.ask(
            "GetPerson", pb.GetPersonRequest(email=self.address(who))
        )
        return answer

    async def knows(self, address: str) -> bool:
        """Whether a replica has heard that the e-mails are verified."""
        asked = knock(self.key, PROBE_MODEL)
        asked.attributes.request.http.headers["x-user-id"] = uuid.uuid4().hex
        asked.attributes.request.http.headers["x-user-email"] = self.address("probe")
        async with grpc.aio.insecure_channel(address) as channel:
            answer = await ext_authz_pb2_grpc.AuthorizationStub(channel).Check(asked, timeout=10.0)
        return "insufficient_credit" not in answer.denied_response.body


@pytest.fixture
async def house(
    stack: Stack,
    keys: Mapping[str, str],
    office: Office,
    eventually: Eventually,
) -> AsyncIterator[House]:
    """Every replica knows the client and its people."""
    client = f"sso-{uuid.uuid4().hex[:8]}"
    key = await office.create_client(of_people(client, style="plain", language="en"))
    await wait_for_doors(stack.authz_addresses, key, PROBE_MODEL)
    async with grpc.aio.insecure_channel(stack.admin_address) as channel:
        opened = House(stack, client, key, channel)
        await opened.load([f"{opened.address(who)},{who},US$1" for who in PEOPLE])
        rules = pb.SetClientPeopleRequest(client=client, verified_emails=True, reason="test")
        await opened.ask("SetClientPeople", rules)
        for address in stack.authz_addresses:

            async def heard(address: str = address) -> bool:
                return await opened.knows(address)

            await eventually(heard, "a replica hears of verified e-mails")
        yield opened


async def test_first_chat_binds_and_who_registers_again_meets_the_old_balance(
    house: House, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Two registrations, one account, one balance; a stranger gets nothing of it."""
    assert not (await house.person("maria")).HasField("account")
    first = await house.chat("6650", "maria")
    again = await house.chat("7777", "maria")
    assert (first.refusal, again.refusal) == (None, None)
    maria = await house.person("maria")
    assert [n.external_id for n in maria.identities] == ["6650", "7777"]
    assert 0 < maria.available_nanos < 10**9
    holds = [chat.hold_id for chat in (first, again)]
    accounts = await database.fetch(
        "SELECT DISTINCT account_id FROM hold WHERE id = ANY ($1)", holds
    )
    assert len(accounts) == 1
    stranger = await house.chat("9999", "nobody")
    assert stranger.refusal is not None
    assert stranger.refusal.reason == "insufficient_credit"
    waiting = await house.ask("ListStrangers", pb.ListStrangersRequest(page_size=500))
    assert (house.client, "9999") in {
        (s.name.client, s.name.external_id) for s in waiting.strangers
    }


async def test_wrong_file_undone_shuts_the_door_that_it_opened(house: House) -> None:
    """Who chatted meanwhile is refused from the next request on; who had not is gone."""
    batch = (
        await house.load([f"{house.address('caio')},Caio,US$1", f"{house.address('davi')},,"])
    ).batch
    assert (await house.chat("5555", "caio")).refusal is None
    undone = await house.ask("UndoImport", pb.UndoImportRequest(batch=batch, reason="wrong file"))
    assert (undone.removed, undone.suspended) == (1, 1)
    refused = (await house.chat("5555", "caio")).refusal
    assert refused is not None
    assert refused.reason == "account_suspended"


MADE = """
SELECT a.status, count(*) AS accounts, sum(a.posted)::bigint AS posted, sum(a.held)::bigint AS held,
       sum(coalesce(u.cost, 0))::bigint AS spent
FROM account AS a LEFT JOIN LATERAL (
    SELECT sum(e.cost) AS cost FROM usage_event AS e JOIN hold AS h ON h.id = e.hold_id
    WHERE h.account_id = a.id) AS u ON true
WHERE a.client_id = $1 AND a.external_id LIKE 'id-%' AND a.plan_id = $1 GROUP BY a.status ORDER BY a.status
"""
AUDITED = "SELECT count(*) FROM audit WHERE action = 'bind_person' AND detail ->> 'client' = $1"
AGAIN = "SELECT count(*) FROM account WHERE client_id = $1 AND external_id LIKE 'again-%'"


async def test_three_hundred_people_come_on_a_monday(
    house: House, ledger: Ledger, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """280 chat, 12 of them register again, 5 leave: accounts, credit and audit are right to the nano."""
    probes = await database.fetchval(AUDITED, house.client)
    await house.put_plan()
    rows = [f"{house.address(f'p{n}')},P {n},US$1,{house.client}" for n in range(COUNT)]
    loaded = await house.load(rows, columns="email,name,credit,plan")
    assert (len(loaded.changes), loaded.credit_nanos) == (COUNT, COUNT * USD)
    gate = asyncio.Semaphore(AT_A_TIME)

    async def chat_once(name: str, who: str) -> Chat:
        async with gate:
            return await house.chat(name, who)

    first = [chat_once(f"id-{n}", f"p{n}") for n in range(CHATTED)]
    chats = await asyncio.gather(*first)
    again = [chat_once(f"again-{n}", f"p{n}") for n in range(REGISTERED_AGAIN)]
    chats += await asyncio.gather(*again)
    assert [chat.refusal for chat in chats] == [None] * (CHATTED + REGISTERED_AGAIN)
    await ledger.all_closed(within_s=90)  # 292 calls at once, on a machine that is busy
    gone = [f"p{n}" for n in range(LEFT)]
    left = await house.lose(*gone)
    assert sorted((each.change, each.email) for each in left.changes) == sorted(
        ("left", house.address(who)) for who in gone
    )
    refused = await asyncio.gather(*(chat_once(f"id-{n}", f"p{n}") for n in range(LEFT)))
    assert {chat.refusal and chat.refusal.reason for chat in refused} == {"account_suspended"}
    found = [tuple(row) for row in await database.fetch(MADE, house.client)]
    assert [(status, accounts, held) for status, accounts, _, held, _ in found] == [
        ("active", CHATTED - LEFT, 0),
        ("suspended", LEFT, 0),
    ]
    assert all(
        posted + spent == accounts * (USD + ALLOWANCE) for _, accounts, posted, _, spent in found
    )
    assert all(spent > 0 for *_, spent in found)
    assert await database.fetchval(AGAIN, house.client) == 0
    bound = await database.fetchval(AUDITED, house.client)
    assert bound - probes == CHATTED + REGISTERED_AGAIN
