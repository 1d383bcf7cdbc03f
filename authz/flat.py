"""Calls of flat routes: what the door may know of them, and the terms that stand in for a price."""

from typing import Final

from authz.body import BadField, Body, read_body
from authz.request import Request
from credit.flat import FlatRoute
from credit.terms import Terms

# No token has a price here: the amount of the policy is all that is held.
NO_PRICES: Final = Terms(
    input_picos=0,
    output_picos=0,
    above=None,
    audio_in_picos=0,
    audio_out_picos=0,
    context_tokens=0,
    max_output_tokens=0,
    min_output_tokens=0,
    image_tokens=0,
    reasoning=False,
    free=False,
)


def read_flat(request: Request, route: FlatRoute) -> Body | BadField:
    """The checked body; of a form nothing is seen here, so its model is the route's own name.

    LiteLLM takes JSON on the paths of forms too, and never looks at the type on the others: each path
    gets its own type or is refused, so that nobody chooses what is not looked at.
    """
    if not route.is_form:
        return read_body(request.body)
    if not request.is_form:
        return BadField("content-type")
    return Body(route.name, None, 1, None, continued=False)
