"""Degrading before dying: the cheaper model that a policy names for the one asked for."""

from dataclasses import replace
from typing import Final

from authz.call import Call, Sizes
from credit.cheaper import find_cheaper
from credit.grant import decide
from credit.ledger import Placed
from credit.models import ModelMap
from credit.policy import Policy
from credit.refusal import Reason

# Refusals that a cheaper model could have spared.
HINTED: Final = frozenset({Reason.INSUFFICIENT_CREDIT, Reason.REQUEST_TOO_LARGE})


def cheaper_call(call: Call, models: ModelMap | None) -> Call | None:
    """The same call of the cheaper model; None: there is none, as on flat routes, where every model holds the same."""
    if call.flat_nanos is not None:
        return None
    name = find_cheaper(call.policy, call.body.model, models)
    if name is None or models is None:
        return None
    terms = models.terms(name, call.body.service_tier)
    return replace(call, body=replace(call.body, model=name), terms=terms) if terms else None


def fits(sizes: Sizes, placed: Placed, policy: Policy) -> bool:
    """Whether the figures of a refusal would have been enough for a call of these sizes."""
    return (
        decide(
            placed.available_nanos,
            sizes.want_nanos,
            sizes.target_nanos,
            sizes.minimum_nanos,
            policy.grant_rule,
        )
        is not None
    )
