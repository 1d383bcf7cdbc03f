"""The stage of the tests about modes: set one, send through it, see what was debited."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import grpc

from credit.prices import Price
from local.doors import knock
from local.office import Office
from local.provider.truth import TruthCall, read_truth
from local.stack import Stack
from local.story.books import truth_nanos
from local.story.chat import Person
from protos import ext_authz_pb2_grpc
from tests.e2e.attempts import CHAT, MODEL, PLAIN, Answer, Headers, send_raw

EFFECTIVE_WITHIN_S = 1.0
POLL_S = 0.01
WOULD_REFUSE = "SELECT kind, reason FROM decision WHERE hold_id = $1"


def headers_of(who: Person, content_type: str = "application/json") -> Headers:
    """What a client sends for this person; without a name, none."""
    named = (("x-user-id", who.name),) if who.name else ()
    return (("content-type", content_type), ("authorization", f"Bearer {who.key}"), *named)


@dataclass(repr=False)  # it holds the whole price book
class Scene:
    """The running system, from the first call of one test on."""

    stack: Stack
    office: Office
    keys: Mapping[str, str]
    person: Callable[..., Awaitable[Person]]
    database: "asyncpg.Connection[asyncpg.Record]"
    eventually: Callable[..., Awaitable[None]]
    prices: Mapping[str, Price]

    def __post_init__(self) -> None:
        self._before = len(read_truth(self.stack.truth_path))

    def reached(self) -> Sequence[TruthCall]:
        """The calls that reached the provider in this test."""
        return read_truth(self.stack.truth_path)[self._before :]

    @asynccontextmanager
    async def in_mode(self, mode: str) -> AsyncIterator[None]:
        """The block runs in this mode; `enforce` again afterwards, on every replica."""
        await self.switch(mode)
        try:
            yield
        finally:
            await self.switch("enforce")

    async def switch(self, mode: str) -> float:
        """Set the mode; after how many seconds every replica decides by it. Bounded."""
        began_s = time.monotonic()
        await self.office.set_mode(mode)
        while set(await self._modes_at_the_doors()) != {mode}:
            took_s = time.monotonic() - began_s
            assert took_s < EFFECTIVE_WITHIN_S, f"{mode} is not in force after {took_s:.2f} s"
            await asyncio.sleep(POLL_S)
        return time.monotonic() - began_s

    async def _modes_at_the_doors(self) -> list[str]:
        """The mode by which each replica decides now, by its own word."""
        modes = []
        for address in self.stack.authz_addresses:
            async with grpc.aio.insecure_channel(address) as channel:
                stub = ext_authz_pb2_grpc.AuthorizationStub(channel)
                answer = await stub.Check(knock(self.keys[PLAIN], MODEL))
                modes.append(str(answer.dynamic_metadata["mode"]))
        return modes

    async def send(
        self, headers: Headers, body: bytes = b"", path: str = CHAT, method: str = "POST"
    ) -> Answer:
        """Send through Envoy."""
        return await asyncio.to_thread(send_raw, self.stack.envoy_url, method, path, headers, body)

    async def spent(self, who: Person, had_nanos: int) -> None:
        """Wait until the person was debited what reached the provider, and nothing is held."""
        cost_nanos = sum(truth_nanos(call, self.prices) for call in self.reached())

        async def settled() -> bool:
            account = await self.office.balance(who.client, who.name)
            return (account.posted_nanos, account.held_nanos) == (had_nanos - cost_nanos, 0)

        await self.eventually(settled, f"{who.name or who.client} paid {cost_nanos} nano-USD")

    async def would_refuse(self, answer: Answer, reason: str) -> None:
        """Wait until the ledger says what `enforce` would have done."""

        async def noted() -> bool:
            row = await self.database.fetchrow(WOULD_REFUSE, answer.hold_id)
            return row is not None and tuple(row) == ("would_refuse", reason)

        await self.eventually(noted, f"{answer.hold_id} would be refused for {reason}")
