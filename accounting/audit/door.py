"""Recomputes refusals made at the door, before any figure was asked for: from what the decision names."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from credit.models import ModelMap
from credit.policy import Policy

# The paths that are metered: authz/call.py has their routes; a test holds the two equal.
METERED = frozenset({"/v1/chat/completions", "/v1/responses", "/v1/embeddings"})

# What the door refuses a body for: authz/body.py and authz/asked.py have the rules; a test holds the two equal.
PRESENT = frozenset({"query", "x-request-id", "content-type", "body", "background"})
REFUSED = frozenset(
    {
        "no-log", "num_retries", "max_retries", "api_base", "api_key", "base_url",
        "custom_llm_provider", "mock_response", "timeout", "request_timeout", "cache", "caching",
        "no-cache", "user_config", "litellm_call_id", "litellm_trace_id", "drop_params",
        "use_litellm_proxy", "region_name", "organization", "input_cost_per_token",
        "output_cost_per_token", "guardrails", "web_search_options", "best_of",
    }
)  # fmt: skip
NUMBERS = {
    "max_tokens": 10_000_000,
    "max_completion_tokens": 10_000_000,
    "max_output_tokens": 10_000_000,
    "n": 128,
}
TEXTS = {"model": 256, "service_tier": 64}
_TEXT = re.compile(r"text of ([0-9]+)")

Row = Mapping[str, Any]


def recompute(row: Row, maps: Sequence[ModelMap], policies: Sequence[Policy] = ()) -> str | None:
    """What is wrong with a refusal of the door's, or None.

    `maps`, `policies`: the model maps and policies that replicas may have had then.

    Raises LookupError where the refusal does not store what it was decided on.
    """
    reason = row["reason"]
    if reason == "model_unpriced":
        return _unpriced(row["detail"] or row["model"] or "", maps)
    if reason == "identity_missing":
        known = row["account_id"] is not None
        return f"account {row['account_id']} was known" if known else None
    if reason == "bad_request":
        return _bad_request(row)
    if reason == "unknown_path":
        path = row["detail"]
        if not path:
            raise LookupError("the path was not stored")
        return None if path not in METERED else f"{path} is among the metered paths"
    if reason == "enforcement_unavailable":
        return None if row["want"] is None else "it has figures: the ledger had answered"
    if reason == "model_not_allowed":
        _demand_refusal(row["detail"] or row["model"] or "", policies)
        return None
    raise LookupError(f"the door never gave the reason {reason} without figures")


def _unpriced(name: str, maps: Sequence[ModelMap]) -> str | None:
    """Whether a name has a price does not depend on the tier asked for, which is not stored."""
    priced = [bool(found.terms(name, None)) for found in maps]
    return f"{name} had a price" if priced and all(priced) else None


def _demand_refusal(name: str, policies: Sequence[Policy]) -> None:
    """Whose plan a person was on then is not stored: what today's plan allows is no proof of an error."""
    if all(policy.allows(name) for policy in policies):
        raise LookupError(
            f"the policies of then allow {name}, by the plan that the person is on now"
        )


def _bad_request(row: Row) -> str | None:
    """By the field, and by what the door kept of its value: no text ever is."""
    name, _, seen = str(row["detail"] or "").partition(" = ")
    if not name:
        return "it names no field"
    if name == "x-user-id":
        return None if row["client_kind"] == "service" else "a trusted client may name a person"
    if name in PRESENT or name in REFUSED:
        return None  # that it was there, or could not be read, is the reason
    if not seen:
        raise LookupError(f"the value of {name} is not kept (no body is)")
    if name in NUMBERS:
        return f"{name} was {seen}" if _is_whole(seen, NUMBERS[name]) else None
    if name in TEXTS:
        return f"{name} was a {seen}" if _is_name(seen, TEXTS[name]) else None
    return f"{name} is no field that the door refuses"


def _is_whole(seen: str, limit: int) -> bool:
    """A whole number from 1 to the limit, as the door wrote it down; JSON numbers arrive as doubles."""
    try:
        value = float(seen)
    except ValueError:
        return False
    return 1 <= value <= limit and value == int(value)


def _is_name(seen: str, limit: int) -> bool:
    found = _TEXT.fullmatch(seen)
    return found is not None and 0 < int(found[1]) <= limit
