"""One chat through Envoy, as LibreChat would send it, with what came back."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx

CHAT_BOUND_S: Final = 60.0
DATA: Final = "data: "


class StoryError(RuntimeError):
    """Something happened that the story does not tell: the system is not well."""


@dataclass(frozen=True)
class Refusal:
    """A refusal: its machine-readable reason, and the sentence that the person reads."""

    status: int
    reason: str
    sentence: str


@dataclass(frozen=True)
class Chat:
    """What came of one chat; `hold_id` is Envoy's request id, the name of its hold."""

    hold_id: str
    text: str
    refusal: Refusal | None
    took_ms: int


@dataclass(frozen=True)
class Person:
    """Somebody who chats through one client."""

    client: str
    key: str
    name: str

    @property
    def headers(self) -> dict[str, str]:
        """What LibreChat sends for this person."""
        return {"authorization": f"Bearer {self.key}", "x-user-id": self.name}


def sentence_of(error: dict[str, Any]) -> str:
    """What LibreChat shows: the inner text of the known JSON form, else the message itself."""
    message = str(error.get("message", ""))
    try:
        inner = json.loads(message)
    except ValueError:
        return message
    return str(inner["info"]) if isinstance(inner, dict) and "info" in inner else message


async def chat(
    http: httpx.AsyncClient,
    person: Person,
    body: dict[str, Any],
    on_text: Callable[[str], None] = lambda _text: None,
) -> Chat:
    """Send one streaming chat; raises StoryError on anything but an answer or a refusal."""
    began = time.monotonic()
    request = http.stream(
        "POST",
        "/v1/chat/completions",
        json={**body, "stream": True},
        headers=person.headers,
        timeout=CHAT_BOUND_S,
    )
    async with request as response:
        hold_id = response.headers.get("x-request-id", "")
        if response.status_code != httpx.codes.OK:
            refusal = _refusal(response.status_code, await response.aread())
            return Chat(hold_id, "", refusal, _since_ms(began))
        text = ""
        async for line in response.aiter_lines():
            text += _delta(line)
            on_text(text)
    return Chat(hold_id, text, None, _since_ms(began))


def _since_ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _refusal(status: int, body: bytes) -> Refusal:
    try:
        error = json.loads(body)["error"]
        reason = str(error["code"])
    except (ValueError, KeyError, TypeError):
        raise StoryError(f"an answer {status} that explains nothing: {body[:300]!r}") from None
    return Refusal(status, reason, sentence_of(error))


def _delta(line: str) -> str:
    """The text that one line of the event stream carries."""
    if not line.startswith(DATA) or line == f"{DATA}[DONE]":
        return ""
    event = json.loads(line.removeprefix(DATA))
    if "error" in event:
        raise StoryError(f"the stream broke off: {event['error']}")
    choices = event.get("choices") or [{}]
    return str(choices[0].get("delta", {}).get("content") or "")
