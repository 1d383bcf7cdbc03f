"""Policies, prices change under traffic: on each of three replicas within a second, nobody is dropped.

The mode has its own test (test_modes.py). Traffic goes through the real Envoy; each replica is asked by
itself when it decides by the change.
"""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
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
from protos.pedagio.v1 import policies_pb2, prices_pb2
from protos.pedagio.v1.policies_pb2_grpc import PolicyServiceStub
from protos.pedagio.v1.prices_pb2_grpc import PriceServiceStub
from tests.e2e.conftest import PROBE_MODEL, REPLICAS, of_people

USD = 10**9
WITHIN_S = 1.0  # the promise
POLL_S = 0.01
SERVED = 12
BOUND_S = 30.0
# One is never touched; of the other two one is forbidden, one gets another price.
STEADY, FORBIDDEN, REPRICED = "gpt-4o-mini", "gpt-4o", "gpt-4.1"
PRICED_BY = """
    SELECT h.price_version AS held, u.price_version AS debited, u.cost, u.litellm_cost, u.book_cost, u.flags
    FROM hold AS h JOIN usage_event AS u ON u.hold_id = h.id
    JOIN account AS a ON a.id = h.account_id WHERE a.client_id = $1 AND h.model = $2 ORDER BY h.placed_at"""


DECIDED_BY = "SELECT price_version FROM decision WHERE hold_id = $1"
Seen = Callable[[str, Any], Awaitable[bool]]


@dataclass
class Scene:
    """A client of its own with one person, the administrator's hand, and what traffic was answered."""

    stack: Stack
    who: Person
    channel: grpc.aio.Channel
    metadata: tuple[tuple[str, str], ...]
    answers: list[tuple[float, str, Chat]] = field(default_factory=list)

    async def ask(self, http: httpx.AsyncClient, model: str) -> None:
        """One call; when it was sent, for which model, what came back."""
        began_s = time.monotonic()
        body = {
            "model": model,
            "max_tokens": 20,
            "messages": [{"role": "user", "content": "oi [[tokens=5]]"}],
        }
        self.answers.append((began_s, model, await chat(http, self.who, body)))

    @asynccontextmanager
    async def traffic(self) -> AsyncIterator[None]:
        """Each model has somebody who asks for it all the time."""
        stop = asyncio.Event()

        async def go(model: str) -> None:
            async with httpx.AsyncClient(base_url=self.stack.envoy_url, timeout=BOUND_S) as http:
                while not stop.is_set():
                    await self.ask(http, model)

        tasks = [asyncio.create_task(go(model)) for model in (STEADY, FORBIDDEN, REPRICED)]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def more(self) -> None:
        """Until so many further calls have been answered."""
        goal = len(self.answers) + SERVED
        async with asyncio.timeout(BOUND_S):
            while len(self.answers) < goal:  # noqa: ASYNC110 (the traffic tells nobody)
                await asyncio.sleep(POLL_S)

    async def each_replica(self, what: str, model: str, seen: Seen) -> float:
        """When the last one decides by the change, in `time.monotonic`; printed, and within a second.

        Asked for somebody without credit, so that nothing is held.
        """
        began_s = time.monotonic()
        took: dict[str, float] = {}
        while len(took) < REPLICAS:
            for address in set(self.stack.authz_addresses) - took.keys():
                async with grpc.aio.insecure_channel(address) as channel:
                    stub = ext_authz_pb2_grpc.AuthorizationStub(channel)
                    request = knock(self.who.key, model)
                    answer = await stub.Check(request, timeout=BOUND_S)
                    if await seen(request.attributes.request.http.headers["x-request-id"], answer):
                        took[address] = time.monotonic() - began_s
            late_s = time.monotonic() - began_s
            assert late_s < WITHIN_S, f"{what}: {len(took)} of {REPLICAS} after {late_s:.2f} s"
            await asyncio.sleep(POLL_S)
        shown = ", ".join(f"{s * 1000:.0f}" for s in sorted(took.values()))
        print(f"{what}: on {REPLICAS} replicas after {shown} ms")  # noqa: T201 (the figure is the promise)
        return time.monotonic()


