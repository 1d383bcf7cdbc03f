"""Prices that a person set, through the real Envoy: held, clamped, debited by them to the nano; markups too."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import grpc
import openai
import pytest

from credit.money import marked_up
from local.doors import wait_for_doors
from local.office import Office
from local.stack import Stack
from local.story.chat import Person
from local.story.ledger import Ledger
from protos.pedagio.v1 import policies_pb2
from protos.pedagio.v1 import prices_pb2 as pb
from protos.pedagio.v1.policies_pb2_grpc import PolicyServiceStub
from protos.pedagio.v1.prices_pb2_grpc import PriceServiceStub
from tests.e2e.conftest import PROBE_MODEL, of_people

USD = 10**9
MARKUP = 15
STREAMS = 24
INPUT, OUTPUT = 3_000_000, 12_000_000  # pico-USD per token, above both deployments of the name
NAME = "rapido"
EVENTS = """
    SELECT u.cost, u.litellm_cost, u.book_cost, u.usage, u.flags FROM usage_event AS u
    JOIN account AS a ON a.id = u.account_id WHERE a.client_id = $1 AND a.external_id = $2"""
OVERAGE = """
    SELECT coalesce(max(c.overage), 0)::bigint FROM hold_close AS c JOIN hold AS h ON h.id = c.hold_id
    JOIN account AS a ON a.id = h.account_id WHERE a.client_id = $1 AND a.external_id = $2"""

Database = asyncpg.Connection
OpenaiFor = Callable[[Person], openai.AsyncOpenAI]
NewPerson = Callable[..., Awaitable[Person]]


@dataclass(frozen=True)
class Prices:
    """The administrator's hand on prices."""

    stub: Any
    metadata: tuple[tuple[str, str], ...]

    async def set(self, price: pb.OwnPrice | None) -> None:
        """The price of the name; None: LiteLLM's again."""
        request = pb.OverrideRequest(
            model=NAME, price=price, reason="test", request_id=str(uuid.uuid4()), force=True
        )
        answer = await self.stub.Override(request, metadata=self.metadata, timeout=30)
        assert not answer.not_yet


@pytest.fixture
async def admin(
    stack: Stack, keys: Mapping[str, str]
) -> AsyncIterator[tuple[grpc.aio.Channel, tuple[tuple[str, str], ...]]]:
    """A connection to the system once it is open for business, and what to say who is asking."""
    assert keys
    async with grpc.aio.insecure_channel(stack.admin_address) as channel:
        yield channel, (("authorization", f"Bearer {stack.admin_token}"),)


@pytest.fixture
async def own_price(
    admin: tuple[grpc.aio.Channel, tuple[tuple[str, str], ...]],
) -> AsyncIterator[Prices]:
    """Prices of the name; LiteLLM's own again afterwards."""
    hand = Prices(PriceServiceStub(admin[0]), admin[1])
    yield hand
    await hand.set(None)


async def partner(
    stack: Stack, office: Office, admin: tuple[grpc.aio.Channel, Any], credit_nanos: int
) -> Person:
    """Somebody of a client whose policy has a markup."""
    client = f"partners-{uuid.uuid4().hex[:8]}"
    key = await office.create_client(of_people(client, style="plain", language="en"))
    subject = policies_pb2.PolicySubject(kind="client", id=client)
    request = policies_pb2.SetPolicyRequest(
        subject=subject, body_json=f'{{"markup_percent": {MARKUP}}}', reason="contract"
    )
    await PolicyServiceStub(admin[0]).SetPolicy(request, metadata=admin[1], timeout=10)
    await wait_for_doors(stack.authz_addresses, key, PROBE_MODEL)
    await asyncio.sleep(1)  # the promise: by then every replica has the policy
    await office.open_account(client, "ana")
    await office.grant(client, "ana", credit_nanos)
    return Person(client, key, "ana")


async def test_markup_is_held_clamped_and_debited_to_the_nano(
    stack: Stack,
    office: Office,
    admin: tuple[grpc.aio.Channel, Any],
    openai_for: OpenaiFor,
    database: "Database[asyncpg.Record]",
    ledger: Ledger,
    consumed: Callable[[], int],
) -> None:
    """More streams than the credit pays for: what is answered fits with its markup, nothing is beyond its hold."""
    credit = USD // 5
    who = await partner(stack, office, admin, credit)
    client = openai_for(who)

    async def one(number: int) -> None:
        stream = await client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": f"{number} [[tokens=3000 rate=6000]]"}],
            max_tokens=3_000,
            stream=True,
        )
        async for _ in stream:
            pass

    outcomes = await asyncio.gather(*map(one, range(STREAMS)), return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, openai.APIStatusError)]
    assert {each.status_code for each in refused} == {402}
    assert len(refused) == sum(isinstance(each, BaseException) for each in outcomes) < STREAMS
    await ledger.all_closed()
    rows = await database.fetch(EVENTS, who.client, who.name)
    assert rows
    assert all(row["cost"] == marked_up(row["litellm_cost"], MARKUP) for row in rows)
    assert sum(row["litellm_cost"] for row in rows) == consumed()
    account = await office.balance(who.client, who.name)
    assert account.posted_nanos == credit - sum(row["cost"] for row in rows) >= 0
    assert account.held_nanos == 0
    assert await database.fetchval(OVERAGE, who.client, who.name) == 0


async def test_price_set_here_is_debited_until_it_ends(
    person: NewPerson,
    openai_for: OpenaiFor,
    own_price: Prices,
    database: "Database[asyncpg.Record]",
    ledger: Ledger,
) -> None:
    """Dearer than what LiteLLM bills, for both deployments of a name; then LiteLLM's cost again."""
    who = await person(USD)
    client = openai_for(who)
    ask: dict[str, Any] = {
        "model": NAME,
        "messages": [{"role": "user", "content": "oi [[tokens=40]]"}],
    }
    await own_price.set(pb.OwnPrice(input_picos=INPUT, output_picos=OUTPUT))
    await asyncio.sleep(1)  # the promise: by then every replica has the price
    for _ in range(8):
        await client.chat.completions.create(**ask)
    await ledger.all_closed()
    rows = await database.fetch(EVENTS, who.client, who.name)
    for row in rows:
        tokens = json.loads(row["usage"])
        picos = tokens["prompt_tokens"] * INPUT + tokens["completion_tokens"] * OUTPUT
        assert row["cost"] == row["book_cost"] == -(-picos // 1000) > row["litellm_cost"] > 0
        assert list(row["flags"]) == ["house_price"]
    assert await database.fetchval(OVERAGE, who.client, who.name) == 0
    await own_price.set(None)
    await asyncio.sleep(1)
    await client.chat.completions.create(**ask)
    await ledger.all_closed()
    last = [row for row in await database.fetch(EVENTS, who.client, who.name) if not row["flags"]]
    assert [row["cost"] for row in last] == [row["litellm_cost"] for row in last]
    assert len(last) == 1
