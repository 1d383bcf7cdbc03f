"""`POST /v1/responses`: the items of a response, and the events that tell of them."""

import time
import uuid
from contextlib import aclosing
from typing import Any

from aiohttp import web

from local.provider.call import Answer, Call
from local.provider.prompt import prompt_of_responses
from local.provider.provider import ApiError, Provider
from local.provider.stream import dumps, generate, open_stream, wait_for_answer
from local.provider.truth import TruthCall


async def respond(
    provider: Provider, request: web.Request, truth: TruthCall, body: dict[str, Any]
) -> web.StreamResponse:
    """Answer a response request, streamed or whole. Raises ApiError.

    What a later call continues with `previous_response_id` is remembered by its size only.
    """
    if not body.get("input"):
        raise ApiError(400, "Missing required parameter: 'input'.", "missing", "input")
    truth.response_id = f"resp_{uuid.uuid4().hex}"
    call = await provider.read(truth, body | {"n": None}, prompt_of_responses(body))
    reply = _Reply(call)
    if truth.stream:
        response = await _stream(reply, request)
    else:
        await wait_for_answer(call)
        headers = {"x-request-id": truth.response_id}
        response = web.json_response(reply.whole(done=True), headers=headers)
    if body.get("store") is not False:
        size = truth.prompt_tokens + truth.completion_tokens - truth.reasoning_tokens
        provider.remember(truth.response_id, call.behaviour.remember or size)
    return response


class _Reply:
    """The JSON objects of one response; a fresh copy each time they are asked for."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.answer: Answer = call.answers[0]
        self.created_at = int(time.time())
        self.reasoned = self.answer.plan.reasoning_tokens > 0
        self.reasoning_id = f"rs_{uuid.uuid4().hex}"
        self.message_id = f"{'fc' if self.answer.tool else 'msg'}_{uuid.uuid4().hex}"
        self.tool_id = f"call_{uuid.uuid4().hex[:24]}"

    @property
    def cut(self) -> bool:
        """The limit ended the answer."""
        return self.answer.finish_reason == "length"

    def reasoning(self) -> dict[str, Any]:
        """The item that stands for hidden tokens; it shows none of them."""
        return {"id": self.reasoning_id, "type": "reasoning", "summary": []}

    def part(self, text: str) -> dict[str, Any]:
        """The content part of a message."""
        return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}

    def item(self, *, done: bool) -> dict[str, Any]:
        """The message or function call, empty while it is in progress."""
        status = ("incomplete" if self.cut else "completed") if done else "in_progress"
        item: dict[str, Any] = {"id": self.message_id, "status": status}
        text = self.answer.text if done else ""
        if self.answer.tool:
            named = {"call_id": self.tool_id, "name": self.answer.tool, "arguments": text}
            return item | {"type": "function_call"} | named
        content = [self.part(text)] if done else []
        return item | {"type": "message", "role": "assistant", "content": content}

    def items(self) -> list[dict[str, Any]]:
        """All items of the finished response; no message when reasoning used the limit up."""
        message = [self.item(done=True)] if self.answer.pieces else []
        return ([self.reasoning()] if self.reasoned else []) + message

    def whole(self, *, done: bool) -> dict[str, Any]:
        """The response object."""
        body, truth = self.call.body, self.call.truth
        status = ("incomplete" if self.cut else "completed") if done else "in_progress"
        usage = self.call.responses_usage() if done and self.call.behaviour.usage else None
        return {
            "id": truth.response_id,
            "object": "response",
            "created_at": self.created_at,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if done and self.cut else None,
            "instructions": body.get("instructions"),
            "max_output_tokens": body.get("max_output_tokens"),
            "model": truth.model,
            "output": self.items() if done else [],
            "parallel_tool_calls": True,
            "previous_response_id": body.get("previous_response_id"),
            "reasoning": body.get("reasoning") or {"effort": None, "summary": None},
            "service_tier": truth.service_tier,
            "store": body.get("store") is not False,
            "temperature": body.get("temperature", 1.0),
            "text": {"format": {"type": "text"}},
            "tool_choice": body.get("tool_choice", "auto"),
            "tools": body.get("tools") or [],
            "top_p": body.get("top_p", 1.0),
            "truncation": "disabled",
            "usage": usage,
            "user": None,
            "metadata": body.get("metadata") or {},
        }


class _Events:
    """Numbers the events of one stream."""

    def __init__(self, reply: _Reply) -> None:
        self._reply = reply
        self._next = 0
        self._place = {
            "item_id": reply.message_id,
            "output_index": int(reply.reasoned),
        }
        if not reply.answer.tool:
            self._place["content_index"] = 0
        self._kind = "function_call_arguments" if reply.answer.tool else "output_text"

    def event(self, kind: str, **fields: Any) -> bytes:
        """One event, `response.` before its kind."""
        body = {"type": f"response.{kind}", "sequence_number": self._next} | fields
        self._next += 1
        return f"event: response.{kind}\ndata: {dumps(body)}\n\n".encode()

    def opening(self) -> bytes:
        """Before anything is generated; the reasoning item opens at once."""
        whole = self._reply.whole(done=False)
        head = self.event("created", response=whole) + self.event("in_progress", response=whole)
        return head + self._reasoning("added")

    def message_opening(self) -> bytes:
        """The end of reasoning and the start of what can be seen."""
        head = self._reasoning("done")
        added = self.event(
            "output_item.added",
            output_index=self._place["output_index"],
            item=self._reply.item(done=False),
        )
        if self._reply.answer.tool:
            return head + added
        part = self._reply.part("")
        return head + added + self.event("content_part.added", **self._place, part=part)

    def delta(self, text: str) -> bytes:
        """New text."""
        extra: dict[str, Any] = {} if self._reply.answer.tool else {"logprobs": []}
        return self.event(f"{self._kind}.delta", **self._place, delta=text, **extra)

    def closing(self) -> bytes:
        """The end of every item and of the response."""
        whole = self._reply.whole(done=True)
        ended = self._message_end() if self._reply.answer.pieces else self._reasoning("done")
        return ended + self.event(str(whole["status"]), response=whole)

    def _message_end(self) -> bytes:
        text, item = self._reply.answer.text, self._reply.item(done=True)
        if self._reply.answer.tool:
            ended = self.event(f"{self._kind}.done", **self._place, arguments=text)
        else:
            ended = self.event("output_text.done", **self._place, text=text, logprobs=[])
            part = self._reply.part(text)
            ended += self.event("content_part.done", **self._place, part=part)
        place = self._place["output_index"]
        return ended + self.event("output_item.done", output_index=place, item=item)

    def _reasoning(self, verb: str) -> bytes:
        if not self._reply.reasoned:
            return b""
        return self.event(f"output_item.{verb}", output_index=0, item=self._reply.reasoning())


async def _stream(reply: _Reply, request: web.Request) -> web.StreamResponse:
    events = _Events(reply)
    response = await open_stream(request, reply.call.truth.response_id)
    await response.write(events.opening())
    opened = False
    async with aclosing(generate(reply.call)) as growth:
        async for grown in growth:
            first = b"" if opened else events.message_opening()
            opened = True
            await response.write(first + b"".join(events.delta(text) for _, _, text in grown))
    await response.write(events.closing())
    await response.write_eof()
    return response
