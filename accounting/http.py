"""The HTTP face of accounting: signed reports and extensions from the callback, health."""

import json
import time
from collections.abc import Sequence
from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from accounting.extend import Extender, ExtendRequest
from accounting.record import Recorder
from accounting.settle import Settler
from accounting.signing import is_genuine

BODY_LIMIT_BYTES = 4 * 1024 * 1024
BATCH_LIMIT = 500

log = structlog.get_logger()


def create_app(
    recorder: Recorder, settler: Settler, extender: Extender, report_keys: Sequence[bytes]
) -> FastAPI:
    """The application. 2xx on reports means: on disk here. No schema pages: this face is not for people."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    async def signed_json(request: Request) -> Any:
        body = await _read_limited(request)
        if body is None:
            return _problem(413, "body_too_large")
        if not is_genuine(request.headers, body, report_keys, time.time()):
            log.warning("report_not_genuine", peer=request.client.host if request.client else None)
            return _problem(401, "bad_signature")
        try:
            return json.loads(body)
        except ValueError:
            return _problem(400, "not_json")

    @app.post("/v1/reports")
    async def reports(request: Request) -> JSONResponse:
        body = await signed_json(request)
        if isinstance(body, JSONResponse):
            return body
        records = body.get("records") if isinstance(body, dict) else None
        if not isinstance(records, list) or len(records) > BATCH_LIMIT:
            return _problem(400, "records")
        tally, touched = await recorder.record(records)
        try:
            await settler.settle(touched)
        except (
            OSError,
            asyncpg.PostgresError,
        ) as error:  # recorded already: the sweep closes what this left
            log.warning("settle_postponed", error=type(error).__name__)
        return JSONResponse(
            {
                "recorded": tally.recorded,
                "duplicates": tally.duplicates,
                "quarantined": tally.quarantined,
            }
        )

    @app.post("/v1/extend")
    async def extend(request: Request) -> JSONResponse:
        body = await signed_json(request)
        if isinstance(body, JSONResponse):
            return body
        try:
            asked = ExtendRequest.model_validate(body)
        except ValidationError as error:
            return _problem(400, ",".join(".".join(map(str, e["loc"])) for e in error.errors()))
        return JSONResponse(await extender.extend(asked))

    @app.get("/healthz")
    async def healthz() -> JSONResponse:
        return JSONResponse({"status": "serving"})

    @app.exception_handler(Exception)
    async def unavailable(_: Request, error: Exception) -> JSONResponse:
        log.error("request_failed", error=type(error).__name__)
        return _problem(503, "unavailable")

    return app


async def _read_limited(request: Request) -> bytes | None:
    """The body, or None when it is larger than any honest batch."""
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > BODY_LIMIT_BYTES:
            return None
    return bytes(read)


def _problem(status: int, code: str) -> JSONResponse:
    return JSONResponse({"error": code}, status_code=status)
