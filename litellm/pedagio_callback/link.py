"""The two ways to accounting: batches of records from a thread, extensions from the loop."""

from __future__ import annotations

import secrets
import time

import httpx

from .signing import signed_headers

REPORT_TIMEOUT_S = 10.0
EXTEND_ATTEMPT_TIMEOUT_S = 0.3
# Below the idle time after which servers hang up, so that a request rarely meets a dead socket.
KEEP_ALIVE_S = 3.0
LIMITS = httpx.Limits(max_connections=64, keepalive_expiry=KEEP_ALIVE_S)


class ReportLink:
    """Posts signed batches; blocking, for the shipper's thread."""

    def __init__(self, url: str, key: bytes) -> None:
        self._url = f"{url}/v1/reports"
        self._key = key
        self._client = httpx.Client(timeout=REPORT_TIMEOUT_S, limits=LIMITS, trust_env=False)

    def __call__(self, body: bytes) -> int:
        """The HTTP status; raises OSError when there is no answer."""
        try:
            response = self._client.post(self._url, content=body, headers=_sign(self._key, body))
        except httpx.HTTPError as error:
            raise OSError(type(error).__name__) from error
        return response.status_code


class ExtendLink:
    """Posts signed extensions; for the event loop."""

    def __init__(self, url: str, key: bytes) -> None:
        self._url = f"{url}/v1/extend"
        self._key = key
        self._client: httpx.AsyncClient | None = None

    async def __call__(self, body: bytes) -> tuple[int, bytes]:
        """Status and body; raises OSError when there is no answer."""
        try:
            return await self._post(body)
        except httpx.TransportError:
            # A kept connection that the server has just closed; totals make asking twice safe.
            pass
        try:
            return await self._post(body)
        except httpx.HTTPError as error:
            raise OSError(type(error).__name__) from error

    async def _post(self, body: bytes) -> tuple[int, bytes]:
        if self._client is None:
            self._client = httpx.AsyncClient(
                timeout=EXTEND_ATTEMPT_TIMEOUT_S, limits=LIMITS, trust_env=False
            )
        response = await self._client.post(self._url, content=body, headers=_sign(self._key, body))
        return response.status_code, response.content


def _sign(key: bytes, body: bytes) -> dict[str, str]:
    return signed_headers(key, body, int(time.time()), secrets.token_hex(16))
