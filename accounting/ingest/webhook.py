"""Translation in: what LiteLLM's own `generic_api` webhook sends, as cost records of ours.

The payloads carry prompts and answers. Only the fields named here are read, and nothing else is kept,
logged or put into an error. The fields are those that the callback reads (litellm/pedagio_callback/
records.py, which a golden test holds equal), so both ways at once are one debit.
"""

import hashlib
import json
import math
import uuid
from collections.abc import Mapping
from typing import Any, Final

from accounting.ingest.reports import storable

TOKEN_HEADER: Final = "x-pedagio-hold"  # noqa: S105 (the name of a header)
TEXT_LIMIT: Final = 200
ID_LIMIT: Final = 256
LAST_SECOND: Final = 10**11  # the year 5138: the end of what `at_ms` may say
UNREADABLE: Final[Mapping[str, Any]] = {"record": "unreadable"}


def payloads(body: bytes) -> list[Any] | None:
    """The payloads in a body: a JSON array, a single object, or an object a line. None: none of these.

    A line that is no JSON comes as None: its neighbours count all the same.
    """
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        lines = [_parsed(line) for line in body.split(b"\n") if line.strip()]
        return lines if any(isinstance(line, dict) for line in lines) else None
    if isinstance(whole, list):
        return whole
    return [whole] if isinstance(whole, dict) else None


def cost_record(payload: Any) -> Mapping[str, Any] | None:
    """The record of a payload; None for one that tells nothing: turned away before any hold, and free.

    What is no payload becomes a record that no gate accepts: it is quarantined by its shape alone.
    """
    if not isinstance(payload, dict):
        return UNREADABLE
    headers = _mapping(_mapping(payload.get("metadata")).get("requester_custom_headers"))
    token, hold = _text(headers.get(TOKEN_HEADER), 8192), _uuid_text(payload.get("litellm_call_id"))
    failed, cost_usd = payload.get("status") == "failure", _cost_text(payload.get("response_cost"))
    if token is None and failed and cost_usd == "0":
        return None
    error_code = _text(_mapping(payload.get("error_information")).get("error_code"))
    started_ms, ended_ms = _epoch_ms(payload.get("startTime")), _epoch_ms(payload.get("endTime"))
    return {
        "record": "cost",
        "id": _record_id(payload),
        "token": token,
        "hold": hold,
        "at_ms": ended_ms or started_ms or 0,
        "source": "webhook",
        "status": "failure" if failed else "success",
        "provider_id": _identifier(payload.get("id")),
        "error_code": error_code or None,
        "cache_hit": payload.get("cache_hit") is True,
        "model_group": _text(payload.get("model_group")),
        "model": _text(payload.get("model")),
        "model_id": _text(payload.get("model_id")),
        "provider": _text(payload.get("custom_llm_provider")),
        "cost_usd": cost_usd,
        "usage": _usage(payload),
        "service_tier": _service_tier(payload),
        "started_ms": started_ms,
        "ended_ms": ended_ms,
    }


def _record_id(payload: Mapping[str, Any]) -> str:
    """The same each time that LiteLLM sends it again; another attempt under the same ids has other times."""
    names = ("litellm_call_id", "id", "status", "startTime", "endTime", "response_cost", "model_id")
    told = [payload.get(name) for name in names]
    known = [one if isinstance(one, str | int | float) else None for one in told]
    return hashlib.sha256(f"webhook:{json.dumps(known)}".encode()).hexdigest()[:32]


def _service_tier(payload: Mapping[str, Any]) -> str | None:
    """As answered, else as asked for."""
    answered = _text(_mapping(payload.get("response")).get("service_tier"))
    return answered or _text(_mapping(payload.get("model_parameters")).get("service_tier"))


def _usage(payload: Mapping[str, Any]) -> dict[str, int]:
    """Tokens by meter. LiteLLM gives them in the chat form on every route."""
    usage = _mapping(_mapping(payload.get("metadata")).get("usage_object"))
    prompt = _mapping(usage.get("prompt_tokens_details"))
    completion = _mapping(usage.get("completion_tokens_details"))
    creation = _mapping(prompt.get("cache_creation_token_details"))
    return {
        "prompt_tokens": _count(usage.get("prompt_tokens"), payload.get("prompt_tokens")),
        "completion_tokens": _count(
            usage.get("completion_tokens"), payload.get("completion_tokens")
        ),
        "cached_tokens": _count(prompt.get("cached_tokens"), usage.get("cache_read_input_tokens")),
        "cache_creation_tokens": _count(
            prompt.get("cache_write_tokens"),
            prompt.get("cache_creation_tokens"),
            usage.get("cache_creation_input_tokens"),
        ),
        "cache_creation_1h_tokens": _count(creation.get("ephemeral_1h_input_tokens")),
        "reasoning_tokens": _count(completion.get("reasoning_tokens")),
        "audio_input_tokens": _count(prompt.get("audio_tokens")),
        "audio_output_tokens": _count(completion.get("audio_tokens")),
    }


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _count(*values: Any) -> int:
    return next((value for value in values if type(value) is int and value > 0), 0)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any, limit: int = TEXT_LIMIT) -> str | None:
    return storable(value[:limit]) if isinstance(value, str) else None


def _uuid_text(value: Any) -> str | None:
    try:
        return str(uuid.UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def _identifier(value: Any) -> str | None:
    """The provider's id; one that is too long becomes its digest, so that two never collide."""
    if not isinstance(value, str):
        return None
    if len(value) <= ID_LIMIT:
        return value
    return "sha256:" + hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def _cost_text(value: Any) -> str:
    """LiteLLM's float cost as the shortest decimal text that is the same float; '0' if none."""
    number = _finite(value)
    return str(number) if number is not None and number > 0 else "0"


def _epoch_ms(value: Any) -> int | None:
    seconds = _finite(value)
    return round(seconds * 1000) if seconds is not None and 0 <= seconds <= LAST_SECOND else None


def _finite(value: Any) -> float | None:
    """A JSON number as a float; None for what is none. JSON also knows integers that no float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
