"""The headers by which accounting knows a callback, written down apart from the product's own code."""

import hmac
import time
import uuid


def signed(key: bytes, body: bytes, *, at_s: int | None = None) -> dict[str, str]:
    """Sign a body, now or as if at `at_s` epoch seconds (docs/reference/reports.md)."""
    timestamp = str(int(time.time()) if at_s is None else at_s)
    nonce = uuid.uuid4().hex
    mark = hmac.new(key, f"{timestamp}.{nonce}.".encode() + body, "sha256").hexdigest()
    return {
        "x-pedagio-timestamp": timestamp,
        "x-pedagio-nonce": nonce,
        "x-pedagio-signature": f"v1={mark}",
    }
