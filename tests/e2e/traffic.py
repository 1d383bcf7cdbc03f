"""Steady calls of one person through the real system, and the reckoning after a fault."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import asyncpg
import httpx

from credit.prices import Price
from local.office import Office
from local.provider.truth import read_truth
from local.stack import Stack
from local.story.books import truth_nanos
from local.story.chat import Person

TOGETHER = 8
CLIENT_BOUND_S = 30.0
PAUSE_S = 0.05
# What never reports is settled by the deadline of the tests' holds (30 s), by a sweep each second.
CLOSED_WITHIN_S = 60.0
DEBITS = """
    SELECT h.id::text AS hold_id,
        count(t.id) FILTER (WHERE t.kind <> 'reversal') - count(t.id) FILTER (WHERE t.kind = 'reversal') AS debits,
        coalesce(sum(CASE WHEN t.debit_account = a.id THEN t.amount ELSE -t.amount END), 0)::bigint AS nanos
    FROM hold AS h JOIN account AS a ON a.id = h.account_id LEFT JOIN transfer AS t ON t.hold_id = h.id
    WHERE a.external_id = $1 GROUP BY h.id"""
OPEN = "SELECT hold_id::text FROM hold_open AS o JOIN account AS a ON a.id = o.account_id WHERE a.external_id = $1"


def body(number: int) -> dict[str, Any]:
    """A short call of some 0.2 s."""
    order = "[[tokens=40 rate=200]]"
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"{number} {order}"}]}


@dataclass(frozen=True)
class Answer:
    """How one call ended. `response_id` is the provider's, empty unless answered whole; status 0: cut."""

    status: int
    hold_id: str
    response_id: str
    took_s: float


async def send(http: httpx.AsyncClient, who: Person, number: int) -> Answer:
    """One call."""
    began_s = time.monotonic()
    try:
        answer = await http.post("/v1/chat/completions", json=body(number), headers=who.headers)
    except httpx.HTTPError:
        return Answer(0, "", "", time.monotonic() - began_s)
    response_id = str(answer.json()["id"]) if answer.status_code == httpx.codes.OK else ""
    hold_id = answer.headers.get("x-request-id", "")
    return Answer(answer.status_code, hold_id, response_id, time.monotonic() - began_s)


class Traffic:
    """Calls in a loop, several at a time, from entering to leaving."""

    def __init__(self, stack: Stack, who: Person) -> None:
        """Nothing is sent before it is entered."""
        self.answers: list[Answer] = []
        self._stack = stack
        self._who = who
        self._ended = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Begin."""
        self._http = httpx.AsyncClient(base_url=self._stack.envoy_url, timeout=CLIENT_BOUND_S)
        self._workers = [asyncio.create_task(self._work()) for _ in range(TOGETHER)]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Send nothing new, wait for what is under way."""
        self._ended.set()
        await asyncio.gather(*self._workers)
        await self._http.aclose()

    @property
    def answered(self) -> int:
        """Calls that were answered whole so far."""
        return sum(answer.status == httpx.codes.OK for answer in self.answers)

    async def _work(self) -> None:
        while not self._ended.is_set():
            answer = await send(self._http, self._who, len(self.answers))
            self.answers.append(answer)
            if answer.status != httpx.codes.OK:
                await asyncio.sleep(PAUSE_S)

    async def more(self, count: int, within_s: float) -> float:
        """Wait until so many further calls are answered whole; seconds that took, within the bound."""
        began_s, target = time.monotonic(), self.answered + count
        while self.answered < target:
            waited_s = time.monotonic() - began_s
            assert waited_s < within_s, (
                f"{self.answered - target + count} of {count} in {waited_s:.1f} s"
            )
            await asyncio.sleep(PAUSE_S)
        return time.monotonic() - began_s


@dataclass
class Reckoning:
    """Compares what a person was answered with what the ledger says of it."""

    stack: Stack
    office: Office
    prices: Mapping[str, Price]
    eventually: Callable[..., Awaitable[None]]

    async def settle(self, who: Person, credit_nanos: int, answers: Sequence[Answer]) -> None:
        """Each whole answer paid once, at the provider's own figure; nothing stays open; nobody pays twice."""
        whole = {one.response_id for one in answers if one.response_id}
        truths = {
            call.response_id: truth_nanos(call, self.prices)
            for call in read_truth(self.stack.truth_path)
            if call.response_id in whole
        }
        owed = {one.hold_id: truths[one.response_id] for one in answers if one.response_id}
        database = await asyncpg.connect(self.stack.database_url)
        try:

            async def all_closed() -> bool:
                return not await database.fetch(OPEN, who.name)

            await self.eventually(all_closed, "every hold closes by itself", CLOSED_WITHIN_S)
            rows = await database.fetch(DEBITS, who.name)
        finally:
            await database.close()
        debited = {row["hold_id"]: row["nanos"] for row in rows if row["hold_id"] in owed}
        apart = {
            hold: (debited.get(hold), owed[hold])
            for hold in owed
            if debited.get(hold) != owed[hold]
        }
        assert debited == owed, f"{len(apart)} of {len(owed)} debited, owed: {apart}"
        assert max(row["debits"] for row in rows) == 1
        account = await self.office.balance(who.client, who.name)
        assert account.posted_nanos == credit_nanos - sum(row["nanos"] for row in rows)
        assert account.held_nanos == 0
