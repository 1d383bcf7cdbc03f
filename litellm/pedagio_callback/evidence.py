"""What happened to a call: exactly one end record, and a cost record per charged event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import flat, observe, records
from .calls import Call, Calls
from .journal import Journal
from .lines import Lines
from .refusal import EMPTY_UNDER_CLAMP, Sentences, reference
from .token import HoldToken, TokenError, read_token

TOKEN_HEADER = "x-pedagio-hold"  # noqa: S105 - the name of a header


@dataclass
class Evidence:
    """Follows calls to their end. `clock` is monotonic seconds, `now_ms` epoch milliseconds."""

    keys: Sequence[bytes]
    calls: Calls
    journal: Journal
    sentences: Sentences
    clock: Callable[[], float]
    now_ms: Callable[[], int]
    new_id: Callable[[], str]
    lines: Lines = field(default_factory=Lines)

    def call_of(self, call_id: str, headers: Mapping[str, Any]) -> Call:
        """The call of an id; one that no pre-call hook has seen is known by its headers."""
        known = self.calls.get(call_id) if call_id else None
        if known is not None:
            return known
        text = headers.get(TOKEN_HEADER)
        token = self._token(text) if isinstance(text, str) else None
        # LiteLLM may fail before it has given the call its id: the token still names the hold.
        hold = call_id or (token.hold if token else "")
        known = self.calls.get(hold)
        if known is not None:
            return known
        call = Call(hold, text if token else None, token, self.clock())
        self.calls.add(call)
        return call

    def _token(self, text: str) -> HoldToken | None:
        try:
            return read_token(text, self.keys)
        except TokenError:
            return None

    def end(self, call: Call, outcome: str, reason: str | None, field: str | None = None) -> None:
        """Write the end record, unless one of the other hooks was first."""
        if call.ended:
            return
        call.ended = True
        duration_ms = max(0, round((self.clock() - call.started_s) * 1000))
        record = records.end_record(
            call,
            outcome,
            reason,
            self.new_id(),
            self.now_ms(),
            duration_ms=duration_ms,
            field=field,
        )
        self.journal.write_or_log(record)

    def cost(self, call: Call, payload: Mapping[str, Any], service_tier: Any) -> None:
        """Write what LiteLLM says the call, or an attempt of it, consumed."""
        record = records.cost_record(call, payload, service_tier, self.new_id(), self.now_ms())
        if call.token is None and record["status"] == "failure" and record["cost_usd"] == "0":
            return  # turned away before our hook, and free: nothing that accounting could use
        self.journal.write_or_log(record)

    def failed(self, call: Call, error: Exception) -> None:
        """The call has failed after all its attempts.

        Turned away before our hook it has neither token nor hold: nothing to close, nothing to tell.
        """
        if call.token is None:
            return
        self.end(call, "failed", failure_code(error))

    def answered(self, call: Call, response: Any) -> None:
        """A whole response is about to be delivered; an empty one under our clamp is explained."""
        observe.response_seen(call.seen, response, self.clock())
        if call.clamped:
            for choice in observe.empty_choices(call.seen, response):
                choice.message.content = self._explain(call)
            call.seen.empty_under_clamp |= observe.empty_by_limit(call.seen)
        self._add_line(call, response)
        self.end(call, "ok", None)

    def priced(self, call: Call) -> None:
        """LiteLLM has priced a whole answer: of audio and moderations it tells in no other way that they ended."""
        if call.token is not None and call.token.route in flat.ROUTES:
            call.seen.complete = True
            self.end(call, "ok", None)

    async def watch(self, call: Call, response: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Pass a stream through, counting; its end is recorded however it ends."""
        outcome, reason = "aborted", None
        call.answering = True
        try:
            async for chunk in response:
                yield self._passed(call, chunk)
            outcome = "ok"
        except asyncio.CancelledError:
            raise
        except Exception as error:
            outcome, reason = "failed", failure_code(error)
            raise
        finally:
            self.end(call, outcome, reason)

    def _passed(self, call: Call, chunk: Any) -> Any:
        observe.chunk_seen(call.seen, chunk, self.clock())
        added = self.lines.ending(call, chunk)
        if added:
            longer = chunk.model_copy(deep=True)
            delta = longer.choices[0].delta
            delta.content = f"{delta.content or ''}{added}"
            return longer
        if not call.clamped:
            return chunk
        if observe.empty_by_limit(call.seen):
            call.seen.empty_under_clamp = True
        if not observe.empty_choices(call.seen, chunk):
            return chunk
        call.seen.empty_under_clamp = True
        # LiteLLM keeps the chunk it gave us to rebuild the answer from: change a copy.
        explained = chunk.model_copy(deep=True)
        for choice in observe.empty_choices(call.seen, explained):
            choice.delta.content = self._explain(call)
        return explained

    def _add_line(self, call: Call, response: Any) -> None:
        """Under a whole answer; where LiteLLM gave it a cost already, and its usage is the provider's."""
        added = self.lines.ending(call, response)
        if added:
            message = response.choices[0].message
            message.content = f"{message.content or ''}{added}"

    def _explain(self, call: Call) -> str:
        language = call.token.language if call.token else "en"
        return self.sentences.say(EMPTY_UNDER_CLAMP, language, {"ref": reference(call.hold)})


def failure_code(error: BaseException) -> str:
    """A short code for a failure; its text may hold what a person wrote, so it never leaves."""
    status = getattr(error, "status_code", None)
    return f"status_{status}" if type(status) is int else "error"
