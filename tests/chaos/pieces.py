"""JSON of the provider as objects with attributes, as LiteLLM's hooks see it; prices as LiteLLM has them."""

import copy
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Self


class Piece(SimpleNamespace):
    """A JSON object whose members are attributes."""

    def model_copy(self, *, deep: bool) -> Self:
        """A copy; always a deep one."""
        assert deep
        return copy.deepcopy(self)

    def to_plain(self) -> dict[str, Any]:
        """Back to dictionaries."""
        return {name: _plain(value) for name, value in vars(self).items()}

    def to_json(self) -> str:
        """Compact JSON."""
        return json.dumps(self.to_plain(), separators=(",", ":"), ensure_ascii=False)


def parse_piece(text: bytes) -> Piece:
    """A JSON object. Raises ValueError."""
    piece = json.loads(text, object_hook=lambda found: Piece(**found))
    if not isinstance(piece, Piece):
        raise TypeError("not an object")
    return piece


def cost_usd(entry: Mapping[str, Any], usage: Any) -> float:
    """USD as LiteLLM's float arithmetic has it: cached tokens at their own price."""
    details = getattr(usage, "prompt_tokens_details", None)
    cached = getattr(details, "cached_tokens", 0) or 0
    read = entry.get("cache_read_input_token_cost") or entry["input_cost_per_token"]
    fresh = usage.prompt_tokens - cached
    return float(
        fresh * entry["input_cost_per_token"]
        + cached * read
        + usage.completion_tokens * entry["output_cost_per_token"]
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Piece):
        return value.to_plain()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
