"""Notices to a program of the customer's, signed as Standard Webhooks says (standardwebhooks.com)."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Final

import httpx

from accounting.notify.channel import Notice, RejectedError

TRY_WITHIN_S: Final = 10.0
PREFIX: Final = "whsec_"
# The receiver says that it will never take it; 408 and 429 mean later.
FOR_GOOD: Final = frozenset({400, 404, 410, 413, 415, 422})


class Webhook:
    """Posts each notice as JSON; a repeated delivery carries the same webhook-id."""

    name = "webhook"

    def __init__(
        self,
        url: str,
        secret: str,
        now_s: Callable[[], float] = time.time,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`secret` as `whsec_` and base64, or any text of 24 characters or more."""
        self._url = url
        self._key = _key(secret)
        self._now_s = now_s
        self._transport = transport

    async def deliver(self, notice: Notice) -> None:
        """Return when the receiver answered 2xx."""
        body = json.dumps(
            {
                "type": f"notice.{notice.kind}",
                "timestamp": notice.created_at.isoformat(),
                "data": {
                    "audience": notice.audience,
                    "account_id": notice.account_id,
                    **notice.facts,
                },
            },
            default=str,
        ).encode()
        webhook_id, stamp = f"notice-{notice.id}", str(int(self._now_s()))
        signed = b".".join((webhook_id.encode(), stamp.encode(), body))
        mark = base64.b64encode(hmac.digest(self._key, signed, hashlib.sha256)).decode()
        headers = {
            "content-type": "application/json",
            "webhook-id": webhook_id,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{mark}",
        }
        async with httpx.AsyncClient(transport=self._transport, timeout=TRY_WITHIN_S) as http:
            answer = await http.post(self._url, content=body, headers=headers)
        if answer.status_code in FOR_GOOD:
            raise RejectedError(f"the receiver answered {answer.status_code}")
        answer.raise_for_status()


def _key(secret: str) -> bytes:
    if secret.startswith(PREFIX):
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    return secret.encode()
