"""The line about credit at the end of an answer: who may carry one, and where in the text it goes.

authz words the lines and says them in the token; here they are only added. A person reads an answer of
a chat: tool calls, JSON and the model's talk with itself (LibreChat's memory) are left alone. What is
added goes to the client in a copy: LiteLLM counts and prices what the model said.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .calls import Call
from .fence import Fence
from .observe import FINISHED_BY_LIMIT, content_of, ending_choice

# A line that found no answer to stand under waits for the person's next one in this process.
MOST_OWED = 10_000
OWED_FOR_S = 6 * 3600
ENDS = FINISHED_BY_LIMIT | {"stop"}
# The tools that LibreChat gives to the request that keeps its memory: nobody reads what that one answers.
MEMORY_TOOLS = frozenset({"set_memory", "delete_memory"})


def is_read_by_a_person(body: Mapping[str, Any]) -> bool:
    """Whether the answer to this body is text for a person: not JSON, not several, not LibreChat's memory."""
    form = body.get("response_format")
    if form is not None and not (isinstance(form, dict) and form.get("type") == "text"):
        return False
    if body.get("n") not in (None, 1) or "audio" in _list(body.get("modalities")):
        return False
    functions = [
        tool.get("function") for tool in _list(body.get("tools")) if isinstance(tool, dict)
    ]
    names = [function.get("name") for function in functions if isinstance(function, dict)]
    return not any(name in MEMORY_TOOLS for name in names if isinstance(name, str))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


@dataclass
class Lines:
    """The lines of this process. Once a day is decided by the ledger: here none is said twice."""

    _owed: OrderedDict[str, tuple[str, int]] = field(default_factory=OrderedDict)

    def expect(self, call: Call, body: Mapping[str, Any]) -> None:
        """A call goes upstream: remember what its person is to be told, and whether its answer may say it."""
        token = call.token
        if token is None or not token.cut_line:
            return
        if token.low_line:
            self._owed[token.account] = (token.low_line, token.issued_s)
            while len(self._owed) > MOST_OWED:
                self._owed.popitem(last=False)
        call.fence = Fence() if is_read_by_a_person(body) else None

    def ending(self, call: Call, piece: Any) -> str:
        """What to add to the text that ends in this piece of an answer (a chunk, or all of it); empty: nothing."""
        if call.fence is None:
            return ""
        call.fence.feed(content_of(piece))
        choice = ending_choice(piece)
        if choice is None:
            return ""
        fence, call.fence = call.fence, None
        reason = getattr(choice, "finish_reason", None)
        if reason not in ENDS or call.seen.tools or not call.seen.visible_choices:
            return ""
        cut = call.clamped and reason in FINISHED_BY_LIMIT
        token = call.token
        said = [token.cut_line] if cut and token else []
        said += self._take(call)
        return fence.closing() + "".join(f"\n\n{line}" for line in said) if said else ""

    def _take(self, call: Call) -> list[str]:
        token = call.token
        if token is None:
            return []
        line, issued_s = self._owed.pop(token.account, ("", 0))
        return [line] if line and token.issued_s - issued_s < OWED_FOR_S else []
