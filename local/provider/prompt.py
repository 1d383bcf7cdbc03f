"""The prompt of a request: its text, its images, and their tokens by OpenAI's rules."""

import json
from dataclasses import dataclass, field
from typing import Any

from local.provider.images import tokens_of_image
from local.provider.models import Family
from local.provider.tokens import Counter

MESSAGE_TOKENS = 3  # around each message
REPLY_TOKENS = 3  # that start the answer
FILE_TOKENS = 1_000  # a file named by id, whose content nobody here has
_TEXT_PARTS = frozenset({"text", "input_text", "output_text", "refusal"})
_IMAGE_PARTS = frozenset({"image_url", "input_image"})


@dataclass
class Prompt:
    """What was read from a body; `orders_text` is the last thing a user wrote."""

    texts: list[str] = field(default_factory=list)
    images: list[tuple[str, str]] = field(default_factory=list)
    files: int = 0
    messages: int = 0
    orders_text: str = ""
    user_spoke_last: bool = False
    tools: list[dict[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text in order, which a later prompt may start with."""
        return "\n".join(self.texts)

    def tokens(self, counter: Counter, family: Family) -> int:
        """Prompt tokens: text, three a message, three for the reply, images, files."""
        text = sum(counter.count(piece) for piece in self.texts)
        images = sum(tokens_of_image(family.images, url, detail) for url, detail in self.images)
        return (
            text + images + self.files * FILE_TOKENS + self.messages * MESSAGE_TOKENS + REPLY_TOKENS
        )


def prompt_of_chat(body: dict[str, Any]) -> Prompt:
    """The prompt of a chat completions body; tools come first, where OpenAI puts them."""
    prompt = Prompt()
    _read_tools(prompt, body.get("tools"))
    for message in _objects(body.get("messages")):
        _read_message(prompt, message)
    return prompt


def prompt_of_responses(body: dict[str, Any]) -> Prompt:
    """The prompt of a responses body, without what `previous_response_id` brings along."""
    prompt = Prompt()
    _read_tools(prompt, body.get("tools"))
    if isinstance(body.get("instructions"), str):
        _read_message(prompt, {"role": "system", "content": body["instructions"]})
    items = body.get("input")
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    for item in _objects(items):
        if item.get("type", "message") == "message":
            _read_message(prompt, item)
        else:
            _read_message(prompt, {"role": item["type"], "content": json.dumps(item)})
    return prompt


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _read_tools(prompt: Prompt, tools: Any) -> None:
    prompt.tools = _objects(tools)
    prompt.texts.extend(json.dumps(tool, separators=(",", ":")) for tool in prompt.tools)


def _read_message(prompt: Prompt, message: dict[str, Any]) -> None:
    role, before = str(message.get("role", "")), len(prompt.texts)
    content = message.get("content")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else _objects(content)
    for part in parts:
        _read_part(prompt, part)
    if message.get("tool_calls"):
        prompt.texts.append(json.dumps(message["tool_calls"], separators=(",", ":")))
    prompt.user_spoke_last = role == "user"
    if role == "user":
        prompt.orders_text = "\n".join(prompt.texts[before:])
    prompt.texts.insert(before, role)
    prompt.messages += 1


def _read_part(prompt: Prompt, part: dict[str, Any]) -> None:
    kind = part.get("type")
    if kind in _TEXT_PARTS:
        prompt.texts.append(str(part.get("text", part.get("refusal", ""))))
    elif kind in _IMAGE_PARTS:
        image = part.get("image_url")
        inner = image if isinstance(image, dict) else {"url": image, "detail": part.get("detail")}
        prompt.images.append((str(inner.get("url") or ""), str(inner.get("detail") or "auto")))
    else:
        prompt.files += 1