@pytest.fixture
async def scene(stack: Stack, keys: Mapping[str, str], office: Office) -> AsyncIterator[Scene]:
    """Somebody with credit, at a client of their own."""
    assert keys
    client = f"changes-{uuid.uuid4().hex[:8]}"
    key = await office.create_client(of_people(client, style="plain", language="en"))
    await wait_for_doors(stack.authz_addresses, key, PROBE_MODEL)
    await office.open_account(client, "ana")
    await office.grant(client, "ana", 50 * USD)
    async with grpc.aio.insecure_channel(stack.admin_address) as channel:
        bearer = (("authorization", f"Bearer {stack.admin_token}"),)
        yield Scene(stack, Person(client, key, "ana"), channel, bearer)


def reason_of(answer: Chat) -> str:
    """Why it was refused; empty: it was answered."""
    return answer.refusal.reason if answer.refusal is not None else ""


async def test_policy_reaches_every_replica_within_a_second_and_drops_nobody(scene: Scene) -> None:
    """From then on nobody gets the model that it forbids; everybody else is answered all the time."""
    stub = PolicyServiceStub(scene.channel)
    subject = policies_pb2.PolicySubject(kind="client", id=scene.who.client)
    async with scene.traffic():
        await scene.more()
        for models in ([STEADY, REPRICED], ["*"], [STEADY, REPRICED]):
            request = policies_pb2.SetPolicyRequest(
                subject=subject, body_json=json.dumps({"models": models}), reason="test"
            )
            asked_s = time.monotonic()
            await stub.SetPolicy(request, metadata=scene.metadata, timeout=BOUND_S)
            forbids = "*" not in models

            async def seen(_hold: str, answer: Any, *, forbids: bool = forbids) -> bool:
                return ("model_not_allowed" in answer.denied_response.body) == forbids

            done_s = await scene.each_replica(f"policy {models}", FORBIDDEN, seen)
            await scene.more()
            for began_s, model, answer in scene.answers:
                if model != FORBIDDEN or (began_s > done_s and not forbids):
                    assert reason_of(answer) == "" or began_s < asked_s
                elif began_s > done_s:
                    assert reason_of(answer) == "model_not_allowed"
    reasons = {(model, reason_of(answer)) for _, model, answer in scene.answers}
    assert reasons == {
        (STEADY, ""),
        (REPRICED, ""),
        (FORBIDDEN, ""),
        (FORBIDDEN, "model_not_allowed"),
    }


async def test_prices_reach_every_replica_within_a_second_and_drop_nobody(
    scene: Scene, ledger: Ledger, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """An import, and the way back: each call is debited by the prices that it was held by."""
    stub = PriceServiceStub(scene.channel)
    own = json.loads(scene.stack.price_file.read_bytes())
    dearer = {**own, REPRICED: {**own[REPRICED], "output_cost_per_token": 4e-05}}
    async with scene.traffic():
        await scene.more()
        for file in (dearer, own):
            request = prices_pb2.ImportRequest(
                file=json.dumps(file).encode(), reason="test", request_id=str(uuid.uuid4())
            )
            answer = await stub.Import(request, metadata=scene.metadata, timeout=BOUND_S)
            assert answer.map_version

            async def seen(hold: str, _answer: Any, wanted: int = answer.map_version) -> bool:
                return bool(await database.fetchval(DECIDED_BY, hold) == wanted)

            await scene.each_replica(f"prices {answer.map_version}", REPRICED, seen)
            await scene.more()
    assert {reason_of(answer) for _, _, answer in scene.answers} == {""}
    await ledger.all_closed()
    rows = await database.fetch(PRICED_BY, scene.who.client, REPRICED)
    assert len({row["held"] for row in rows}) == 3
    for row in rows:
        assert row["debited"] == row["held"]
        own_price = "house_price" in row["flags"]
        assert row["cost"] == (row["book_cost"] if own_price else row["litellm_cost"])
        assert own_price == (row["cost"] > row["litellm_cost"])
    assert {"house_price" in row["flags"] for row in rows} == {True, False}
