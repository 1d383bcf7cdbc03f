"""The HTTP face of accounting: signed reports and extensions from the callback, health."""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import ValidationError

from accounting.ingest import webhook
from accounting.ingest.extend import Extender, ExtendRequest
from accounting.ingest.intake import Intake
from accounting.ingest.record import Recorder, Tally, reduce
from accounting.ingest.reports import looked_s, spool_name
from accounting.ingest.signing import is_bearer, is_genuine
from accounting.metrics import REPORTS, exposition
from accounting.settling.settle import Settler
from credit.away import is_away

BODY_LIMIT_BYTES = 4 * 1024 * 1024
# LiteLLM's webhook carries whole conversations, a batch of them at once.
WEBHOOK_LIMIT_BYTES = 32 * 1024 * 1024
BATCH_LIMIT = 500
TAKEN = (200, 202)
FORGED_QUIET_S = 60.0
UNSETTLED = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
# Longer than any batch takes, shorter than the callback waits for the answer.
RECORD_WITHIN_S = 4.0

# (kind, subject, detail): a row for whoever must be told.
Alarm = Callable[[str, str, dict[str, Any]], Awaitable[None]]

log = structlog.get_logger()


class Face:
    """The routes; each answers a signed JSON body. 2xx on reports means: on disk here."""

    def __init__(
        self,
        recorder: Recorder,
        settler: Settler,
        extender: Extender,
        report_keys: Sequence[bytes],
        intake: Intake,
        *,
        webhook_keys: Sequence[bytes] = (),
        alarm: Alarm | None = None,
    ) -> None:
        """`report_keys`: the live secrets of the callback; `intake` keeps reports while Postgres is away.

        `webhook_keys`: those of LiteLLM's webhook, which is not served without; `alarm` tells of forgeries.
        """
        self._webhook_keys = webhook_keys
        self._alarm = alarm
        self._forged_until_s = 0.0
        self._recorder = recorder
        self._settler = settler
        self._extender = extender
        self._intake = intake
        intake.on("report", self._replay)
        intake.on("quarantine", recorder.quarantine)
        self._report_keys = report_keys

    async def reports(self, request: Request) -> JSONResponse:
        """Record a batch, then close what it ends."""
        body = await self._signed_json(request)
        if isinstance(body, JSONResponse):
            return body
        records = body.get("records") if isinstance(body, dict) else None
        if not isinstance(records, list) or len(records) > BATCH_LIMIT:
            return _problem(400, "records")
        spool = spool_name(body)
        if not records:  # the callback's heartbeat: it has nothing left to tell
            if self._intake.settled:  # else what it told may wait on this disk
                self._settler.hearing.beat(spool, _age_s(request), looked_s(body))
            return JSONResponse(asdict(Tally(0, 0, 0)))
        self._settler.hearing.report(spool)
        return await self._take(records)

    async def litellm(self, request: Request) -> JSONResponse:
        """Record what LiteLLM's own webhook tells: the lesser way, and the same debits."""
        if not self._webhook_keys:
            return _problem(404, "not_served")
        if not is_bearer(request.headers.get("authorization", ""), self._webhook_keys):
            return await self._forged(request)
        body = await _read_limited(request, WEBHOOK_LIMIT_BYTES)
        if body is None:
            return _problem(413, "body_too_large")
        told = await asyncio.to_thread(webhook.payloads, body)
        if told is None:
            return _problem(400, "not_json")
        records = [one for one in map(webhook.cost_record, told) if one is not None]
        for first in range(0, len(records), BATCH_LIMIT):
            answer = await self._take(records[first : first + BATCH_LIMIT])
            if answer.status_code not in TAKEN:
                return answer
        return JSONResponse({"taken": len(records), "free": len(told) - len(records)})

    async def _take(self, records: Sequence[Any]) -> JSONResponse:
        """Into the ledger, else onto this disk; behind what waits there, so that the first report stands."""
        if not self._intake.settled:
            return await self._keep(records)
        try:
            async with asyncio.timeout(RECORD_WITHIN_S):
                tally, touched = await self._recorder.record(records)
        except Exception as error:
            if not is_away(error):
                raise
            self._intake.lost(error)
            return await self._keep(records)
        await self._conclude(tally, touched)
        return JSONResponse(asdict(tally))

    async def _conclude(self, tally: Tally, touched: set[str]) -> None:
        """Count what is recorded, close what it ends."""
        for result, count in asdict(tally).items():
            REPORTS.labels(result).inc(count)
        try:
            await self._settler.settle(touched, by_deadline=False)
        except UNSETTLED as error:  # recorded: the sweep closes what this left
            log.warning("settle_postponed", error=type(error).__name__)

    async def _keep(self, records: Sequence[Any]) -> JSONResponse:
        """202: on this disk, reduced to what may be stored; 503: not, so the callback keeps them."""
        if not await self._intake.keep_mixed([reduce(record) for record in records]):
            return _problem(503, "unavailable")
        REPORTS.labels("spooled").inc(len(records))
        return JSONResponse({"spooled": len(records)}, status_code=202)

    async def _replay(self, records: list[Any]) -> None:
        await self._conclude(*await self._recorder.record(records))

    async def extend(self, request: Request) -> JSONResponse:
        """Raise a hold."""
        body = await self._signed_json(request)
        if isinstance(body, JSONResponse):
            return body
        try:
            asked = ExtendRequest.model_validate(body)
        except ValidationError as error:
            fields = [".".join(map(str, problem["loc"])) for problem in error.errors()]
            return _problem(400, ",".join(fields))
        if self._intake.away:  # the callback waits 0.3 s: better told at once
            return _problem(503, "unavailable")
        return JSONResponse(await self._extender.extend(asked))

    async def metrics(self) -> Response:
        """What this process counts; for Prometheus, which no secret is needed for."""
        return Response(exposition(), media_type=CONTENT_TYPE_LATEST)

    async def healthz(self) -> JSONResponse:
        """Whether this process answers."""
        return JSONResponse({"status": "serving"})

    async def _signed_json(self, request: Request) -> Any:
        """The body of a genuine request, else the answer that turns it away."""
        body = await _read_limited(request)
        if body is None:
            return _problem(413, "body_too_large")
        if not is_genuine(request.headers, body, self._report_keys, time.time()):
            return await self._forged(request)
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            return _problem(400, "not_json")

    async def _forged(self, request: Request) -> JSONResponse:
        """Turn away who has no live key, and say so: at most an alarm an hour, whoever knocks how often."""
        peer = request.client.host if request.client else ""
        log.warning("report_not_genuine", peer=peer)
        REPORTS.labels("forged").inc()
        if self._alarm is not None and self._forged_until_s < time.monotonic():
            self._forged_until_s = time.monotonic() + FORGED_QUIET_S
            with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError):
                await self._alarm("report_forged", "accounting", {"peer": peer})
        return _problem(401, "bad_signature")


