"""Calls whose cost does not follow from tokens: images, audio, moderations (DESIGN 4).

The policy's amount was held for each answer; here the fields are checked, and the answers counted. An
upload is a form: nobody before LiteLLM could look into it, so this is the only check it gets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .body import MOST_CHOICES, EndpointRules
from .bound import Measured
from .reading import Reading, UnacceptableBodyError
from .terms import Output, Terms
from .token import HoldToken

FORMS = frozenset({"image_edits", "transcriptions"})
ROUTES = FORMS | {"images", "speech", "moderations"}
# Fields that are files: LiteLLM's objects, not a client's values.
FILES = frozenset({"image", "mask", "file"})
# LiteLLM's own holder; what a client put into it is taken out again (metadata.py).
HOLDERS = frozenset({"metadata"})


def is_foreign(token: HoldToken, body: Mapping[str, Any]) -> bool:
    """Whether the token was made for another model; of a form authz saw none."""
    return token.route not in FORMS and token.named_model != body.get("model")


def read_flat(rules: EndpointRules, token: HoldToken, body: Mapping[str, Any]) -> Reading:
    """Check the fields, count the answers; raises UnacceptableBodyError in enforce."""
    problem = find_problem(rules, body)
    if problem and token.mode == "enforce":
        raise UnacceptableBodyError(problem)
    answers = body.get("n")
    count = answers if type(answers) is int and answers > 0 else 1
    return Reading(
        problem=problem,
        thinks=False,
        continues=None,
        measured=Measured(0, 0, None, audio=False),
        input_tokens=0,
        count_tokens=0,
        terms=Terms(0, 0, 0, token.fee_nanos * count, price_stale=False),
        output=Output(0, 0, 1, limited=True),
    )


def find_problem(rules: EndpointRules, body: Mapping[str, Any]) -> str | None:
    """The first field that is not on the list, or is no plain value."""
    for key, value in body.items():
        if key not in rules.keys:
            return str(key) or '""'
        if key not in FILES | HOLDERS and not _is_plain(value):
            return key
    model, answers = body.get("model"), body.get("n")
    if not isinstance(model, str) or not model:
        return "model"
    counted = answers is None or (type(answers) is int and 1 <= answers <= MOST_CHOICES)
    return None if counted else "n"


def _is_plain(value: Any) -> bool:
    """A scalar, or a list of texts (`timestamp_granularities[]`, several inputs to judge)."""
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    return value is None or isinstance(value, str | int | float | bool)
