"""Accounting as the callback meets it: its HTTP face in this process, over the real ledger."""

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import asyncpg
import httpx

from accounting.access.record import record_id
from accounting.alarm import raise_once
from accounting.ingest.extend import Extender
from accounting.ingest.http import Face, create_app
from accounting.ingest.intake import Intake
from accounting.ingest.record import Recorder
from accounting.ingest.reports import RECORD
from accounting.pricing import CurrentModels
from accounting.settling.settle import Settler
from credit import ledger
from credit.models import ModelMap
from credit.spool import Spool
from credit.token import Claims, sign
from credit.wording import Wording
from tests.books import Books, a_place
from tests.signed import signed
from tests.unit.door import a_model_map
from tests.unit.evidence import access
from tests.unit.test_token import CLAIMS

REPORT_KEY = b"r" * 32
TOKEN_KEY = b"t" * 32
WEBHOOK_KEY = b"w" * 32
COST_WAIT_S = 10.0
AT_MS = 1_795_000_000_000
BEGAN_S = 1_000_000.0
SPOOL = "5" * 32
# How long accounting has listened when a test begins.
LONG_S = 3_600.0
# What a person has, and what a call of theirs holds, in nano-USD.
CREDIT = 1_000_000_000
HELD = 50_000_000
OTHER_SPOOL = "6" * 32


class Office:
    """Signed requests, and what the ledger says afterwards."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        models: ModelMap | None = None,
        spool: Spool | None = None,
        webhook_keys: Sequence[bytes] = (WEBHOOK_KEY,),
    ) -> None:
        self.pool = pool
        self.books = Books(pool)
        current = CurrentModels(pool)
        current.models = models or a_model_map()
        recorder = Recorder(pool, current, [TOKEN_KEY], 2100)
        self.now_s = BEGAN_S  # by the clock of this process, which has just begun to listen
        self.settler = Settler(pool, current, COST_WAIT_S, lambda: self.now_s)
        wording = Wording("pt-BR", "usd", "", "https://credit.example.com")
        extender = Extender(pool, wording, current)
        self.intake = Intake(spool, probe=partial(ledger.ask_pulse, pool), tell=self._tell)
        self.told: list[tuple[str, dict[str, Any]]] = []
        face = Face(
            recorder,
            self.settler,
            extender,
            [REPORT_KEY],
            self.intake,
            webhook_keys=webhook_keys,
            alarm=partial(raise_once, pool),
        )
        transport = httpx.ASGITransport(create_app(face), raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://accounting")

    async def _tell(self, kind: str, _subject: str, detail: dict[str, Any]) -> None:
        self.told.append((kind, detail))

    async def send(
        self,
        body: bytes,
        path: str = "/v1/reports",
        key: bytes = REPORT_KEY,
        headers: Mapping[str, str] | None = None,
        age_s: int = 0,
    ) -> httpx.Response:
        """One signed request, as the callback made it `age_s` ago."""
        proof = signed(key, body, at_s=int(time.time()) - age_s)
        answer = await self.client.post(path, content=body, headers=proof | dict(headers or {}))
        await self.books.check()
        return answer

    async def report(self, *records: Any) -> tuple[int, int, int]:
        """Send records; recorded, duplicates, quarantined."""
        answer = await self.send(batch(*records))
        assert answer.status_code == 200, answer.text
        tally = answer.json()
        return tally["recorded"], tally["duplicates"], tally["quarantined"]

    async def tell_webhook(
        self, body: bytes, key: bytes = WEBHOOK_KEY, status: int = 200
    ) -> dict[str, Any]:
        """What LiteLLM's own webhook sends."""
        shown = {"authorization": f"Bearer {key.decode()}"}
        answer = await self.client.post("/v1/litellm", content=body, headers=shown)
        assert answer.status_code == status, answer.text
        await self.books.check()
        said: dict[str, Any] = answer.json()
        return said

    async def envoy(self, hold_id: str, age_s: float = 0.0, **changes: Any) -> None:
        """Envoy's entry of how a call ended, on file since some time: 4,000 bytes in, 22,000 streamed out."""
        body = access(**changes)["body"]
        await self.pool.execute(
            "INSERT INTO call_record (id, hold_id, kind, body, at, recorded_at)"
            " VALUES ($1, $2, 'access', $3, now(), now() - make_interval(secs => $4))",
            record_id(hold_id, body["stage"]),
            hold_id,
            body,
            age_s,
        )

    async def placed(self, name: str = "maria", **more: Any) -> tuple[str, str, int]:
        """A person's call has a hold: its id, its token, the account; `more` of the hold."""
        account_id = await self.books.account(CREDIT, name)
        place = replace(a_place(account_id, HELD), **more)
        answers = await ledger.place_batch(self.pool, [place], 2100)
        assert answers[place.hold_id].result == "placed"
        return place.hold_id, token(place.hold_id, account_id), account_id

    def listen(self, seconds: float) -> None:
        """Let this process run for so long, as its pulse notes it."""
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s = min(until_s, self.now_s + 1.0)
            self.settler.hearing.tick()

    async def beat(self, spool: str = SPOOL, age_s: int = 0) -> None:
        """The heartbeat of a callback, sent `age_s` ago."""
        answer = await self.send(batch(spool=spool, looked_ms=0), age_s=age_s)
        assert answer.status_code == 200, answer.text

    async def alarms(self) -> list[str]:
        """The kinds of the alarms raised, in order."""
        return [row["kind"] for row in await self.pool.fetch("SELECT kind FROM alarm ORDER BY id")]

    async def closed(self, hold_id: str) -> tuple[str, str, int] | None:
        """Outcome, reason and captured nanos, or None while it is open."""
        row = await self.pool.fetchrow(
            "SELECT outcome, reason, captured FROM hold_close WHERE hold_id = $1", hold_id
        )
        return None if row is None else (row["outcome"], row["reason"], row["captured"])

    async def exceptions(self) -> list[str]:
        """The kinds of what a person should look at."""
        rows = await self.pool.fetch("SELECT kind FROM exception ORDER BY kind")
        return [row["kind"] for row in rows]

    async def grow_old(self, hold_id: str, records: list[dict[str, Any]], age_s: float) -> None:
        """Put records on file as they came in some time ago: history is only ever inserted."""
        for record in records:
            head = {"id", "token", "hold", "at_ms", "record"}
            body = RECORD.validate_python(record).model_dump(mode="json", exclude=head)
            await self.pool.execute(
                "INSERT INTO call_record (id, hold_id, kind, body, at, recorded_at)"
                " VALUES ($1, $2, $3, $4, now(), now() - make_interval(secs => $5))",
                record["id"],
                hold_id,
                record["record"],
                body,
                age_s,
            )

    async def age(self, hold_id: str, seconds: float) -> None:
        """Let the hold be so much older: placed holds never change, so the guard is lifted for it."""
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")
            await connection.execute(
                "UPDATE hold SET placed_at = placed_at - make_interval(secs => $2) WHERE id = $1",
                hold_id,
                seconds,
            )

    async def make_older(self, seconds: float) -> None:
        """Let all that is on file have come so much earlier, by the same leave."""
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")
            for table, column in (("hold_close", "closed_at"), ("call_record", "recorded_at")):
                await connection.execute(
                    f"UPDATE {table} SET {column} = {column} - make_interval(secs => $1)", seconds
                )

    async def expire(self, hold_id: str) -> None:
        """Let the hold's deadline pass."""
        await self.pool.execute(
            "UPDATE hold_open SET deadline_at = now() - interval '1 second' WHERE hold_id = $1",
            hold_id,
        )

    async def sweep(self) -> None:
        """What the sweeper does each second."""
        ripe = await self.pool.fetch("SELECT hold_id FROM hold_open")
        await self.settler.settle(str(row["hold_id"]) for row in ripe)
        await self.books.check()


