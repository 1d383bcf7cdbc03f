"""Forms of an answer that no model wrote: OpenAI's chat completion and response, whole or as events."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

JSON_TYPE: Final = "application/json"
EVENT_TYPE: Final = "text/event-stream"
_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class Words:
    """What is said, under which model's name; `figures`: the same in integers, for programs."""

    hold_id: str
    model: str
    text: str
    now_s: int
    figures: Mapping[str, Any]


def chat(words: Words) -> str:
    """The body of `POST /v1/chat/completions`."""
    message = {"role": "assistant", "content": words.text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = _chat_head(words, "chat.completion") | {"choices": [choice], "usage": _CHAT_USAGE}
    return _compact(body | {"pedagio": words.figures})


def chat_events(words: Words) -> str:
    """The same with `stream`: a role, the text, the end with a usage of nothing."""
    head = _chat_head(words, "chat.completion.chunk")

    def chunk(delta: Mapping[str, str], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return head | {"choices": [choice]}

    end = chunk({}, "stop") | {"usage": _CHAT_USAGE, "pedagio": words.figures}
    chunks = [chunk({"role": "assistant", "content": ""}), chunk({"content": words.text}), end]
    return "".join(f"data: {_compact(each)}\n\n" for each in chunks) + "data: [DONE]\n\n"


def response(words: Words) -> str:
    """The body of `POST /v1/responses`."""
    return _compact(_response(words, "completed", [_item(words, "completed")]))


def response_events(words: Words) -> str:
    """The same with `stream`: the events that the API sends for one text."""
    item = _item(words, "completed")
    begun = _response(words, "in_progress", [])
    part = item["content"][0]
    at = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    events: Iterable[tuple[str, Mapping[str, Any]]] = (
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
        (
            "response.output_item.added",
            {"output_index": 0, "item": item | {"status": "in_progress", "content": []}},
        ),
        ("response.content_part.added", at | {"part": part | {"text": ""}}),
        ("response.output_text.delta", at | {"delta": words.text, "logprobs": []}),
        ("response.output_text.done", at | {"text": words.text, "logprobs": []}),
        ("response.content_part.done", at | {"part": part}),
        ("response.output_item.done", {"output_index": 0, "item": item}),
        ("response.completed", {"response": _response(words, "completed", [item])}),
    )
    return "".join(
        f"event: {kind}\ndata: {_compact({'type': kind, 'sequence_number': number} | dict(more))}\n\n"
        for number, (kind, more) in enumerate(events)
    )


_CHAT_USAGE: Final = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def _chat_head(words: Words, kind: str) -> dict[str, Any]:
    name = f"chatcmpl-{words.hold_id}"
    return {"id": name, "object": kind, "created": words.now_s, "model": words.model}


def _item(words: Words, status: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": words.text, "annotations": [], "logprobs": []}
    name = f"msg_{words.hold_id.replace('-', '')}"
    return {
        "type": "message",
        "id": name,
        "status": status,
        "role": "assistant",
        "content": [part],
    }


def _response(words: Words, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
    usage = {
        "input_tokens": 0,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 0,
    }
    return {
        "id": f"resp_{words.hold_id.replace('-', '')}",
        "object": "response",
        "created_at": words.now_s,
        "status": status,
        "model": words.model,
        "output": output,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": usage if status == "completed" else None,
        "pedagio": words.figures,
    }