def create_app(face: Face) -> FastAPI:
    """The application; no schema pages, since this face is not for people."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.add_api_route("/v1/reports", face.reports, methods=["POST"])
    app.add_api_route("/v1/litellm", face.litellm, methods=["POST"])
    app.add_api_route("/v1/extend", face.extend, methods=["POST"])
    app.add_api_route("/healthz", face.healthz, methods=["GET"])
    app.add_api_route("/metrics", face.metrics, methods=["GET"])
    app.add_exception_handler(Exception, _unavailable)
    return app


async def _unavailable(_: Request, error: Exception) -> JSONResponse:
    """Anything unexpected: not recorded as far as the sender may know, so it sends again."""
    log.error("request_failed", error=type(error).__name__)
    return _problem(503, "unavailable")


async def _read_limited(request: Request, limit_bytes: int = BODY_LIMIT_BYTES) -> bytes | None:
    """The body, or None when it is larger than any honest batch."""
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > limit_bytes:
            return None
    return bytes(read)


def _age_s(request: Request) -> float:
    """Seconds since a genuine request was signed, by two clocks; a request may wait long to be read."""
    return time.time() - int(request.headers["x-pedagio-timestamp"])


def _problem(status: int, code: str) -> JSONResponse:
    return JSONResponse({"error": code}, status_code=status)
