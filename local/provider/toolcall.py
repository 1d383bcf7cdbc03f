"""Tool calls: when the simulated model makes one, and its arguments piece by piece."""

import itertools
import json
from typing import Any

from local.provider.prompt import Prompt
from local.provider.tokens import Counter

_WORDS = ("tool", "ferramenta", "function", "função")
_SAMPLES: dict[str, Any] = {
    "string": "Rio de Janeiro",
    "integer": 3,
    "number": 1.5,
    "boolean": True,
    "array": [],
    "object": {},
}


def tool_asked_for(body: dict[str, Any], prompt: Prompt, *, ordered: bool) -> dict[str, Any] | None:
    """The function to call: `{"name", "parameters"}`, or None for an ordinary answer.

    A user who spoke last gets one by the directive `tool`, by a forcing `tool_choice`, or by
    naming a tool (or the word itself); a tool's result is always answered in words.
    """
    functions: list[dict[str, Any]] = [tool.get("function", tool) for tool in prompt.tools]
    functions = [function for function in functions if function.get("name")]
    choice = body.get("tool_choice")
    if not functions or not prompt.user_spoke_last or choice == "none":
        return None
    text = prompt.orders_text.lower()
    if isinstance(choice, dict):
        name = choice.get("name") or choice.get("function", {}).get("name")
        return next((f for f in functions if f["name"] == name), functions[0])
    named = next((f for f in functions if str(f["name"]).lower() in text), None)
    if named or ordered or choice == "required" or any(word in text for word in _WORDS):
        return named or functions[0]
    return None


def pieces_of_tool_call(function: dict[str, Any], counter: Counter) -> list[str]:
    """The arguments as JSON, cut in as many pieces as the call has tokens, its name included."""
    properties = (function.get("parameters") or {}).get("properties") or {}
    values = {name: _sample(schema) for name, schema in properties.items()}
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    tokens = counter.count(text) + counter.count(str(function["name"]))
    bounds = [len(text) * at // tokens for at in range(tokens + 1)]
    return [text[start:end] for start, end in itertools.pairwise(bounds)]


def _sample(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return None
    if schema.get("enum"):
        return schema["enum"][0]
    return _SAMPLES.get(str(schema.get("type", "string")))
