"""The model map: what a client may ask for, which deployments may answer, at which prices.

Clients ask for LiteLLM's `model_name`, often an alias. The bound uses the dearest deployment
the router may pick, fallback chain included; the debit uses the one that answered.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Self

from credit.deployment_price import deployment_price, own_prices
from credit.override import ANY_NAME, Override, set_here
from credit.prices import Price, rates_for
from credit.terms import Terms, dearest_terms

__all__ = ["Deployment", "ModelEntry", "ModelMap", "Terms", "model_map_from_info"]

# LiteLLM itself follows at most five fallbacks.
FALLBACK_DEPTH = 8
TERMS_KEPT = 4096


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

    def __init__(self, entries: Mapping[str, ModelEntry], version: int | None = None) -> None:
        """`entries` by name; `version` as the ledger numbers it, None before it is stored."""
        self.entries = entries
        self.version = version
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

    def find_dearest(self, name: str) -> Price | None:
        """The price of the name's dearest deployment, when nobody knows which one answered."""
        entry = self.entries.get(name)
        prices = [d.price for d in entry.deployments if d.price is not None] if entry else []
        return max(prices, key=lambda price: rates_for(price, 0).output, default=None)

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
    def from_json(cls, body: Mapping[str, Any], version: int | None = None) -> Self:
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
            },
            version,
        )


def model_map_from_info(
    deployments: Iterable[Mapping[str, Any]],
    prices: Mapping[str, Price],
    fallbacks: Mapping[str, Iterable[str]],
    aliases: Mapping[str, str],
    *,
    carried: Mapping[str, Price] | None = None,
    overrides: Mapping[str, Override] = MappingProxyType({}),
) -> ModelMap:
    """Build the map from `data` of LiteLLM's `/model/info`.

    There LiteLLM has already expanded wildcards; what it bills each deployment by is told by
    credit/deployment_price.py, with `prices`, the price book. `carried`: a person brought that book, and
    LiteLLM itself carries this one. `overrides`: prices set here, by name. `fallbacks` and `aliases` are
    the router's; the fallback `*` holds for every name.
    """
    items = list(deployments)
    expanded = _expanded(items)
    grouped: dict[str, list[Deployment]] = {}
    for item in items:
        found = grouped.setdefault(str(item["model_name"]), [])
        found.append(_deployment(item, prices, expanded, carried))
    general = tuple(fallbacks.get("*") or ())
    entries = {
        name: ModelEntry(
            name,
            tuple(_overridden(each, name, overrides) for each in found),
            tuple(fallbacks.get(name) or ()) + general,
        )
        for name, found in grouped.items()
    }
    for alias, name in aliases.items():
        if name in entries:
            # Whether LiteLLM follows the chain of the alias or of its name: both count.
            chains = (*(fallbacks.get(alias) or ()), *entries[name].fallbacks)
            behind = entries[name].deployments
            entries[alias] = ModelEntry(
                alias, tuple(_overridden(each, alias, overrides) for each in behind), chains
            )
    return ModelMap(entries)


def _deployment(
    item: Mapping[str, Any],
    prices: Mapping[str, Price],
    expanded: Collection[str],
    carried: Mapping[str, Price] | None,
) -> Deployment:
    info: Mapping[str, Any] = item.get("model_info") or {}
    parameters: Mapping[str, Any] = item.get("litellm_params") or {}
    model_id = str(info.get("id") or "")
    inherits = model_id not in expanded
    price = deployment_price(
        info, parameters, prices, inherits=inherits, book_prevails=carried is not None
    )
    if price is not None and carried is not None:
        # Where the book that a person brought says what LiteLLM would bill anyway, LiteLLM stays the meter.
        billed = deployment_price(info, parameters, carried, inherits=inherits)
        same = billed is not None and billed.picos == price.picos
        price = price if same else replace(price, house=True)
    custom = bool(own_prices(info, parameters))
    return Deployment(model_id, str(parameters.get("model") or ""), price, custom)


def _overridden(deployment: Deployment, name: str, overrides: Mapping[str, Override]) -> Deployment:
    """With the price set here for this name; the one for any name only where there is none at all."""
    chosen = overrides.get(name)
    if chosen is None and deployment.price is None:
        chosen = overrides.get(ANY_NAME)
    if chosen is None:
        return deployment
    return replace(deployment, price=set_here(chosen, deployment.model, deployment.price))


def _expanded(deployments: Iterable[Mapping[str, Any]]) -> set[str]:
    """The ids that stand for several models: wildcards, which LiteLLM lists name by name."""
    models: dict[str, set[str]] = {}
    for item in deployments:
        model_id = str((item.get("model_info") or {}).get("id") or "")
        models.setdefault(model_id, set()).add(
            str((item.get("litellm_params") or {}).get("model") or "")
        )
    return {model_id for model_id, found in models.items() if len(found) > 1}
