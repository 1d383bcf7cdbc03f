"""The records that leave LiteLLM. Every field is named here: nothing else is ever sent."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .calls import Call

LONGEST_ID_CHARS = 256
LONGEST_TEXT_CHARS = 200
# The name of a field is a client's own choice: one that is no name is not kept.
FIELD_NAME = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,60}")

Record = dict[str, object]


@dataclass(frozen=True)
class Start:
    """What is known when a call goes upstream. Tokens and nanos.

    `thinks`: hidden reasoning was not switched off; `unseen`: part of the input is nowhere in the
    body; `continues`: the provider's id of the answer whose conversation goes on.
    """

    stream: bool
    input_bound_tokens: int
    input_count_tokens: int
    images: int
    granted_nanos: int
    bound_nanos: int
    price_stale: bool
    would_refuse: str | None = None
    choices: int = 1
    thinks: bool = True
    unseen: bool = False
    continues: str | None = None


def start_record(call: Call, start: Start, record_id: str, at_ms: int) -> Record:
    """The call is about to go upstream."""
    token = call.token
    return _head("start", call, record_id, at_ms) | {
        "route": token.route if token else None,
        "model": token.model if token else None,
        "stream": start.stream,
        "input_bound_tokens": start.input_bound_tokens,
        "input_count_tokens": start.input_count_tokens,
        "images": start.images,
        "output_limit_tokens": call.limit_tokens,
        "clamped": call.clamped,
        "granted_nanos": start.granted_nanos,
        "bound_nanos": start.bound_nanos,
        "price_stale": start.price_stale,
        "would_refuse": _text(start.would_refuse),
        "choices": start.choices,
        "thinks": start.thinks,
        "unseen": start.unseen,
        "continues": identifier(start.continues),
    }


def end_record(
    call: Call,
    outcome: str,
    reason: str | None,
    record_id: str,
    at_ms: int,
    *,
    duration_ms: int,
    field: str | None = None,
) -> Record:
    """The call is over; `outcome` is ok, failed, aborted or refused, the last for a `field` of the body."""
    seen = call.seen
    first_ms = None
    if seen.first_visible_s is not None:
        first_ms = max(0, round((seen.first_visible_s - call.started_s) * 1000))
    return _head("end", call, record_id, at_ms) | {
        "outcome": outcome,
        "reason": reason,
        "field": field if field is not None and FIELD_NAME.fullmatch(field) else None,
        "chunks": seen.chunks,
        "output_chars": seen.output_chars,
        "output_bytes": seen.output_bytes,
        "first_visible_ms": first_ms,
        "duration_ms": duration_ms,
        "finish_reason": _text(seen.finish_reason),
        "empty_under_clamp": seen.empty_under_clamp,
        "complete": seen.complete,
        "usage": seen.usage,
        "model_id": _text(call.model_id),
        "service_tier": _text(seen.service_tier or call.service_tier),
    }


def cost_record(
    call: Call, payload: Mapping[str, Any], service_tier: Any, record_id: str, at_ms: int
) -> Record:
    """What LiteLLM says a call, or a failed attempt, consumed: from its logging payload."""
    error = _mapping(payload.get("error_information"))
    return _head("cost", call, record_id, at_ms) | {
        "status": "failure" if payload.get("status") == "failure" else "success",
        "provider_id": identifier(payload.get("id")),
        "error_code": _text(error.get("error_code")) or None,
        "cache_hit": payload.get("cache_hit") is True,
        "model_group": _text(payload.get("model_group")),
        "model": _text(payload.get("model")),
        "model_id": _text(payload.get("model_id")),
        "provider": _text(payload.get("custom_llm_provider")),
        "cost_usd": cost_text(payload.get("response_cost")),
        "usage": usage_fields(payload),
        "service_tier": _text(service_tier),
        "started_ms": _epoch_ms(payload.get("startTime")),
        "ended_ms": _epoch_ms(payload.get("endTime")),
    }


def _head(kind: str, call: Call, record_id: str, at_ms: int) -> Record:
    return {
        "record": kind,
        "id": record_id,
        "token": call.token_text if call.token else None,
        "hold": call.hold,
        "at_ms": at_ms,
    }


def usage_fields(payload: Mapping[str, Any]) -> dict[str, int]:
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


def cost_text(value: Any) -> str:
    """LiteLLM's float cost as the shortest decimal text that is the same float; '0' if none."""
    if isinstance(value, int | float) and math.isfinite(value) and value > 0:
        return str(float(value))
    return "0"


def _count(*values: Any) -> int:
    for value in values:
        if type(value) is int and value > 0:
            return value
    return 0


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value[:LONGEST_TEXT_CHARS] if isinstance(value, str) else None


def identifier(value: Any) -> str | None:
    """The provider's id; one that is too long becomes its digest, so that two never collide."""
    if not isinstance(value, str):
        return None
    if len(value) <= LONGEST_ID_CHARS:
        return value
    return "sha256:" + hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def _epoch_ms(value: Any) -> int | None:
    if isinstance(value, int | float) and math.isfinite(value):
        return round(value * 1000)
    return None
