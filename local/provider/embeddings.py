"""`POST /v1/embeddings`: unit vectors drawn from the input itself, in floats or base64."""

import array
import base64
import math
import uuid
from random import Random
from typing import Any

from aiohttp import web

from local.provider.provider import THREAD_CHARS, ApiError, Provider
from local.provider.truth import TruthCall

INPUT_WINDOW = 8_192  # tokens of one input
MAX_INPUTS = 2_048
MAX_REQUEST_TOKENS = 300_000
DIMENSIONS = {"text-embedding-3-large": 3_072}
DEFAULT_DIMENSIONS = 1_536

Input = str | list[int]


async def embed(
    provider: Provider, request: web.Request, truth: TruthCall, body: dict[str, Any]
) -> web.StreamResponse:
    """Answer an embeddings request. Raises ApiError on input or sizes OpenAI refuses."""
    del request
    inputs = read_inputs(body.get("input"))
    first_text = next((item for item in inputs if isinstance(item, str)), "")
    behaviour, _ = provider.behave(truth, first_text[:THREAD_CHARS])
    truth.response_id = f"embd-{uuid.uuid4().hex}"
    sizes = [len(i) if isinstance(i, list) else provider.counter.count(i) for i in inputs]
    await provider.admit(behaviour)
    if max(sizes) > INPUT_WINDOW:
        message = f"This model reads {INPUT_WINDOW} tokens an input; one has {max(sizes)}."
        raise ApiError(400, message, "context_length_exceeded", "input")
    if sum(sizes) > MAX_REQUEST_TOKENS:
        message = f"Requested {sum(sizes)} tokens, max {MAX_REQUEST_TOKENS} tokens per request."
        raise ApiError(400, message, "max_tokens_per_request", "input")
    truth.prompt_tokens, truth.status, truth.finished = sum(sizes), 200, True
    answer: dict[str, Any] = {"object": "list", "model": truth.model}
    answer["data"] = [_row(at, item, truth.model, body) for at, item in enumerate(inputs)]
    if behaviour.usage:
        tokens = truth.prompt_tokens
        answer["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return web.json_response(answer, headers={"x-request-id": truth.response_id})


def read_inputs(value: Any) -> list[Input]:
    """A string, strings, a token array or token arrays as a list. Raises ApiError otherwise."""
    if isinstance(value, str) or _is_tokens(value):
        value = [value]
    whole = isinstance(value, list) and 0 < len(value) <= MAX_INPUTS
    if not whole or not all((isinstance(i, str) and i) or _is_tokens(i) for i in value):
        raise ApiError(400, "'$.input' is invalid.", "invalid", "input")
    return list(value)


def _is_tokens(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(i) is int for i in value)


def _row(index: int, item: Input, model: str, body: dict[str, Any]) -> dict[str, Any]:
    size = body.get("dimensions") or DIMENSIONS.get(model, DEFAULT_DIMENSIONS)
    vector = _vector(item, int(size))
    encoded: Any = list(vector)
    if body.get("encoding_format") == "base64":
        encoded = base64.b64encode(vector.tobytes()).decode()
    return {"object": "embedding", "index": index, "embedding": encoded}


def _vector(item: Input, size: int) -> "array.array[float]":
    """The same unit vector for the same input, little-endian 32-bit floats in memory."""
    drawn = Random(str(item)).randbytes(size)
    length = math.sqrt(sum((byte - 127.5) ** 2 for byte in drawn)) or 1.0
    return array.array("f", ((byte - 127.5) / length for byte in drawn))
