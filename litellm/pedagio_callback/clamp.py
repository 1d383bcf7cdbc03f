"""Writes the output limit into the request that goes upstream."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

NO_REASONING = ("none", "minimal")
LIMIT_KEYS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


def asked_tokens(body: Mapping[str, Any], limit_keys: tuple[str, ...]) -> int | None:
    """The smallest output limit that the client set, per choice; None when it set none."""
    limits = [body[key] for key in limit_keys if type(body.get(key)) is int]
    return min(limits) if limits else None


def choices(body: Mapping[str, Any]) -> int:
    """How many answers the client wants."""
    count = body.get("n")
    return count if type(count) is int and count > 0 else 1


def thinks(body: Mapping[str, Any]) -> bool:
    """Whether a reasoning model may think before it speaks: the client did not switch that off."""
    reasoning = body.get("reasoning")
    nested = reasoning.get("effort") if isinstance(reasoning, dict) else None
    return (body.get("reasoning_effort") or nested) not in NO_REASONING


def continued(body: Mapping[str, Any]) -> str | None:
    """The provider's id of the answer whose conversation goes on."""
    value = body.get("previous_response_id")
    return value if isinstance(value, str) else None


def set_limit(data: MutableMapping[str, Any], route: str, tokens: int, *, modern: bool) -> None:
    """Set the one limit key of the route and remove the others.

    `modern`: OpenAI's own models and reasoning models take `max_completion_tokens`; the
    backends that copy the API often know only `max_tokens`. A client's own key is kept.
    """
    if route == "responses":
        chosen = "max_output_tokens"
    else:
        given = [key for key in LIMIT_KEYS[:2] if data.get(key) is not None]
        chosen = given[0] if given else ("max_completion_tokens" if modern else "max_tokens")
    for key in LIMIT_KEYS:
        data.pop(key, None)
    data[chosen] = tokens
