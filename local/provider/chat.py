"""`POST /v1/chat/completions`."""

import time
import uuid
from contextlib import aclosing
from typing import Any

from aiohttp import web

from local.provider.call import Answer, Call
from local.provider.prompt import prompt_of_chat
from local.provider.provider import ApiError, Provider
from local.provider.stream import dumps, generate, open_stream, wait_for_answer
from local.provider.truth import TruthCall

FINGERPRINT = "fp_pedagio"


async def complete_chat(
    provider: Provider, request: web.Request, truth: TruthCall, body: dict[str, Any]
) -> web.StreamResponse:
    """Answer a chat completion, streamed or whole. Raises ApiError."""
    if not isinstance(body.get("messages"), list) or not body["messages"]:
        raise ApiError(400, "Missing required parameter: 'messages'.", "missing", "messages")
    truth.response_id = f"chatcmpl-{uuid.uuid4().hex}"
    call = await provider.read(truth, body, prompt_of_chat(body))
    if truth.stream:
        return await _stream(call, request)
    await wait_for_answer(call)
    return web.json_response(_whole(call), headers={"x-request-id": truth.response_id})


def _envelope(call: Call, kind: str) -> dict[str, Any]:
    return {
        "id": call.truth.response_id,
        "object": kind,
        "created": int(time.time()),
        "model": call.truth.model,
        "service_tier": call.truth.service_tier,
        "system_fingerprint": FINGERPRINT,
    }


def _whole(call: Call) -> dict[str, Any]:
    choices = [
        {
            "index": index,
            "message": _message(answer),
            "logprobs": None,
            "finish_reason": answer.finish_reason,
        }
        for index, answer in enumerate(call.answers)
    ]
    whole = _envelope(call, "chat.completion") | {"choices": choices}
    return whole | {"usage": call.chat_usage()} if call.behaviour.usage else whole


def _message(answer: Answer) -> dict[str, Any]:
    if not answer.tool:
        return {"role": "assistant", "content": answer.text, "refusal": None}
    called: dict[str, Any] = {"id": _tool_id(), "type": "function"}
    called |= {"function": {"name": answer.tool, "arguments": answer.text}}
    return {"role": "assistant", "content": None, "refusal": None, "tool_calls": [called]}


async def _stream(call: Call, request: web.Request) -> web.StreamResponse:
    """Chunks; usage in a last one without choices when `stream_options.include_usage` is set."""
    options = call.body.get("stream_options") or {}
    with_usage = bool(options.get("include_usage")) and call.behaviour.usage
    envelope = _envelope(call, "chat.completion.chunk")
    head = dumps(envelope)[:-1] + ',"choices":['
    tail = '],"usage":null}\n\n' if with_usage else "]}\n\n"
    response = await open_stream(request, call.truth.response_id)
    opened: set[int] = set()

    def chunk(index: int, delta: str, finish: str = "null") -> bytes:
        choice = f'{{"index":{index},"delta":{delta},"logprobs":null,"finish_reason":{finish}}}'
        return f"data: {head}{choice}{tail}".encode()

    def opening(index: int, answer: Answer) -> bytes:
        opened.add(index)
        return chunk(index, _first_delta(answer))

    async with aclosing(generate(call)) as growth:
        async for grown in growth:
            for index, answer, text in grown:
                first = b"" if index in opened else opening(index, answer)
                await response.write(first + chunk(index, _delta(answer, text)))
    last = b""
    for index, answer in enumerate(call.answers):
        last += b"" if index in opened else opening(index, answer)
        last += chunk(index, "{}", dumps(answer.finish_reason))
    if with_usage:
        usage = dumps(envelope | {"choices": [], "usage": call.chat_usage()})
        last += f"data: {usage}\n\n".encode()
    await response.write(last + b"data: [DONE]\n\n")
    await response.write_eof()
    return response


def _first_delta(answer: Answer) -> str:
    if not answer.tool:
        return '{"role":"assistant","content":"","refusal":null}'
    called: dict[str, Any] = {"index": 0, "id": _tool_id(), "type": "function"}
    called["function"] = {"name": answer.tool, "arguments": ""}
    return dumps({"role": "assistant", "content": None, "tool_calls": [called]})


def _delta(answer: Answer, text: str) -> str:
    if not answer.tool:
        return f'{{"content":{dumps(text)}}}'
    return f'{{"tool_calls":[{{"index":0,"function":{{"arguments":{dumps(text)}}}}}]}}'


def _tool_id() -> str:
    return f"call_{uuid.uuid4().hex[:24]}"
