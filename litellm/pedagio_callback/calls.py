"""The calls this process is in the middle of."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .fence import Fence
from .token import HoldToken

# Far more than a LiteLLM worker runs at once; beyond it the oldest is forgotten, and its end is
# still recorded, from the headers alone.
MOST_CALLS = 20_000


@dataclass
class Seen:
    """What left LiteLLM for the client, in counts: never the text itself."""

    chunks: int = 0
    output_chars: int = 0
    output_bytes: int = 0
    first_visible_s: float | None = None
    finish_reason: str | None = None
    complete: bool = False
    empty_under_clamp: bool = False
    visible_choices: set[int] = field(default_factory=set)
    # A tool or function was called: what else is said is not for a person.
    tools: bool = False
    # What the provider itself counted, where the response says so: tokens by meter.
    usage: Mapping[str, int] | None = None
    # The tier it was served on, where the response says so.
    service_tier: str | None = None

    def show(self, choice: int, texts: Iterable[Any], now_s: float) -> None:
        """Texts that a person or a tool can use were delivered; what is no text is skipped."""
        shown = [text for text in texts if isinstance(text, str) and text]
        if not shown:
            return
        self.output_chars += sum(map(len, shown))
        self.output_bytes += sum(len(text.encode("utf-8", "surrogatepass")) for text in shown)
        self.visible_choices.add(choice)
        if self.first_visible_s is None:
            self.first_visible_s = now_s

    def finish(self, reason: str | None) -> None:
        """A finish reason or a terminal event was seen."""
        self.finish_reason = reason
        self.complete = True


@dataclass
class Call:
    """One call, from the pre-call hook to its end record. Times are monotonic seconds."""

    hold: str
    token_text: str | None
    token: HoldToken | None
    started_s: float
    clamped: bool = False
    stream: bool = False
    limit_tokens: int | None = None
    # The tier asked for; what was answered is in `seen`.
    service_tier: str | None = None
    ended: bool = False
    # The deployment of the newest attempt: what a call without a cost event is priced by.
    model_id: str | None = None
    # An attempt that may have been charged has gone before: the hold covers one call only.
    spent_by: Exception | None = None
    answering: bool = False
    # The answer may end with a line about credit; follows its text.
    fence: Fence | None = None
    seen: Seen = field(default_factory=Seen)

    @property
    def enforced(self) -> bool:
        """Whether anything of ours may refuse or alter this call."""
        return self.token is not None and self.token.mode == "enforce"


class Calls:
    """The table of calls by hold id, bounded."""

    def __init__(self) -> None:
        self._calls: OrderedDict[str, Call] = OrderedDict()

    def add(self, call: Call) -> None:
        """Remember a call; the oldest one is forgotten when the table is full."""
        self._calls[call.hold] = call
        self._calls.move_to_end(call.hold)
        while len(self._calls) > MOST_CALLS:
            self._calls.popitem(last=False)

    def get(self, hold: str) -> Call | None:
        """The call of a hold, ended or not."""
        return self._calls.get(hold)
