"""The cheaper model that a policy names for the one asked for, where it would be of any use (pure)."""

from credit.models import ModelMap
from credit.policy import Policy
from credit.terms import Terms


def find_cheaper(policy: Policy, model: str, models: ModelMap | None) -> str | None:
    """The model to use instead, if it may be used and has a price."""
    name = policy.cheaper.get(model)
    if name is None or models is None or not policy.allows(name):
        return None
    return name if models.terms(name, None) is not None else None


def bound_elsewhere(nanos: int, asked: Terms, other: Terms) -> int | None:
    """At most what a call costs under other terms that costs `nanos` under these; None: nobody can say.

    The tokens are not known, so each price is taken for the worst of the two: this one's lowest, the
    other's highest. A longer least answer over there would be more tokens.
    """
    if other.min_output_tokens > asked.min_output_tokens:
        return None
    _, dear_input, dear_output = other.above or (0, 0, 0)
    bound = 0
    for here, there in (
        (asked.input_picos, max(other.input_picos, dear_input)),
        (asked.output_picos, max(other.output_picos, dear_output)),
    ):
        if here == 0 and there > 0:
            return None
        bound = max(bound, -(-nanos * there // here) if here else 0)
    return bound
