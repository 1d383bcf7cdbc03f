"""Recomputes refusals made at the door, before any figure was asked for: from what the decision names."""

from collections.abc import Mapping, Sequence
from typing import Any

from credit.models import ModelMap
from credit.policy import Policy

# The paths that are metered: authz/call.py has their routes; a test holds the two equal.
METERED = frozenset({"/v1/chat/completions", "/v1/responses", "/v1/embeddings"})

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
    """The door keeps no body, so the value of the field is gone; whose field it was can be judged."""
    if not row["detail"]:
        return "it names no field"
    if row["detail"] == "x-user-id":
        return None if row["client_kind"] == "service" else "a trusted client may name a person"
    raise LookupError(f"the value of {row['detail']} is not kept (no body is)")
