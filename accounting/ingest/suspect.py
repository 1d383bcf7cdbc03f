"""What is kept of a record that was not accepted: enough for a person to look, never its contents."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from accounting.ingest.reports import storable

# Values that tell a person what was wrong; anything that could be a prompt is no such code.
CODE = re.compile(r"[\w.+:-]{1,64}", re.ASCII)
SHOWN = {"record", "id", "hold", "at_ms", "status", "cost_usd"}
FIELDS_SHOWN = 64


def suspect(raw: Any, reason: str) -> dict[str, Any]:
    """The row of a record for quarantine."""
    return {"digest": _digest(raw), "reason": reason, "body": _shape(raw)}


def _digest(raw: Any) -> str:
    try:
        text = json.dumps(raw, sort_keys=True)
    except RecursionError:  # nested beyond reason: its shape tells it apart well enough
        text = json.dumps(_shape(raw), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _shape(raw: Any) -> Mapping[str, Any]:
    """What is kept of a record that was not accepted: its shape, never its contents (they may be a prompt)."""
    if not isinstance(raw, dict):
        return {"type": type(raw).__name__}
    return {
        storable(str(name)[:64]): _shown(name, value)
        for name, value in list(raw.items())[:FIELDS_SHOWN]
    }


def _shown(name: str, value: Any) -> str:
    text = str(value) if isinstance(value, int | str) and name in SHOWN else ""
    return text if CODE.fullmatch(text) else type(value).__name__
