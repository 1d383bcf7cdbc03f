"""The stage of the tests about flat holds: a client whose policy sets them, people of it who call."""

import asyncio
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import asyncpg
import grpc
import httpx

from local.doors import knock
from local.office import Office
from local.provider.truth import TruthCall
from local.stack import Stack
from local.story.chat import Person
from local.story.ledger import Ledger
from protos import ext_authz_pb2, ext_authz_pb2_grpc
from protos.pedagio.v1 import policies_pb2, policies_pb2_grpc
from tests.e2e.conftest import of_people

USD = 10**9
IMAGES, EDITS = "/v1/images/generations", "/v1/images/edits"
SPEECH, TRANSCRIPTIONS = "/v1/audio/speech", "/v1/audio/transcriptions"
MODERATIONS = "/v1/moderations"
FLAT = {IMAGES: 100_000_000, EDITS: 80_000_000, SPEECH: 30_000_000, TRANSCRIPTIONS: 60_000_000}
POLICY = {"flat_holds": {path: f"US${Decimal(nanos) / USD}" for path, nanos in FLAT.items()}}
POLICY["flat_holds"][MODERATIONS] = "US$0"
CLIENT = "atelier"
AUDIO = b"\xff" * 10_000  # 2.5 s, by the simulated provider
DEADLINE_S = 10.0
REFUSED = 402
# Fields that would redirect, multiply or unmeter a call.
FORGED = {
    "api_base": "http://127.0.0.1:9/v1",
    "api_key": "sk-own",
    "user_config": "x",
    "headers": '{"x-evil": "1"}',
    "extra_body": "x",
    "fallbacks": "tts-1",
    "litellm_metadata": '{"tags": "x"}',
    "num_retries": "9",
    "stream": "true",
    "no-log": "true",
    "input_cost_per_second": "0",
    "custom_llm_provider": "azure",
}
HELD = "SELECT granted, want, route, model FROM hold WHERE id = $1"
DECIDED = "SELECT kind, reason FROM decision WHERE hold_id = $1"
WOULD_REFUSE = (
    "SELECT body ->> 'would_refuse' FROM call_record WHERE hold_id = $1 AND kind = 'start'"
)
CLOSED = "SELECT outcome, reason, captured, overage FROM hold_close WHERE hold_id = $1"


@dataclass(repr=False)
class Atelier:
    """The running system for one person of a client whose policy sets flat holds."""

    http: httpx.AsyncClient
    office: Office
    ledger: Ledger
    database: "asyncpg.Connection[asyncpg.Record]"
    truth: Callable[[], list[TruthCall]]
    who: Person
    had_nanos: int
    before: int

    async def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """One JSON call."""
        return await self.http.post(path, json=body, headers=self.who.headers)

    async def upload(self, path: str, fields: dict[str, str], files: Any = None) -> httpx.Response:
        """One form, with a file of its own."""
        name = "image" if path == EDITS else "file"
        sent = files or {name: ("a.bin", AUDIO)}
        return await self.http.post(path, data=fields, files=sent, headers=self.who.headers)

    def reached(self) -> list[TruthCall]:
        """The calls that reached the provider in this test."""
        return self.truth()[self.before :]

    async def closes(self, answer: httpx.Response, outcome: str, reason: str, nanos: int) -> None:
        """The call's hold closes soon, so, with one debit; nothing stays reserved."""
        hold_id = uuid.UUID(answer.headers["x-request-id"])
        await self.ledger.settled(str(hold_id))
        row = await self.database.fetchrow(CLOSED, hold_id)
        assert row is not None
        assert tuple(row)[:3] == (outcome, reason, nanos)
        account = await self.office.balance(CLIENT, self.who.name)
        assert (account.posted_nanos, account.held_nanos) == (self.had_nanos - nanos, 0)

    async def set_mode(self, stack: Stack, mode: str) -> None:
        """Change the mode; every replica decides by it afterwards."""
        await self.office.set_mode(mode)
        for address in stack.authz_addresses:
            await _until(address, self.who.key, lambda said: said.dynamic_metadata["mode"] == mode)

    async def held(self, answer: httpx.Response) -> tuple[Any, ...]:
        """Granted, want, route and model of the call's hold."""
        row = await self.database.fetchrow(HELD, uuid.UUID(answer.headers["x-request-id"]))
        return () if row is None else tuple(row)


async def open_atelier(stack: Stack) -> str:
    """The key of a client with flat holds, which every replica knows by now."""
    async with Office(stack.admin_address, stack.admin_token) as office:
        made = await office.create_client(of_people(CLIENT, style="plain", language="en"))
    async with grpc.aio.insecure_channel(stack.admin_address) as channel:
        subject = policies_pb2.PolicySubject(kind="client", id=CLIENT)
        await policies_pb2_grpc.PolicyServiceStub(channel).SetPolicy(
            policies_pb2.SetPolicyRequest(
                subject=subject, body_json=json.dumps(POLICY), reason="test"
            ),
            metadata=(("authorization", f"Bearer {stack.admin_token}"),),
        )
    for address in stack.authz_addresses:
        await _until(address, made, lambda said: said.denied_response.status.code == REFUSED)
    return made


async def _until(address: str, key: str, is_so: Callable[[Any], bool]) -> None:
    """Wait until a replica's word about an image of somebody without credit is as it should be."""

    def question() -> ext_authz_pb2.CheckRequest:
        """With an id of its own each time: one that was refused is never decided again."""
        asked = knock(key, "gpt-image-1")
        asked.attributes.request.http.path = IMAGES
        return asked

    async with grpc.aio.insecure_channel(address) as channel, asyncio.timeout(DEADLINE_S):
        stub = ext_authz_pb2_grpc.AuthorizationStub(channel)
        while not is_so(await stub.Check(question())):  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.05)