def batch(*records: Any, spool: str = SPOOL, **more: Any) -> bytes:
    """The body of a report; without records a heartbeat."""
    head = {"source": "callback", "spool": spool}
    return json.dumps(head | more | {"records": records}).encode()


def token(hold_id: str, account_id: int, key: bytes = TOKEN_KEY, **changes: Any) -> str:
    """What authz signed for a call."""
    claims: Claims = replace(CLAIMS, hold=hold_id, account=str(account_id), **changes)
    return sign(claims, [key])


def head(hold_id: str, token_text: str | None, kind: str) -> dict[str, Any]:
    """The part that all records share."""
    return {
        "record": kind,
        "id": uuid.uuid4().hex,
        "token": token_text,
        "hold": hold_id,
        "at_ms": AT_MS,
    }


def start(hold_id: str, token_text: str | None, **changes: Any) -> dict[str, Any]:
    """1,000 tokens are about to leave."""
    sizes = {"input_bound_tokens": 1_200, "input_count_tokens": 1_000}
    return (
        head(hold_id, token_text, "start") | {"route": "chat", "model": "gpt-4o"} | sizes | changes
    )


def end(
    hold_id: str, token_text: str | None, outcome: str = "ok", **changes: Any
) -> dict[str, Any]:
    """400 characters were delivered, if any."""
    fields = {
        "outcome": outcome,
        "reason": None,
        "chunks": 3 if outcome in {"ok", "aborted"} else 0,
        "output_chars": 400 if outcome in {"ok", "aborted"} else 0,
        "output_bytes": 400 if outcome in {"ok", "aborted"} else 0,
        "first_visible_ms": 500,
        "duration_ms": 2_000,
        "complete": outcome == "ok",
    }
    return head(hold_id, token_text, "end") | fields | changes


def cost(hold_id: str, token_text: str | None, **changes: Any) -> dict[str, Any]:
    """1,000 tokens in and 200 out of gpt-4o: 4,500,000 nano-USD."""
    fields = {
        "status": "success",
        "provider_id": f"chatcmpl-{hold_id[:8]}",
        "model_group": "gpt-4o",
        "model": "gpt-4o",
        "model_id": "id-gpt-4o",
        "provider": "openai",
        "cost_usd": "0.0045",
        "usage": {"prompt_tokens": 1_000, "completion_tokens": 200},
        "ended_ms": AT_MS,
    }
    return head(hold_id, token_text, "cost") | fields | changes
