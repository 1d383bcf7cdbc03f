"""Requests sent byte for byte as a careless or hostile program would, with the damage they did.

`Intruder` sends and remembers; `check_unharmed` says what must be true after every test, whatever
was sent: only answered calls reached the provider, the debit is theirs to the nano, nothing stays
reserved, no word of a prompt was kept, and a good call of the same person is answered.
"""

import asyncio
import http.client
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from credit.prices import Price
from local.office import Office
from local.provider.truth import TruthCall, read_truth
from local.stack import Stack
from local.story.books import truth_nanos
from local.story.chat import Person, sentence_of

CHAT, RESPONSES, EMBEDDINGS = "/v1/chat/completions", "/v1/responses", "/v1/embeddings"
MODEL = "gpt-4o-mini"
# Stands in every prompt that is sent here, and may be found nowhere afterwards.
SECRET = "segredo que ninguem guarda"
TEXT = f"{SECRET} [[tokens=5]]"
CREDIT_NANOS = 10**9
ANSWER_BOUND_S = 30.0
# Well below the deadline of a hold: what is free by then was freed by evidence.
FREE_WITHIN_S = 10.0
LIBRECHAT, PLAIN = "librechat", "plain"
# Tables that take what clients and reports say, each with the time of its rows.
TAKING = {
    "decision": "decided_at",
    "call_record": "recorded_at",
    "usage_event": "recorded_at",
    "usage_conflict": "recorded_at",
    "usage_quarantine": "recorded_at",
    "exception": "recorded_at",
    "hold": "placed_at",
}
KEPT = " UNION ALL ".join(
    f"SELECT t::text AS t FROM {table} AS t WHERE strpos(t::text, $1) > 0 AND t.{time} >= $2"
    for table, time in TAKING.items()
)
EXPLAINED = """
    SELECT d.reason FROM decision AS d WHERE d.hold_id = $1 AND d.kind = 'refuse'
    UNION ALL
    SELECT c.reason FROM hold_close AS c
    WHERE c.hold_id = $1 AND c.outcome = 'released' AND c.captured = 0"""

Headers = tuple[tuple[str, str], ...]
Eventually = Callable[..., Awaitable[None]]


@dataclass(frozen=True)
class Answer:
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def hold_id(self) -> str:
        """Envoy's request id, which names the hold where there is one."""
        return self.headers.get("x-request-id", "")

    @property
    def error(self) -> dict[str, Any]:
        """The OpenAI error object."""
        found: dict[str, Any] = json.loads(self.body)["error"]
        return found

    @property
    def sentence(self) -> str:
        """What the person reads."""
        return sentence_of(self.error)


def chat_body(**more: object) -> bytes:
    """A good chat, with members added or replaced."""
    messages = [{"role": "user", "content": TEXT}]
    return json.dumps({"model": MODEL, "messages": messages, **more}).encode()


def chat_with(member: str) -> bytes:
    """A good chat with one more member, given as the very text of the JSON."""
    return chat_body()[:-1] + b"," + member.encode() + b"}"


