"""The exact bound of a call's input: how many tokens its body can be, at most.

A token of a byte-level tokenizer stands for at least one byte, so text counts by its UTF-8
bytes. Structure counts too, as the bytes of compact JSON: keys, quotes and brackets are more
than the words a provider puts around a tool definition (checked against published renderings).
What is not in the body counts as the whole context window.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Chat formats add 3 or 4 control tokens a message and 3 for the answer; tools open a namespace.
# Less than the JSON around a message's values (around an embedded text's: 3), and REQUEST_TOKENS is
# the door's too (credit/bounds.py): a text body that was let in small needs no extension here.
MESSAGE_TOKENS = 12
TOOL_TOKENS = 64
REQUEST_TOKENS = 64
EMBEDDING_TOKENS = 3

PICTURE_HERE = "data:image/"
IMAGE_PARTS = frozenset({"image_url", "input_image"})
# Their size in tokens does not follow from their bytes, or they are only named in the body.
HIDDEN_PARTS = frozenset({"file", "input_file", "input_audio"})
HIDDEN_ITEMS = frozenset({"item_reference", "reasoning"})
HIDDEN_KEYS = ("previous_response_id", "conversation", "prompt")
AUDIO_PARTS = frozenset({"input_audio"})
TEXT_KEYS = ("tools", "functions", "response_format", "text", "instructions", "tool_choice", "stop")


@dataclass(frozen=True)
class Measured:
    """What a body holds. `hidden` names the first thing whose content is not in the body.

    `unseen`: more than pictures is hidden, so that nobody here can estimate the input.
    """

    text_tokens: int
    images: int
    hidden: str | None
    audio: bool
    unseen: bool = False


def measure(route: str, body: Mapping[str, Any]) -> Measured:
    """Measure a body of a route. Never raises for JSON values that a parser can produce."""
    if route == "embeddings":
        return Measured(_embeddings_tokens(body.get("input")), 0, None, audio=False)
    counter = _Counter()
    for key in HIDDEN_KEYS:
        if body.get(key) is not None:
            counter.hide(key)
    for key in TEXT_KEYS:
        if body.get(key) is not None:
            counter.text += _bytes(body[key])
    for key in ("tools", "functions"):
        if isinstance(body.get(key), list):
            counter.text += TOOL_TOKENS * len(body[key])
    counter.add_turns(body.get("messages"))
    counter.add_turns(body.get("input"))
    return Measured(
        counter.text + REQUEST_TOKENS,
        counter.images,
        counter.hidden,
        counter.audio,
        counter.unseen,
    )


def bound_tokens(
    measured: Measured, route: str, image_tokens: int, context_tokens: int
) -> int | None:
    """The most input tokens the call can have; None when no bound exists.

    Chat and responses never have more than the context window (0: unknown); an embeddings
    body holds many inputs, each with a window of its own.
    """
    if route == "embeddings":
        return measured.text_tokens
    per_image = image_tokens or context_tokens
    unknown = measured.hidden is not None or (measured.images > 0 and per_image == 0)
    if unknown:
        return context_tokens or None
    tokens = measured.text_tokens + measured.images * per_image
    return min(tokens, context_tokens) if context_tokens else tokens


class _Counter:
    """Adds up a body while it is walked, one level deep: a turn, and the parts of its content."""

    def __init__(self) -> None:
        self.text = 0
        self.images = 0
        self.hidden: str | None = None
        self.audio = False
        self.unseen = False

    def hide(self, name: str) -> None:
        self.hidden = self.hidden or name
        self.unseen = True

    def add_turns(self, turns: Any) -> None:
        if not isinstance(turns, list):
            self.text += _bytes(turns) if turns is not None else 0
            return
        for turn in turns:
            self.text += MESSAGE_TOKENS
            if isinstance(turn, dict):
                self._add_turn(turn)
            else:
                self.text += _bytes(turn)

    def _add_turn(self, turn: Mapping[str, Any]) -> None:
        kind = turn.get("type")
        if isinstance(kind, str) and kind in HIDDEN_ITEMS:
            self.hide(kind)
        if turn.get("role") == "assistant" and turn.get("audio") is not None:
            self.hide("audio")  # an earlier spoken answer, by its id
        for key, value in turn.items():
            if key in {"content", "output"} and isinstance(value, list):
                for part in value:
                    self._add_part(part)
            else:
                self.text += _bytes(key) + _bytes(value)

    def _add_part(self, part: Any) -> None:
        kind = part.get("type") if isinstance(part, dict) else None
        if not isinstance(kind, str):
            self.text += _bytes(part)
        elif kind in IMAGE_PARTS:
            self.images += 1
            # A picture elsewhere may be no picture (some backends take a PDF by this name).
            if not _address(part).startswith(PICTURE_HERE):
                self.hidden = self.hidden or kind
        elif kind in HIDDEN_PARTS:
            self.audio = self.audio or kind in AUDIO_PARTS
            self.hide(kind)
        else:
            self.text += _bytes(part)


def _address(part: Mapping[str, Any]) -> str:
    """Where the picture of a part is; empty when that is not said as an address."""
    value = part.get("image_url")
    value = value.get("url") if isinstance(value, dict) else value
    return value[: len(PICTURE_HERE)].lower() if isinstance(value, str) else ""


def _embeddings_tokens(value: Any) -> int:
    """Strings by bytes, token arrays by their length."""
    if isinstance(value, str):
        return EMBEDDING_TOKENS + _bytes(value)
    if not isinstance(value, list):
        return EMBEDDING_TOKENS
    if value and type(value[0]) is int:
        return EMBEDDING_TOKENS + len(value)
    return sum(
        EMBEDDING_TOKENS + (len(item) if isinstance(item, list) else _bytes(item)) for item in value
    )


def _bytes(value: Any) -> int:
    """UTF-8 bytes of a string, or of a value as compact JSON; never fewer than its text's."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
