"""Server-sent events at the pace of the model: several tokens a chunk when it is fast."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

from aiohttp import web

from local.provider.call import Answer, Call
from local.provider.provider import ConnectionCutError

_HEADERS = {"content-type": "text/event-stream", "cache-control": "no-cache"}


def dumps(value: Any) -> str:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


async def open_stream(request: web.Request, request_id: str) -> web.StreamResponse:
    """Send the headers, as OpenAI does before the first token exists."""
    response = web.StreamResponse(headers=_HEADERS | {"x-request-id": request_id})
    await response.prepare(request)
    return response


async def generate(call: Call) -> AsyncGenerator[list[tuple[int, Answer, str]], None]:
    """Each time new text exists: (index, answer, text) of every choice that grew.

    Ends when all is generated; raises ConnectionCutError at the token of `die_after`. However it
    ends, the truth then holds what existed at that moment, hidden tokens included.
    """
    try:
        while True:
            elapsed = call.elapsed_s()
            grown = [
                (index, answer, text)
                for index, answer in enumerate(call.answers)
                if (text := answer.take(call.progress(answer, elapsed)[1]))
            ]
            if grown:
                yield grown
            if _dead(call, elapsed):
                raise ConnectionCutError
            if elapsed >= call.duration_s:
                break
            chunk_s = call.behaviour.chunk_s
            waits = [answer.plan.next_s(elapsed, chunk_s) for answer in call.answers]
            await asyncio.sleep(max(min(filter(None, waits), default=0.0), 0.001))
    finally:
        call.account(call.elapsed_s())
    call.complete()


async def wait_for_answer(call: Call) -> None:
    """Let the time of a whole answer pass; the same endings as `generate`."""
    async for _ in generate(call):
        pass


def _dead(call: Call, elapsed_s: float) -> bool:
    """The first answer reached the token after which the connection is to break."""
    die_after, first = call.behaviour.die_after, call.answers[0]
    reached = call.progress(first, elapsed_s)[1]
    return die_after is not None and reached >= min(die_after, first.plan.visible_tokens)
