"""A price that a person sets for one name, in place of what LiteLLM says: it is held and debited (pure)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

from credit.prices import METERS, Price

# Stands for each name without a price of its own: the installation's default price.
ANY_NAME: Final = "*"


@dataclass(frozen=True, slots=True)
class Override:
    """Pico-USD per token; `cached` None: as input. Sizes in tokens; 0: what LiteLLM says of the model."""

    input: int
    output: int
    cached: int | None = None
    context: int = 0
    max_output: int = 0

    def to_json(self) -> dict[str, Any]:
        """As stored in Postgres."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """The inverse of to_json."""
        return cls(**body)


def set_here(override: Override, key: str, known: Price | None) -> Price:
    """The price of a deployment under an override; its limits are those that are known of the model."""
    picos = {METERS["input"]: override.input, METERS["output"]: override.output}
    if override.cached is not None:
        picos[METERS["cached"]] = override.cached
    base = known or Price(key, "", 0, 0, reasoning=False, image_tokens=0, picos={})
    return replace(
        base,
        context_tokens=override.context or base.context_tokens,
        max_output_tokens=override.max_output or base.max_output_tokens,
        picos=picos,
        region_percent=100,
        house=True,
    )
