"""Who may report: HMAC over timestamp, nonce and body, in a window of five minutes.

Reports are idempotent by record id, so a replay inside the window changes nothing and
nonces need not be remembered.
"""

import hmac
import re
from collections.abc import Mapping, Sequence

WINDOW_S = 300
# Fixed forms: bytes cannot be moved between the nonce and the body under one signature.
TIMESTAMP = re.compile(r"[0-9]{1,12}")
NONCE = re.compile(r"[0-9a-f]{32}")


def is_genuine(
    headers: Mapping[str, str], body: bytes, keys: Sequence[bytes], now_s: float
) -> bool:
    """Whether one of the live keys signed this body recently; constant time in the keys."""
    timestamp = headers.get("x-pedagio-timestamp", "")
    nonce = headers.get("x-pedagio-nonce", "")
    version, _, signature = headers.get("x-pedagio-signature", "").partition("=")
    if version != "v1" or not TIMESTAMP.fullmatch(timestamp) or not NONCE.fullmatch(nonce):
        return False
    signed = f"{timestamp}.{nonce}.".encode() + body
    given = signature.encode(errors="replace")
    matches = [
        hmac.compare_digest(given, hmac.new(key, signed, "sha256").hexdigest().encode())
        for key in keys
    ]
    return any(matches) and abs(now_s - int(timestamp)) <= WINDOW_S


def is_bearer(header: str, keys: Sequence[bytes]) -> bool:
    """Whether an authorization header shows one of the live keys; every key is compared, in constant time."""
    scheme, _, shown = header.partition(" ")
    given = shown.strip().encode()
    matches = [hmac.compare_digest(given, key) for key in keys]
    return scheme.lower() == "bearer" and any(matches)
