"""Milliseconds that the control added to one call: from Envoy's own access log.

From the first byte that Envoy received to the first byte it sent on: reading the body, its
metadata, the decision of authz with its durable hold.
"""

import asyncio
import json
import time
from pathlib import Path
from typing import Final

POLL_S: Final = 0.05
BOUND_S: Final = 3.0
FIELD: Final = "added_us"


async def added_us(access_log: Path, hold_id: str) -> int | None:
    """Microseconds before the call was sent on; None when the log does not say within 3 s."""
    deadline = time.monotonic() + BOUND_S
    while time.monotonic() < deadline:
        lines = (await asyncio.to_thread(access_log.read_text, errors="replace")).splitlines()
        for line in reversed(lines):
            if hold_id in line and line.startswith("{"):
                value = json.loads(line).get(FIELD)
                return int(value) if isinstance(value, int) else None
        await asyncio.sleep(POLL_S)
    return None
