"""The model map: what a client may ask for, which deployments may answer, at which prices.

Clients ask for LiteLLM's `model_name`, often an alias. The bound uses the dearest deployment
the router may pick, fallback chain included; the debit uses the one that answered.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

from credit.prices import TIER_SUFFIX, Price, rates_for

MIN_OUTPUT_TOKENS = 256
# A reasoning model cut short returns nothing and is billed.
MIN_REASONING_OUTPUT_TOKENS = 4096
FALLBACK_DEPTH = 8
BEYOND_ALL_THRESHOLDS = 10**12
STANDARD_TIERS = {None, "", "default", "standard", "standard_only"}


@dataclass(frozen=True, slots=True)
class Terms:
    """The dearest terms under which a name may be answered: prices in pico-USD per token, sizes in tokens.

    `above`: (threshold, input, output) once the prompt has more tokens than the threshold.
    Sizes of 0 mean unknown.
    """

    input_picos: int
    output_picos: int
    above: tuple[int, int, int] | None
    audio_in_picos: int
    audio_out_picos: int
    context_tokens: int
    max_output_tokens: int
    min_output_tokens: int
    image_tokens: int
    reasoning: bool
    free: bool


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
        self.terms = lru_cache(maxsize=4096)(self._terms)
        self._by_id = {
            (entry.name, deployment.model_id): deployment.price
            for entry in entries.values()
            for deployment in entry.deployments
        }
        # With a fallback the answer carries the id of another name's deployment.
        self._any_id = {model_id: price for (_, model_id), price in self._by_id.items()}

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
        """The price of the deployment that answered; for an unknown id the name's own, when it has just one."""
        found = self._by_id.get((name, model_id)) or self._any_id.get(model_id)
        if found is not None:
            return found
        entry = self.entries.get(name)
        prices = {d.price.key: d.price for d in entry.deployments if d.price} if entry else {}
        return next(iter(prices.values())) if len(prices) == 1 else None

    def _terms(self, name: str, service_tier: str | None) -> Terms | None:
        """Dearest terms in the tier asked for; None: unknown name, or a deployment without a price."""
        deployments = [d for entry in self.reachable(name) for d in entry.deployments]
        prices = [d.price for d in deployments if d.price is not None]
        if not prices or len(prices) != len(deployments):
            return None
        return _dearest(prices, _tiers(service_tier))

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
            entries[alias] = ModelEntry(alias, entries[name].deployments, entries[name].fallbacks)
    return ModelMap(entries)


def _deployment(item: Mapping[str, Any], prices: Mapping[str, Price]) -> Deployment:
    info: Mapping[str, Any] = item.get("model_info") or {}
    model = str((item.get("litellm_params") or {}).get("model") or "")
    key = str(info.get("key") or model)
    price = (
        Price.from_litellm(key, info) or prices.get(key) or prices.get(str(info.get("base_model")))
    )
    custom = bool(info.get("pricing_overrides"))
    return Deployment(str(info.get("id") or ""), model, price, custom)


def _tiers(service_tier: str | None) -> tuple[str | None, ...]:
    """The tiers that may be billed: never only a cheaper one, since the provider may serve standard."""
    if service_tier in STANDARD_TIERS:
        return (None,)
    tier = (service_tier or "").lower()
    if tier == "auto":
        return (None, "priority")
    return (None, tier) if tier in TIER_SUFFIX else (None, *TIER_SUFFIX)


def _dearest(prices: list[Price], tiers: tuple[str | None, ...]) -> Terms:
    low = [rates_for(price, 0, tier) for price in prices for tier in tiers]
    high = [
        rates_for(price, size, tier)
        for price in prices
        for tier in tiers
        for size in (*(threshold + 1 for threshold in price.thresholds), BEYOND_ALL_THRESHOLDS)
    ]
    thresholds = [
        price.thresholds[0] - (price.provider == "xai") for price in prices if price.thresholds
    ]
    input_picos, output_picos = (
        max(r.dearest_input for r in low),
        max(r.dearest_output for r in low),
    )
    beyond = max(r.dearest_input for r in high), max(r.dearest_output for r in high)
    reasoning = any(price.reasoning for price in prices)
    return Terms(
        input_picos=input_picos,
        output_picos=output_picos,
        above=(min(thresholds), max(beyond[0], input_picos), max(beyond[1], output_picos))
        if thresholds
        else None,
        audio_in_picos=max(r.audio_input for r in high),
        audio_out_picos=max(r.audio_output for r in high),
        context_tokens=_largest(price.context_tokens for price in prices),
        max_output_tokens=_largest(price.max_output_tokens for price in prices),
        min_output_tokens=MIN_REASONING_OUTPUT_TOKENS if reasoning else MIN_OUTPUT_TOKENS,
        image_tokens=_largest(price.image_tokens for price in prices),
        reasoning=reasoning,
        free=all(price.free for price in prices),
    )


def _largest(sizes: Iterable[int]) -> int:
    """The largest, or 0 (unknown) as soon as one is unknown."""
    known = list(sizes)
    return max(known) if all(known) else 0
