"""Flat routes: the paths whose cost does not follow from tokens, held for by an amount of the policy (pure).

Source: DESIGN 4. LiteLLM has no route for translations, so there is none here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class FlatRoute:
    """`name` stands in holds, tokens and Envoy's routes; `is_form`: a multipart body, which the door cannot read."""

    name: str
    is_form: bool = False


FLAT_ROUTES: Final[Mapping[str, FlatRoute]] = {
    "/v1/images/generations": FlatRoute("images"),
    "/v1/images/edits": FlatRoute("image_edits", is_form=True),
    "/v1/audio/speech": FlatRoute("speech"),
    "/v1/audio/transcriptions": FlatRoute("transcriptions", is_form=True),
    "/v1/moderations": FlatRoute("moderations"),
}
FLAT_NAMES: Final = frozenset(route.name for route in FLAT_ROUTES.values())
