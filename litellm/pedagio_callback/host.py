"""What LiteLLM itself knows about its models: the prices it will bill, whose model it is.

The only module that looks inside LiteLLM. Whatever it cannot find it does not say: the
token's own terms then stand alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any

from .terms import Prices
from .token import Above

PICOS_PER_USD = 10**12
KEEP_FOR_S = 60.0
THOUSAND = 1000
TIER_SUFFIXES = {"priority": "_priority", "flex": "_flex"}
COMPLETION_LIMIT_PROVIDERS = frozenset({"openai", "azure"})

log = logging.getLogger("pedagio")

Entry = Mapping[str, Any]


class LiteLLMModels:
    """Answers from LiteLLM's router and price map in memory, remembered for a minute.

    `router` gives LiteLLM's router (or None), `model_info` its price entry for a model name.
    """

    def __init__(
        self,
        router: Callable[[], Any],
        model_info: Callable[[str], Entry],
        clock: Callable[[], float],
    ) -> None:
        self._router = router
        self._model_info = model_info
        self._clock = clock
        self._entries: dict[str, tuple[float, list[Entry]]] = {}

    def billed_prices(self, model: str, service_tier: str | None) -> Prices | None:
        """The dearest price over every deployment the router may reach from a name."""
        prices = [
            price
            for entry in self._reachable(model)
            if (price := _prices(entry, TIER_SUFFIXES.get(service_tier or "", ""))) is not None
        ]
        if not prices:
            return None
        return Prices(
            max(price.input_picos for price in prices),
            max(price.output_picos for price in prices),
            _dearest_above([price.above for price in prices if price.above is not None]),
        )

    def takes_completion_limit(self, model: str) -> bool:
        """True when every deployment takes `max_completion_tokens`."""
        entries = self._reachable(model)
        return bool(entries) and all(
            entry.get("litellm_provider") in COMPLETION_LIMIT_PROVIDERS
            or entry.get("supports_reasoning") is True
            for entry in entries
        )

    def _reachable(self, model: str) -> list[Entry]:
        now_s = self._clock()
        kept = self._entries.get(model)
        if kept is not None and now_s - kept[0] < KEEP_FOR_S:
            return kept[1]
        try:
            entries = list(self._look_up(model))
        except Exception:  # another version of LiteLLM: the token's prices stand
            log.warning("pedagio: LiteLLM's prices cannot be read", exc_info=True)
            entries = []
        if len(self._entries) >= THOUSAND:
            self._entries.clear()
        self._entries[model] = (now_s, entries)
        return entries

    def _look_up(self, model: str) -> Iterable[Entry]:
        router = self._router()
        if router is None:
            return
        for name in fallback_chain(model, router.fallbacks or []):
            for deployment in router.get_model_list(model_name=name) or []:
                yield self._entry(deployment)

    def _entry(self, deployment: Entry) -> Entry:
        """The price entry of a deployment: LiteLLM's map, then the deployment's own figures."""
        parameters = deployment.get("litellm_params") or {}
        own = deployment.get("model_info") or {}
        named = own.get("base_model") or parameters.get("base_model") or parameters.get("model")
        try:
            known = dict(self._model_info(str(named)))
        except Exception:  # noqa: BLE001 - LiteLLM raises bare Exception for an unknown model
            known = {}
        custom = {
            key: value
            for source in (own, parameters)
            for key, value in source.items()
            if "cost_per_token" in key and value is not None
        }
        return known | custom


def fallback_chain(model: str, fallbacks: Iterable[Entry]) -> list[str]:
    """Every model group that a call for `model` may end up at, itself first."""
    table: dict[str, list[Any]] = {}
    for group in fallbacks:
        for name, targets in group.items():
            table.setdefault(name, []).extend(targets)
    chain = [model]
    for name in chain:  # grows while it is walked; every name enters once
        targets = table.get(name, []) + table.get("*", [])
        chain += [t for t in dict.fromkeys(targets) if isinstance(t, str) and t not in chain]
    return chain


def _prices(entry: Entry, suffix: str) -> Prices | None:
    """Read an entry; a tier without a price of its own is billed at the standard one."""

    def dearest(name: str) -> int:
        tier = _picos(entry.get(name + suffix))
        return tier if tier is not None else _picos(entry.get(name)) or 0

    if _picos(entry.get("input_cost_per_token")) is None:
        return None
    return Prices(
        dearest("input_cost_per_token"),
        dearest("output_cost_per_token"),
        _above(entry, suffix),
    )


def _above(entry: Entry, suffix: str) -> Above | None:
    """The prices of long prompts: keys like `input_cost_per_token_above_200k_tokens`."""
    found = []
    for key in entry:
        head, _, tail = key.partition("_above_")
        digits = tail.removesuffix(suffix).removesuffix("k_tokens")
        if head != "input_cost_per_token" or not digits.isdigit():
            continue
        input_picos = _picos(entry.get(key)) or 0
        output_picos = _picos(entry.get(key.replace("input_", "output_", 1))) or 0
        found.append(Above(int(digits) * THOUSAND, input_picos, output_picos))
    return _dearest_above(found)


def _dearest_above(found: list[Above]) -> Above | None:
    """One tier that is no cheaper than any of them."""
    if not found:
        return None
    return Above(
        min(item.threshold_tokens for item in found),
        max(item.input_picos for item in found),
        max(item.output_picos for item in found),
    )


def _picos(value: Any) -> int | None:
    """USD per token as LiteLLM's float, rounded up to whole picos; None when it is no price."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        picos = Decimal(str(value)) * PICOS_PER_USD
        return max(0, int(picos.to_integral_value(rounding=ROUND_CEILING)))
    except (InvalidOperation, OverflowError, ValueError):
        return None
