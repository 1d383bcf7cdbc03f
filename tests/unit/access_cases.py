"""What Envoy 1.40 wrote of requests, one of each way a call ends: entry, line, row."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).with_name("data") / "access_log.json"


@dataclass(frozen=True)
class Case:
    """One request: the bytes of its entry, its line, the row both must become (None: only counted)."""

    name: str
    entry: bytes
    line: dict[str, Any]
    row: dict[str, Any] | None


def _read(name: str) -> list[Case]:
    found = json.loads(DATA.read_text(encoding="utf-8"))["cases"]
    return [
        Case(case["name"], base64.b64decode(case["entry"]), case["line"], case["row"])
        for case in found
        if (case["line"] is None) == (name == "progress")
    ]


CASES = _read("end")
(PROGRESS,) = _read("progress")


def case(name: str) -> Case:
    """One of them by its name."""
    return next(each for each in CASES if each.name == name)
