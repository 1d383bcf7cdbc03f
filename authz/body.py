"""The scalar body fields that bound the cost of a call, checked one by one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OUTPUT_KEYS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
OUTPUT_LIMIT_TOKENS = 10_000_000
CHOICES_LIMIT = 128
MODEL_NAME_LIMIT = 256
SERVICE_TIER_LIMIT = 64
SKETCH_LIMIT = 32
# A conversation kept by the provider: its whole context may count as input.
CONTINUED_KEYS = ("previous_response_id", "conversation", "prompt")
# They switch off reporting, multiply or redirect the upstream work (facts-litellm.md, "ways around metering").
REFUSED_KEYS = (
    "no-log",
    "num_retries",
    "max_retries",
    "api_base",
    "api_key",
    "base_url",
    "custom_llm_provider",
    "mock_response",
    "timeout",
    "request_timeout",
    "cache",
    "caching",
    "no-cache",
    "user_config",
    "litellm_call_id",
    "litellm_trace_id",
    "drop_params",
    "use_litellm_proxy",
    "region_name",
    "organization",
    "input_cost_per_token",
    "output_cost_per_token",
    "guardrails",
    "web_search_options",
    "best_of",
)


@dataclass(frozen=True, slots=True)
class Body:
    """What the door knows of the call; tokens, and None where the client set no limit."""

    model: str
    output_asked_tokens: int | None
    choices: int
    service_tier: str | None
    continued: bool


@dataclass(frozen=True, slots=True)
class BadField:
    """The field that cannot be accepted, named as the client wrote it.

    `seen`: of a value what may be kept: a number, a truth value, the length of a text, never the text.
    """

    name: str
    seen: str = field(default="", compare=False)


def read_body(fields: Mapping[str, Any]) -> Body | BadField:
    """Return the checked body, or the first field that is wrong."""
    if unreadable := fields.get("unreadable"):
        return BadField(unreadable if isinstance(unreadable, str) else "body")
    model = model_name(fields)
    if model is None:
        return BadField("model", _sketch(fields.get("model")))
    if wrong := _refused_key(fields):
        return BadField(wrong)
    limits = [
        _whole(fields[key], OUTPUT_LIMIT_TOKENS)
        for key in OUTPUT_KEYS
        if fields.get(key) is not None
    ]
    for key, limit in zip(
        [k for k in OUTPUT_KEYS if fields.get(k) is not None], limits, strict=True
    ):
        if limit is None:
            return BadField(key, _sketch(fields[key]))
    choices = 1 if fields.get("n") is None else _whole(fields["n"], CHOICES_LIMIT)
    if choices is None:
        return BadField("n", _sketch(fields["n"]))
    tier = fields.get("service_tier")
    if tier is not None and not _is_name(tier, SERVICE_TIER_LIMIT):
        return BadField("service_tier", _sketch(tier))
    asked = max((limit for limit in limits if limit is not None), default=None)
    return Body(model, asked, choices, tier, any(fields.get(key) for key in CONTINUED_KEYS))


def model_name(fields: Mapping[str, Any]) -> str | None:
    """The model asked for, or None when it is no name: Postgres, for one, keeps no NUL in a text."""
    model = fields.get("model")
    return model if _is_name(model, MODEL_NAME_LIMIT) else None


def _is_name(value: Any, limit: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= limit and value.isprintable()


def _sketch(value: Any) -> str:
    """Enough to judge the refusal again by (accounting/audit/door.py)."""
    if value is None:
        return "absent"
    if isinstance(value, bool | int | float):
        return repr(value)[:SKETCH_LIMIT]
    if isinstance(value, str):
        return f"text of {len(value)}" + ("" if value.isprintable() else ", unprintable")
    return "no scalar"


def _refused_key(fields: Mapping[str, Any]) -> str | None:
    if fields.get("background"):
        return "background"
    return next((key for key in REFUSED_KEYS if fields.get(key) is not None), None)


def _whole(value: Any, limit: int) -> int | None:
    """A positive whole number up to `limit`; JSON numbers arrive as doubles."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 (NaN)
        return None
    return int(value) if 1 <= value <= limit and value == int(value) else None