def send_raw(url: str, method: str, path: str, headers: Headers, body: bytes) -> Answer:
    """Send exactly this, duplicates and all, on a connection of its own; blocks."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.netloc, timeout=ANSWER_BOUND_S)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body or None)
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())
    finally:
        connection.close()


@dataclass(frozen=True)
class Balance:
    """An account since its intruder came, in nano-USD."""

    spent_nanos: int
    held_nanos: int


@dataclass(repr=False)  # it holds the whole price book
class Intruder:
    """A person with credit who sends what nobody should; `check_unharmed` finds the damage."""

    stack: Stack
    office: Office
    database: "asyncpg.Connection[asyncpg.Record]"
    prices: Mapping[str, Price]
    eventually: Eventually
    who: Person
    had_nanos: int
    came_at: datetime
    let_through: int = 0  # calls that were to reach the provider
    before: int = field(init=False)
    leaked: set[Path] = field(init=False)

    def __post_init__(self) -> None:
        self.before = len(read_truth(self.stack.truth_path))
        self.leaked = set(leaks(self.stack.state_folder))

    def headers(self, *changed: tuple[str, str], without: str = "") -> Headers:
        """What the client sends for this person; a changed name replaces, a repeated one is sent twice."""
        usual = {"content-type": "application/json", **self.who.headers}
        dropped = {name for name, _ in changed} | {without}
        if not self.who.name:  # a service client speaks for itself
            dropped.add("x-user-id")
        return (*((n, v) for n, v in usual.items() if n not in dropped), *changed)

    async def send(
        self,
        body: bytes = b"",
        path: str = CHAT,
        *,
        method: str = "POST",
        headers: Headers | None = None,
        url: str = "",
    ) -> Answer:
        """Send one request through Envoy (or straight to `url`)."""
        answer = await asyncio.to_thread(
            send_raw, url or self.stack.envoy_url, method, path, headers or self.headers(), body
        )
        self.let_through += answer.status == http.client.OK and path != "/v1/models"
        return answer

    async def refused(self, body: bytes, status: int, code: str, field_name: str = "") -> Answer:
        """Send a chat that must be refused like this, and can be explained afterwards."""
        answer = await self.send(body)
        check_refusal(answer, status, code, field_name, style=self.who.client)
        await self.explained(answer, code)
        return answer

    async def explained(self, answer: Answer, code: str) -> None:
        """Wait until the ledger knows the reference and its reason."""

        async def known() -> bool:
            rows = await self.database.fetch(EXPLAINED, answer.hold_id)
            return [row["reason"] for row in rows] == [code]

        await self.eventually(known, f"{answer.hold_id} is explained as {code}", FREE_WITHIN_S)

    async def balance(self) -> Balance:
        """What this person was debited since, and what is reserved now."""
        account = await self.office.balance(self.who.client, self.who.name)
        return Balance(self.had_nanos - account.posted_nanos, account.held_nanos)

    def reached(self) -> Sequence[TruthCall]:
        """The calls that reached the provider since this intruder came."""
        return read_truth(self.stack.truth_path)[self.before :]


def told_by_the_callback(stack: Stack, records: Sequence[Any]) -> bytes:
    """A batch as the callback's own spool would send it.

    Under another name a spool would seem to live that never vouches for itself, and for ten minutes no silence
    would prove that a call had not begun: holds of calls that LiteLLM refused would stay open for so long.
    """
    spool = (stack.spool_folder / "name").read_text(encoding="ascii")
    return json.dumps({"source": "callback", "spool": spool, "records": records}).encode()


async def check_unharmed(intruders: Sequence[Intruder]) -> None:
    """Whatever they sent: nothing debited but answered calls, nothing held, leaked or broken."""
    first = intruders[0]
    reached = first.reached()
    let_through = sum(one.let_through for one in intruders)
    assert len(reached) == let_through, f"{let_through} were let through, not {reached}"
    cost_nanos = sum(truth_nanos(call, first.prices) for call in reached)

    async def settled() -> bool:
        balances = [await one.balance() for one in intruders]
        spent_nanos = sum(balance.spent_nanos for balance in balances)
        assert spent_nanos <= cost_nanos, f"{spent_nanos} nano-USD debited for {reached}"
        return spent_nanos == cost_nanos and not any(balance.held_nanos for balance in balances)

    what = "nothing is held, and what was answered is debited"
    await first.eventually(settled, what, FREE_WITHIN_S)
    kept = [row["t"] for row in await first.database.fetch(KEPT, SECRET, first.came_at)]
    assert not kept, "Postgres keeps a prompt"
    assert set(leaks(first.stack.state_folder)) <= first.leaked, "a file keeps a prompt"
    for one in intruders:
        good = await one.send(chat_body())
        assert good.status == http.client.OK, good.body


def check_refusal(answer: Answer, status: int, code: str, field_name: str, *, style: str) -> None:
    """The whole form of a refusal: status, OpenAI's object, one sentence, its reference, no retry."""
    error = answer.error
    assert (answer.status, error["code"], error["type"]) == (status, code, code), answer.body
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-should-retry"] == "false"
    assert error["param"] == (field_name or None)
    shown = answer.sentence
    # Strangers are not written down: a reference would find nothing.
    assert (f"ref. {answer.hold_id[:6]}" in shown) == (code != "unknown_key")
    assert field_name in shown
    assert len(shown) <= 200
    if style == LIBRECHAT:
        inner = {"type": "google_error", "info": shown}
        assert json.loads(error["message"]) == inner
        assert "foi cobrado" in shown or code != "bad_request"
    else:
        assert error["message"] == shown


def leaks(folder: Path, *, postgres: bool = False) -> list[Path]:
    """Files of the state folder in which a prompt can be read; `postgres`: also in its own files."""
    parts = [part for part in folder.iterdir() if postgres or part.name != "postgres"]
    files = [path for part in parts for path in (part, *part.rglob("*")) if path.is_file()]
    return [path for path in files if SECRET.encode() in _content(path)]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # shipped and removed while we looked
        return b""
