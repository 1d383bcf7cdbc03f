"""The signature of what the callback sends to accounting."""

from __future__ import annotations

import hashlib
import hmac


def signed_headers(key: bytes, body: bytes, now_s: int, nonce: str) -> dict[str, str]:
    """Headers of a signed POST: HMAC-SHA256 over timestamp.nonce.body.

    `now_s` is epoch seconds, `nonce` 32 hex digits that are never used twice.
    """
    signed = f"{now_s}.{nonce}.".encode() + body
    signature = hmac.new(key, signed, hashlib.sha256).hexdigest()
    return {
        "content-type": "application/json",
        "x-pedagio-timestamp": str(now_s),
        "x-pedagio-nonce": nonce,
        "x-pedagio-signature": f"v1={signature}",
    }
