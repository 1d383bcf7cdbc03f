"""The best estimate of a call's input tokens: for settling a call that reports no usage."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .body import content_parts
from .bound import IMAGE_PARTS, Measured

CHARS_PER_TOKEN = 4
# Enough to know the density of a text; counting 16 MiB would hold the process for seconds.
SAMPLE_CHARS = 8_192
IMAGE_TOKENS = 765  # a 1024x1024 picture in OpenAI's tile arithmetic
# What such a picture is of the largest one, in the arithmetic of every family that we bound.
IMAGE_PERCENT_OF_BOUND = 53
MESSAGE_TOKENS = 4
ANSWER_TOKENS = 3  # the chat form opens the answer

CountText = Callable[[str], int]


def count_by_length(text: str) -> int:
    """Four characters a token, when no tokenizer is at hand."""
    return -(-len(text) // CHARS_PER_TOKEN)


def estimate_tokens(
    route: str,
    body: Mapping[str, Any],
    measured: Measured,
    count: CountText,
    image_bound_tokens: int = 0,
) -> int:
    """Estimate a body's visible input tokens; a sample is counted, the rest is in proportion.

    `image_bound_tokens` is the model's bound for one image (0: unknown).
    """
    if route == "embeddings":
        return _embeddings(body.get("input"), count)
    texts = list(_texts(body))
    chars = sum(map(len, texts))
    sample = "".join(texts)[:SAMPLE_CHARS] if chars <= SAMPLE_CHARS else _sample(texts)
    tokens = count(sample) * chars // max(1, len(sample))
    turns = body.get("messages") or body.get("input")
    if isinstance(turns, list):
        tokens += MESSAGE_TOKENS * len(turns)
    if route == "chat":
        tokens += ANSWER_TOKENS
    image = image_bound_tokens * IMAGE_PERCENT_OF_BOUND // 100 or IMAGE_TOKENS
    return tokens + measured.images * image


def _sample(texts: list[str]) -> str:
    """The beginnings of the texts, newest first, up to the sample's size."""
    parts: list[str] = []
    left = SAMPLE_CHARS
    for text in reversed(texts):
        parts.append(text[:left])
        left -= len(parts[-1])
        if left <= 0:
            break
    return "".join(parts)


def _texts(body: Mapping[str, Any]) -> list[str]:
    texts: list[str] = []
    for key in ("messages", "input"):
        turns = body.get(key)
        if isinstance(turns, str):
            texts.append(turns)
        elif isinstance(turns, list):
            texts += [
                str(turn[name])
                for turn in turns
                if isinstance(turn, dict)
                for name in ("content", "output", "arguments")
                if isinstance(turn.get(name), str)
            ]
    for part in content_parts(body):
        if part.get("type") not in IMAGE_PARTS and isinstance(part.get("text"), str):
            texts.append(part["text"])
    for key in ("instructions", "tools", "functions", "response_format"):
        if body.get(key):
            value = body[key]
            texts.append(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return texts


def _embeddings(value: Any, count: CountText) -> int:
    if isinstance(value, str):
        return _proportional(value, count)
    if not isinstance(value, list):
        return 0
    if value and type(value[0]) is int:
        return len(value)
    strings = [item for item in value if isinstance(item, str)]
    tokens = sum(len(item) for item in value if isinstance(item, list))
    return tokens + _proportional("".join(strings), count)


def _proportional(text: str, count: CountText) -> int:
    sample = text[:SAMPLE_CHARS]
    return count(sample) * len(text) // max(1, len(sample))
