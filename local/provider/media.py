"""Images, audio and moderations: what costs by the picture, the letter or the second, not by the token."""

import time
import uuid
from typing import Any

from aiohttp import web

from local.provider.provider import Provider
from local.provider.truth import TruthCall

IMAGE_PROMPT_TOKENS = 1
IMAGE_TOKENS = 1_056  # one image of 1024 x 1024 at medium quality, gpt-image-1
BYTES_PER_SECOND = 4_000  # speech at 32 kbit/s
SPEECH_BYTES_PER_LETTER = 300
BY_PICTURE = "dall-e"  # the family whose images are told in no tokens
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4"
    "2mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def draw(
    provider: Provider, request: web.Request, truth: TruthCall, body: dict[str, Any]
) -> web.StreamResponse:
    """One transparent pixel for each image asked for, made or changed, with `usage` but for dall-e."""
    del request
    prompt = await _begin(provider, truth, body.get("prompt"))
    truth.images = int(body.get("n") or 1)
    _end(truth, "img")
    data = [{"b64_json": PIXEL} for _ in range(truth.images)]
    answer: dict[str, Any] = {"created": int(time.time()), "data": data}
    if not truth.model.startswith(BY_PICTURE):
        truth.prompt_tokens = provider.counter.count(prompt) + IMAGE_PROMPT_TOKENS
        truth.completion_tokens = IMAGE_TOKENS * truth.images
        answer["usage"] = {
            "input_tokens": truth.prompt_tokens,
            "input_tokens_details": {"text_tokens": truth.prompt_tokens, "image_tokens": 0},
            "output_tokens": truth.completion_tokens,
            "total_tokens": truth.prompt_tokens + truth.completion_tokens,
        }
    return web.json_response(answer)


async def speak(
    provider: Provider, request: web.Request, truth: TruthCall, body: dict[str, Any]
) -> web.StreamResponse:
    """Noise for each letter; paid by the letter."""
    del request
    text = await _begin(provider, truth, body.get("input"))
    truth.letters = len(text)
    _end(truth, "spk")
    return web.Response(
        body=b"\xff" * (SPEECH_BYTES_PER_LETTER * len(text)), content_type="audio/mpeg"
    )


async def transcribe(
    provider: Provider, request: web.Request, truth: TruthCall, body: dict[str, Any]
) -> web.StreamResponse:
    """Always the same words; paid by the second, which only `verbose_json` tells."""
    del request
    await _begin(provider, truth, body.get("prompt"))
    upload = body.get("file")
    size = len(upload.file.read()) if isinstance(upload, web.FileField) else 0
    truth.audio_ms = size * 1000 // BYTES_PER_SECOND
    _end(truth, "asr")
    kind, text = body.get("response_format"), "bom dia"
    if kind == "text":
        return web.Response(text=text)
    told = {"task": "transcribe", "language": "pt", "duration": truth.audio_ms / 1000}
    return web.json_response({"text": text} | (told if kind == "verbose_json" else {}))


async def moderate(
    provider: Provider, request: web.Request, truth: TruthCall, body: dict[str, Any]
) -> web.StreamResponse:
    """Nothing is ever wrong; free."""
    del request
    await _begin(provider, truth, body.get("input"))
    _end(truth, "modr")
    result = {"flagged": False, "categories": {}, "category_scores": {}}
    answer = {"id": truth.response_id, "model": truth.model, "results": [result]}
    return web.json_response(answer)


async def _begin(provider: Provider, truth: TruthCall, text: Any) -> str:
    """Obey the orders in the text; raises ApiError where they say so."""
    words = text if isinstance(text, str) else ""
    behaviour, _ = provider.behave(truth, words)
    await provider.admit(behaviour)
    return words


def _end(truth: TruthCall, kind: str) -> None:
    truth.status, truth.finished = 200, True
    truth.completed_at = time.time()
    truth.response_id = f"{kind}-{uuid.uuid4().hex}"
