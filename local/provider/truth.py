"""The ground-truth log: one JSON line for each call that reached the provider."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO


@dataclass
class TruthCall:
    """What one call consumed, in tokens as the provider would bill them.

    `completion_tokens` includes the reasoning ones; after a disconnect both count what was
    generated until then, seen or hidden. `delivered_tokens` are the visible ones written out.
    `status` is 0 when the connection ended before any answer. Times are epoch seconds: of the request,
    of the last token made (before anybody could have the whole answer; 0: broke off before), of the end.
    """

    endpoint: str
    model: str = ""
    response_id: str = ""
    call_id: str | None = None
    tag: str | None = None
    service_tier: str | None = None
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    images: int = 0
    letters: int = 0  # spoken
    audio_ms: int = 0  # heard
    output_limit: int | None = None
    finish_reason: str | None = None
    stream: bool = False
    finished: bool = False
    disconnected: bool = False
    status: int = 0
    delivered_tokens: int = 0
    started_at: float = 0.0
    completed_at: float = 0.0
    at: float = 0.0


class TruthLog:
    """Appends calls to a file, each flushed at once, so a reader never waits for a buffer."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: TextIO = path.open("a", encoding="utf-8")

    def write(self, call: TruthCall) -> None:
        """Append one line."""
        self._file.write(json.dumps(dataclasses.asdict(call)) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_truth(path: Path | str) -> list[TruthCall]:
    """Every complete line of the log, oldest first; an unfinished last line is left out."""
    names = {field.name for field in dataclasses.fields(TruthCall)}
    file = Path(path)
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    rows = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    return [TruthCall(**{k: v for k, v in row.items() if k in names}) for row in rows]
