"""An HTTP proxy before accounting's ingest that loses, delays, doubles, reorders or contradicts reports.

It knows the key that signs reports, as a hostile network could not: what it changes is genuine to
accounting, so only the ledger's own rules can hold.
"""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any, Final

import aiohttp
from aiohttp import web

from tests.signed import signed

BODY_LIMIT_BYTES: Final = 8 * 1024 * 1024
UPSTREAM_BOUND_S: Final = 12.0
LATE_S: Final = (0.5, 2.5)
ACCEPTED: Final = (200, 202)

Answer = tuple[int, bytes]


class ReportsProxy:
    """Forwards every path; `mischief` names what happens to batches of reports, '' nothing."""

    def __init__(self, url: str, report_key: str, random: Random) -> None:
        """`url`: accounting's ingest, without a path."""
        self.mischief = ""
        self.meddled = 0
        self._url = url
        self._key = report_key.encode()
        self._random = random
        self._spool = ""
        self._session: aiohttp.ClientSession | None = None
        self._does: Mapping[str, Callable[[bytes], Awaitable[Answer]]] = {
            "lost": self._lose,
            "late": self._delay,
            "doubled": self._double,
            "reordered": self._reorder,
            "conflicting": self._contradict,
        }

    async def handle(self, request: web.Request) -> web.Response:
        """One request of the callback."""
        body = await request.read()
        does = self._does.get(self.mischief) if request.path == "/v1/reports" else None
        try:
            if does is None:
                status, answer = await self._send(request.path, body, request.headers)
            else:
                self.meddled += 1
                self._spool = json.loads(body).get("spool", "")
                status, answer = await does(body)
        except (aiohttp.ClientError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)
        return web.Response(status=status, body=answer, content_type="application/json")

    async def close(self) -> None:
        """Close the connections to accounting."""
        if self._session is not None:
            await self._session.close()

    async def _send(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=UPSTREAM_BOUND_S)
            self._session = aiohttp.ClientSession(timeout=timeout)
        kept = {k: v for k, v in headers.items() if k.lower().startswith("x-pedagio-")}
        async with self._session.post(f"{self._url}{path}", data=body, headers=kept) as answer:
            return answer.status, await answer.read()

    async def _report(self, records: list[Any]) -> Answer:
        body = json.dumps({"source": "callback", "spool": self._spool, "records": records}).encode()
        return await self._send("/v1/reports", body, signed(self._key, body))

    async def _lose(self, body: bytes) -> Answer:
        """Lost on the way there, or the answer is lost on the way back."""
        if self._random.random() < 0.5:
            await self._report(_records(body))
        raise TimeoutError

    async def _delay(self, body: bytes) -> Answer:
        await asyncio.sleep(self._random.uniform(*LATE_S))
        return await self._report(_records(body))

    async def _double(self, body: bytes) -> Answer:
        records = _records(body)
        one, other = await asyncio.gather(self._report(records), self._report(records))
        return one if one[0] not in ACCEPTED else other

    async def _reorder(self, body: bytes) -> Answer:
        records = _records(body)
        self._random.shuffle(records)
        answer: Answer = (200, b"{}")
        for record in records:
            answer = await self._report([record])
            if answer[0] not in ACCEPTED:
                break
        return answer

    async def _contradict(self, body: bytes) -> Answer:
        """The genuine ones first; then each success again under another id, with another cost."""
        records = _records(body)
        answer = await self._report(records)
        changed = [self._changed(record) for record in records if _is_success(record)]
        if answer[0] in ACCEPTED and changed:
            await self._report(changed)
        return answer

    def _changed(self, record: dict[str, Any]) -> dict[str, Any]:
        factor = self._random.choice((3, 7))
        usage = {name: count * factor for name, count in record["usage"].items()}
        cost = str(float(record["cost_usd"]) * factor)
        return {**record, "id": secrets.token_hex(16), "usage": usage, "cost_usd": cost}


def _records(body: bytes) -> list[Any]:
    records: list[Any] = json.loads(body)["records"]
    return records


def _is_success(record: Mapping[str, Any]) -> bool:
    exact = record.get("status") == "success" and record.get("error_code") is None
    return record.get("record") == "cost" and exact
