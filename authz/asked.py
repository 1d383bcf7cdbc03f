"""What is asked for: the checked body with its terms, or the first problem with it."""

from authz.answers import Problem
from authz.body import BadField, Body, read_body
from authz.flat import NO_PRICES, read_flat
from authz.listing import in_words, usable
from authz.request import Request
from credit.cheaper import find_cheaper
from credit.flat import FLAT_ROUTES
from credit.models import ModelMap
from credit.policy import Policy
from credit.refusal import Reason
from credit.terms import Terms


def read_asked(
    request: Request, policy: Policy, models: ModelMap | None
) -> tuple[Body, Terms] | Problem:
    """The body as far as the door sees it, allowed by the policy and priced."""
    if request.has_query:
        return Problem(Reason.BAD_REQUEST, "query")
    if not request.hold_id:
        return Problem(Reason.BAD_REQUEST, "x-request-id")
    flat = FLAT_ROUTES.get(request.path)
    body = read_flat(request, flat) if flat else read_body(request.body)
    if isinstance(body, BadField):
        return Problem(Reason.BAD_REQUEST, body.name, seen=body.seen)
    if not policy.allows(body.model):
        offered = in_words(usable(models, policy)) if models else ""
        return Problem(Reason.MODEL_NOT_ALLOWED, body.model, fields={"models": offered})
    if flat:
        return body, NO_PRICES
    terms = models.terms(body.model, body.service_tier) if models else None
    if terms is not None:
        return body, terms
    cheaper = find_cheaper(policy, body.model, models) or ""
    return Problem(Reason.MODEL_UNPRICED, body.model, fields={"cheaper_model": cheaper})
