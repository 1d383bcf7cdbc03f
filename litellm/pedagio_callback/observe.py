"""Counts what a response delivers: chunks, characters, the first visible token, the finish.

Reads LiteLLM's response objects by attribute, of chat and of the Responses API, whole or in
pieces; text is measured and forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .calls import Seen

FINISHED_BY_LIMIT = frozenset({"length", "max_output_tokens"})
DELTA_EVENTS = ("_text.delta", "refusal.delta", "_arguments.delta", "_call_input.delta")
TERMINAL_EVENTS = frozenset({"response.completed", "response.incomplete", "response.failed"})


def chunk_seen(seen: Seen, chunk: Any, now_s: float) -> None:
    """Count one chunk of a stream. `now_s` is monotonic."""
    seen.chunks += 1
    seen.usage = usage_of(_get(chunk, "usage")) or seen.usage
    _tier_seen(seen, chunk)
    kind = _event_type(chunk)
    if kind is not None:
        _event_seen(seen, chunk, kind, now_s)
        return
    for choice in _items(_get(chunk, "choices")):
        index = _index(choice)
        seen.show(index, _visible(_get(choice, "delta")), now_s)
        seen.tools |= _calls_tools(_get(choice, "delta"))
        reason = _get(choice, "finish_reason")
        if isinstance(reason, str):
            seen.finish(reason)


def response_seen(seen: Seen, response: Any, now_s: float) -> None:
    """Count a whole response."""
    seen.complete = True
    seen.usage = usage_of(_get(response, "usage"))
    _tier_seen(seen, response)
    for choice in _items(_get(response, "choices")):
        seen.show(_index(choice), _visible(_get(choice, "message")), now_s)
        seen.tools |= _calls_tools(_get(choice, "message"))
        reason = _get(choice, "finish_reason")
        if isinstance(reason, str):
            seen.finish(reason)
    if _get(response, "output") is not None:
        for item in _items(_get(response, "output")):
            seen.show(0, _item_texts(item), now_s)
        seen.finish(_response_reason(response))


def _event_type(chunk: Any) -> str | None:
    kind = _get(chunk, "type")
    kind = getattr(kind, "value", kind)  # LiteLLM's event names are an enumeration
    return kind if isinstance(kind, str) else None


def _event_seen(seen: Seen, event: Any, kind: str, now_s: float) -> None:
    delta = _get(event, "delta")
    if kind.endswith(DELTA_EVENTS) and isinstance(delta, str):
        seen.show(0, [delta], now_s)
    elif kind in TERMINAL_EVENTS:
        seen.usage = usage_of(_get(_get(event, "response"), "usage")) or seen.usage
        _tier_seen(seen, _get(event, "response"))
        seen.finish(_response_reason(_get(event, "response")) or kind.rpartition(".")[2])


def _response_reason(response: Any) -> str | None:
    """`max_output_tokens` and the like when cut short, else the status."""
    reason = _get(_get(response, "incomplete_details"), "reason")
    return reason if isinstance(reason, str) else _string(_get(response, "status"))


def _tier_seen(seen: Seen, response: Any) -> None:
    tier = _get(response, "service_tier")
    if isinstance(tier, str):
        seen.service_tier = tier


def _visible(part: Any) -> list[Any]:
    """What a message or a delta shows: text, refusal, shown reasoning and tool calls."""
    texts = [_get(part, name) for name in ("content", "refusal", "reasoning_content")]
    calls = [_get(call, "function") for call in _items(_get(part, "tool_calls"))]
    calls.append(_get(part, "function_call"))
    for call in calls:
        texts += [_get(call, "name"), _get(call, "arguments")]
    return [*texts, _get(_get(part, "audio"), "transcript")]


def _calls_tools(part: Any) -> bool:
    return bool(_get(part, "tool_calls") or _get(part, "function_call"))


def content_of(piece: Any) -> str:
    """The text that a chunk, or a whole answer, of one choice has for the person."""
    texts = [
        _get(_get(choice, name), "content")
        for choice in _items(_get(piece, "choices"))
        for name in ("delta", "message")
    ]
    return "".join(text for text in texts if isinstance(text, str))


def ending_choice(piece: Any) -> Any:
    """The one choice of a chunk, or of a whole answer, where it ends; None: it goes on, or there are several."""
    choices = list(_items(_get(piece, "choices")))
    ends = len(choices) == 1 and isinstance(_get(choices[0], "finish_reason"), str)
    return choices[0] if ends else None


def _item_texts(item: Any) -> list[Any]:
    texts = [_get(item, name) for name in ("name", "arguments", "input")]
    shown = [_get(part, "text") or _get(part, "refusal") for part in _items(_get(item, "content"))]
    return [*texts, *shown]


def empty_choices(seen: Seen, chunk: Any) -> list[Any]:
    """The choices that end here by their limit and have shown nothing at all."""
    return [
        choice
        for choice in _items(_get(chunk, "choices"))
        if _get(choice, "finish_reason") in FINISHED_BY_LIMIT
        and _index(choice) not in seen.visible_choices
    ]


def empty_by_limit(seen: Seen) -> bool:
    """A Responses answer that ended by its limit and has shown nothing."""
    return seen.finish_reason in FINISHED_BY_LIMIT and not seen.visible_choices


def usage_of(usage: Any) -> dict[str, int] | None:
    """Tokens by meter of a `usage` object, in the words of chat or of the Responses API."""
    prompt = _count(usage, "prompt_tokens", "input_tokens")
    completion = _count(usage, "completion_tokens", "output_tokens")
    if prompt + completion == 0:
        return None
    given = _get(usage, "prompt_tokens_details") or _get(usage, "input_tokens_details")
    made = _get(usage, "completion_tokens_details") or _get(usage, "output_tokens_details")
    creation = _get(given, "cache_creation_token_details")
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "cached_tokens": _count(given, "cached_tokens"),
        "cache_creation_tokens": _count(given, "cache_creation_tokens", "cache_write_tokens"),
        "cache_creation_1h_tokens": _count(creation, "ephemeral_1h_input_tokens"),
        "reasoning_tokens": _count(made, "reasoning_tokens"),
        "audio_input_tokens": _count(given, "audio_tokens"),
        "audio_output_tokens": _count(made, "audio_tokens"),
    }


def _count(value: Any, *names: str) -> int:
    """The first of these members that is a positive whole number, else 0."""
    found = (_get(value, name) for name in names)
    return next((count for count in found if type(count) is int and count > 0), 0)


def _index(choice: Any) -> int:
    index = _get(choice, "index")
    return index if type(index) is int else 0


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _items(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else ()


def _get(value: Any, name: str) -> Any:
    """A member of LiteLLM's objects, which are models here and dictionaries there."""
    if isinstance(value, dict):
        return value.get(name)
    return getattr(value, name, None)
