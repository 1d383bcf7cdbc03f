"""The people of a chaos run: they call through Envoy, stay or leave, and remember each answer."""

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Self

import aiohttp

CLIENT: Final = "chaos"
CALL_BOUND_S: Final = 20.0
DECIDED_WITHIN_S: Final = 1.0
PAUSE_S: Final = (0.02, 0.15)
REFUSED_PAUSE_S: Final = (0.1, 0.6)  # a person reads the sentence first
CLIENTS_PER_ACCOUNT: Final = 4
ABORTS: Final = 0.06  # of the streams, in any round
MANY_ABORTS: Final = 0.6  # of the streams, in a round of aborted streams
ABORT_AFTER_S: Final = (0.0, 0.25)
PROBE_EVERY_S: Final = 0.15
NOBODY: Final = "probe"

numbers = itertools.count(1)


@dataclass(frozen=True)
class Shape:
    """One kind of call: orders to the provider, and the limit that the client sets (0: none)."""

    model: str
    orders: str
    limit: int
    weight: int = 1


# Short and long, with and without a limit, one that reasons; a tenth is too dear for a small balance.
SHAPES: Final = (
    Shape("gpt-4o", "tokens=140 rate=900", 170, 4),
    Shape("gpt-4o", "tokens=90 rate=600", 100, 3),
    Shape("gpt-4.1", "tokens=160 rate=1200", 200, 3),
    Shape("gpt-5-mini", "tokens=120 reasoning=400 rate=1500 reasoning_rate=4000", 560, 3),
    Shape("gpt-4o-mini", "tokens=200 rate=800", 220, 2),
    Shape("gpt-4o", "tokens=150 rate=900", 0, 2),
    Shape("gpt-4o", "tokens=300 rate=1500", 900, 2),
)
# What finishes an account: ever smaller calls, until even the smallest is refused.
LAST_SHAPES: Final = (
    Shape("gpt-4o", "tokens=4000 rate=100000", 0),
    Shape("gpt-4o-mini", "tokens=4000 rate=100000", 0),
    Shape("gpt-4o-mini", "tokens=4 rate=100000", 8),
)
PROBE_SHAPE: Final = Shape("gpt-4o-mini", "tokens=1", 8)


@dataclass
class Attempt:
    """One call as its client saw it. `status` 0: no answer at all; times are wall-clock seconds."""

    tag: str
    person: str
    round: int
    kind: str  # round, finish, probe
    shape: Shape
    stream: bool
    began_s: float
    hold: str = ""
    status: int = 0
    reason: str = ""
    response_id: str = ""
    decided_s: float | None = None
    left: bool = False

    @property
    def answered(self) -> bool:
        """Approved, whatever came of the answer."""
        return self.status == 200

    @property
    def prompt(self) -> bool:
        """Whether the client heard within the bound."""
        return self.decided_s is not None and self.decided_s - self.began_s <= DECIDED_WITHIN_S


@dataclass
class Door:
    """The way in: Envoy's address, the client's key, and everything that was ever asked."""

    url: str
    key: str
    attempts: list[Attempt] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=CALL_BOUND_S)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def call(
        self,
        person: str,
        shape: Shape,
        *,
        number: int,
        kind: str,
        stream: bool = False,
        leave_after_s: float | None = None,
    ) -> Attempt:
        """Ask once. A client that leaves does so `leave_after_s` after its answer began."""
        tag = f"{kind}-{number}-{next(numbers)}"
        attempt = Attempt(tag, person, number, kind, shape, stream, time.time())
        self.attempts.append(attempt)
        try:
            async with self._session.post(
                f"{self.url}/v1/chat/completions",
                json=body_of(shape, tag, stream=stream),
                headers={"authorization": f"Bearer {self.key}", "x-user-id": person},
            ) as answer:
                attempt.decided_s = time.time()
                attempt.hold = answer.headers.get("x-request-id", "")
                await _take(answer, attempt, leave_after_s)
        except (aiohttp.ClientError, TimeoutError, OSError):
            pass
        return attempt


async def _take(
    answer: aiohttp.ClientResponse, attempt: Attempt, leave_after_s: float | None
) -> None:
    attempt.status = answer.status
    if answer.status != 200:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            attempt.reason = str((await answer.json(content_type=None))["error"]["code"])
        return
    if leave_after_s is not None:
        await asyncio.sleep(leave_after_s)
        attempt.left = True
        answer.close()
        return
    text = await answer.read()
    attempt.response_id = _response_id(text)


def _response_id(text: bytes) -> str:
    """The provider's id: of a whole answer, or of the first chunk of a stream."""
    first = text.split(b"\n", 1)[0].removeprefix(b"data: ")
    try:
        return str(json.loads(first).get("id", ""))
    except (ValueError, AttributeError):
        return ""


def body_of(shape: Shape, tag: str, *, stream: bool) -> dict[str, Any]:
    """A chat whose words order its answer, and carry a tag into the provider's log."""
    words = f"{shape.orders} tag={tag}"
    body: dict[str, Any] = {
        "model": shape.model,
        "messages": [{"role": "user", "content": f"[[{words}]]"}],
        "stream": stream,
    }
    return body | ({"max_completion_tokens": shape.limit} if shape.limit else {})


@dataclass(frozen=True)
class Crowd:
    """The clients of one round: some for each account, each with choices of its own."""

    door: Door
    number: int
    seed: str
    people: Sequence[str]
    aborts: float

    async def come(self, until: asyncio.Event) -> None:
        """Call and call again until the event."""
        async with asyncio.TaskGroup() as group:
            for person, place in itertools.product(self.people, range(CLIENTS_PER_ACCOUNT)):
                group.create_task(self._client(person, place, until))

    async def _client(self, person: str, place: int, until: asyncio.Event) -> None:
        random = Random(f"{self.seed}:{person}:{place}")
        weights = [shape.weight for shape in SHAPES]
        while not until.is_set():
            (shape,) = random.choices(SHAPES, weights)
            stream = random.random() < 0.6
            leaves = stream and random.random() < self.aborts
            attempt = await self.door.call(
                person,
                shape,
                number=self.number,
                kind="round",
                stream=stream,
                leave_after_s=random.uniform(*ABORT_AFTER_S) if leaves else None,
            )
            await asyncio.sleep(random.uniform(*(PAUSE_S if attempt.answered else REFUSED_PAUSE_S)))


async def probe(door: Door, number: Mapping[str, int], until: asyncio.Event) -> None:
    """Ask for a decision about somebody without credit, at a steady pace, whatever the answers."""
    waiting: set[asyncio.Task[Attempt]] = set()
    while not until.is_set():
        asked = door.call(NOBODY, PROBE_SHAPE, number=number["round"], kind="probe")
        task = asyncio.create_task(asked)
        waiting.add(task)
        task.add_done_callback(waiting.discard)
        await asyncio.sleep(PROBE_EVERY_S)
    if waiting:
        await asyncio.wait(waiting, timeout=CALL_BOUND_S)
