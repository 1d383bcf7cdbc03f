"""The model map: what a client may ask for, which deployments may answer, at which prices.

Clients ask for LiteLLM's `model_name`, often an alias. The bound uses the dearest deployment
the router may pick, fallback chain included; the debit uses the one that answered.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Self
from urllib.parse import urlsplit

from credit.prices import Price
from credit.terms import Terms, dearest_terms

__all__ = ["Deployment", "ModelEntry", "ModelMap", "Terms", "model_map_from_info"]

# LiteLLM itself follows at most five fallbacks.
FALLBACK_DEPTH = 8
TERMS_KEPT = 4096
# Where OpenAI serves a project in one region, LiteLLM multiplies the cost by the model's factor.
REGION_OF_OPENAI_HOST = {"eu.api.openai.com": "eu", "us.api.openai.com": "us"}


@dataclass(frozen=True, slots=True)
class Deployment:
    """One place where a name is answered; `price` None: it has no price by tokens."""

    model_id: str
    model: str
    price: Price | None
    custom: bool


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A name with its deployments and the names LiteLLM falls back to, in order."""

    name: str
    deployments: tuple[Deployment, ...]
    fallbacks: tuple[str, ...] = ()


class ModelMap:
    """All names that can be asked for; lookups are kept, since the door makes one per request."""

    def __init__(self, entries: Mapping[str, ModelEntry]) -> None:
        """`entries` by name."""
        self.entries = entries
        self.terms = lru_cache(maxsize=TERMS_KEPT)(self._terms)

    def reachable(self, name: str) -> list[ModelEntry]:
        """The name's entry, then those of its fallback chain, each once."""
        found: dict[str, ModelEntry] = {}
        waiting = [name]
        for _ in range(FALLBACK_DEPTH):
            entries = [self.entries[n] for n in waiting if n in self.entries and n not in found]
            found |= {entry.name: entry for entry in entries}
            waiting = [n for entry in entries for n in entry.fallbacks]
        return list(found.values())

    def find_price(self, name: str, model_id: str) -> Price | None:
        """The price of the deployment that answered a call for `name`, a fallback's included.

        For an unknown id: the name's own price, when all its deployments share one.
        """
        deployments = [d for entry in self.reachable(name) for d in entry.deployments]
        for deployment in deployments:
            if deployment.model_id == model_id and deployment.price is not None:
                return deployment.price
        entry = self.entries.get(name)
        prices = [d.price for d in entry.deployments] if entry else []
        return prices[0] if prices and all(price == prices[0] for price in prices) else None

    def _terms(self, name: str, service_tier: str | None) -> Terms | None:
        """Dearest terms in the tier asked for; None: unknown name, or a deployment without a price."""
        deployments = [d for entry in self.reachable(name) for d in entry.deployments]
        prices = [d.price for d in deployments if d.price is not None]
        if not prices or len(prices) != len(deployments):
            return None
        return dearest_terms(prices, service_tier)

    def to_json(self) -> dict[str, Any]:
        """As stored in Postgres."""
        return {
            entry.name: {
                "fallbacks": list(entry.fallbacks),
                "deployments": [
                    {
                        "model_id": d.model_id,
                        "model": d.model,
                        "custom": d.custom,
                        "price": d.price.to_json() if d.price else None,
                    }
                    for d in entry.deployments
                ],
            }
            for entry in sorted(self.entries.values(), key=lambda e: e.name)
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """The inverse of to_json."""
        return cls(
            {
                name: ModelEntry(
                    name,
                    tuple(
                        Deployment(
                            d["model_id"],
                            d["model"],
                            Price.from_json(d["price"]) if d["price"] else None,
                            d["custom"],
                        )
                        for d in entry["deployments"]
                    ),
                    tuple(entry["fallbacks"]),
                )
                for name, entry in body.items()
            }
        )


def model_map_from_info(
    deployments: Iterable[Mapping[str, Any]],
    prices: Mapping[str, Price],
    fallbacks: Mapping[str, Iterable[str]],
    aliases: Mapping[str, str],
) -> ModelMap:
    """Build the map from `data` of LiteLLM's `/model/info`.

    There LiteLLM has already merged custom prices, base models (Azure) and expanded wildcards;
    `prices` (the price book) stands in where an entry names a known model without prices.
    `fallbacks` and `aliases` are the router's; the fallback `*` holds for every name.
    """
    grouped: dict[str, list[Deployment]] = {}
    for item in deployments:
        grouped.setdefault(str(item["model_name"]), []).append(_deployment(item, prices))
    general = tuple(fallbacks.get("*") or ())
    entries = {
        name: ModelEntry(name, tuple(found), tuple(fallbacks.get(name) or ()) + general)
        for name, found in grouped.items()
    }
    for alias, name in aliases.items():
        if name in entries:
            # Whether LiteLLM follows the chain of the alias or of its name: both count.
            chains = (*(fallbacks.get(alias) or ()), *entries[name].fallbacks)
            entries[alias] = ModelEntry(alias, entries[name].deployments, chains)
    return ModelMap(entries)


def _deployment(item: Mapping[str, Any], prices: Mapping[str, Price]) -> Deployment:
    info: Mapping[str, Any] = item.get("model_info") or {}
    parameters: Mapping[str, Any] = item.get("litellm_params") or {}
    model = str(parameters.get("model") or "")
    key = str(info.get("key") or model)
    custom = _is_custom(info, parameters)
    price = Price.from_litellm(key, info)
    if price is None or (price.free and not custom):
        # LiteLLM writes 0 where it knows no price; only a zero that somebody wrote is one.
        price = None if custom else prices.get(key) or prices.get(str(info.get("base_model")))
    if price is not None and (factor := _region_factor(info, parameters)) != 1:
        price = price.scaled(factor)
    return Deployment(str(info.get("id") or ""), model, price, custom)


def _is_custom(info: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    """Whether the installation set prices of its own; older LiteLLM shows them in the parameters."""
    written = parameters.get("input_cost_per_token") is not None
    return bool(info.get("pricing_overrides")) or written


def _region_factor(info: Mapping[str, Any], parameters: Mapping[str, Any]) -> Decimal:
    """What LiteLLM multiplies the cost of this deployment by: OpenAI by host, Vertex by location."""
    location = str(parameters.get("vertex_location") or "global").lower()
    region = REGION_OF_OPENAI_HOST.get(
        urlsplit(str(parameters.get("api_base") or "")).hostname or ""
    )
    factor = None
    if info.get("litellm_provider") == "openai" and region is not None:
        factor = info.get(f"regional_processing_uplift_multiplier_{region}")
    elif location != "global":
        factor = info.get("regional_endpoint_uplift_multiplier")
    return Decimal(str(factor or 1))
