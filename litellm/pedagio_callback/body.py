"""Judges a request body against the allow-list: what may raise the cost unseen is refused.

The list is a data file (`allowed_body.json`): keys, content-part types and tool types per
endpoint. Every function returns the offending field's name, or None when all is well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_CHOICES = 128
# No model answers with more; larger numbers are mistakes and would overflow somebody's integer.
LARGEST_LIMIT_TOKENS = 100_000_000
SERVICE_TIERS = ("auto", "default", "standard", "flex", "priority")
MODALITIES = ("text", "audio")
STREAM_OPTIONS = ("include_usage", "include_obfuscation")


@dataclass(frozen=True)
class EndpointRules:
    """What one endpoint takes."""

    keys: frozenset[str]
    content_parts: frozenset[str]
    items: frozenset[str]
    tools: frozenset[str]
    output_limits: tuple[str, ...]


def load_rules(file: Path) -> Mapping[str, EndpointRules]:
    """Read the data file: route -> rules."""
    read = json.loads(file.read_text(encoding="utf-8"))
    return {
        route: EndpointRules(
            keys=frozenset(rules["keys"]),
            content_parts=frozenset(rules["content_parts"]),
            items=frozenset(rules.get("items", ())),
            tools=frozenset(rules["tools"]),
            output_limits=tuple(rules["output_limits"]),
        )
        for route, rules in read.items()
    }


def find_problem(rules: EndpointRules, body: Mapping[str, Any]) -> str | None:
    """The first field that is not acceptable, as a path like `messages[0].content[1].type`."""
    for key in body:
        if key not in rules.keys:
            return str(key) or '""'  # the empty key is a problem, not the lack of one
    for check in (_scalars, _limits, _tools, _messages, _input):
        problem = check(rules, body)
        if problem:
            return problem
    return None


def _scalars(_rules: EndpointRules, body: Mapping[str, Any]) -> str | None:
    """Values that change the price or how often we are charged."""
    checks: Mapping[str, bool] = {
        "model": isinstance(body.get("model"), str) and bool(body.get("model")),
        "stream": isinstance(body.get("stream"), bool | None),
        "background": body.get("background") is None or body.get("background") is False,
        "service_tier": body.get("service_tier") in (None, *SERVICE_TIERS),
        "n": _is_count(body.get("n"), MOST_CHOICES),
        "modalities": _all_of(body.get("modalities"), MODALITIES),
        "stream_options": _all_of(body.get("stream_options"), STREAM_OPTIONS),
        "max_tool_calls": _is_count(body.get("max_tool_calls"), LARGEST_LIMIT_TOKENS),
        "instructions": isinstance(body.get("instructions"), str | None),
    }
    return next((name for name, good in checks.items() if not good), None)


def _limits(rules: EndpointRules, body: Mapping[str, Any]) -> str | None:
    for name in rules.output_limits:
        if not _is_count(body.get(name), LARGEST_LIMIT_TOKENS):
            return name
    return None


def _is_count(value: Any, most: int) -> bool:
    """A whole number from 1, or nothing. `true` is no number."""
    return value is None or (type(value) is int and 1 <= value <= most)


def _all_of(value: Any, allowed: tuple[str, ...]) -> bool:
    if value is None:
        return True
    return isinstance(value, list | dict) and all(
        isinstance(item, str) and item in allowed for item in value
    )


def _tools(rules: EndpointRules, body: Mapping[str, Any]) -> str | None:
    """Function tools run at the client; every other kind runs, and charges, at the provider."""
    tools = body.get("tools")
    if tools is None:
        return None
    if not isinstance(tools, list):
        return "tools"
    for index, tool in enumerate(tools):
        kind = tool.get("type") if isinstance(tool, dict) else None
        if not isinstance(kind, str) or kind not in rules.tools:
            return f"tools[{index}].type"
    return None


def _messages(rules: EndpointRules, body: Mapping[str, Any]) -> str | None:
    if "messages" not in rules.keys:
        return None
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return "messages"
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            return f"messages[{index}]"
        problem = _content(rules, message.get("content"), f"messages[{index}].content")
        if problem:
            return problem
    return None


def _input(rules: EndpointRules, body: Mapping[str, Any]) -> str | None:
    if "input" not in rules.keys:
        return None
    value = body.get("input")
    if isinstance(value, str) or (value is None and "prompt" in body):
        return None
    if not isinstance(value, list) or not value:
        return "input"
    if not rules.items:
        return None if is_embeddings_list(value) else "input"
    return _items(rules, value)


def _items(rules: EndpointRules, items: list[Any]) -> str | None:
    for index, item in enumerate(items):
        kind = item.get("type", "message") if isinstance(item, dict) else None
        if not isinstance(kind, str) or kind not in rules.items:
            return f"input[{index}].type"
        for name in ("content", "output"):
            problem = _content(rules, item.get(name), f"input[{index}].{name}")
            if problem:
                return problem
    return None


def is_embeddings_list(value: list[Any]) -> bool:
    """Strings, one token array, or a list of both."""
    kinds = set(map(type, value))
    if kinds == {int}:
        return True
    if not kinds <= {str, list}:
        return False
    return all(set(map(type, item)) == {int} for item in value if type(item) is list)


def _content(rules: EndpointRules, content: Any, path: str) -> str | None:
    if content is None or isinstance(content, str):
        return None
    if not isinstance(content, list):
        return path
    for index, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if not isinstance(kind, str) or kind not in rules.content_parts:
            return f"{path}[{index}].type"
    return None


def content_parts(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every content part of a body that `find_problem` has accepted, or of any other."""
    for holder in (*_dicts(body.get("messages")), *_dicts(body.get("input"))):
        for name in ("content", "output"):
            yield from _dicts(holder.get(name))


def _dicts(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))
