"""How a call is answered: the defaults, the faults, and what the user's text orders."""

import dataclasses
import re
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from local.provider.models import Family
from local.provider.text import LANGUAGES

Changeable = TypeVar("Changeable", "Defaults", "Faults")

_BLOCK = re.compile(r"\[\[([^\[\]]{1,400})\]\]")
_FLAGS = frozenset({"no_usage", "hang", "close", "tool"})
_WORDS = frozenset({"tag", "tier", "lang"})
_NUMBERS = frozenset(
    {"tokens", "reasoning", "delay_ms", "rate", "reasoning_rate", "status", "die_after"}
    | {"remember", "cached", "chunk_ms"}
)
MINIMAL_EFFORTS = frozenset({"none", "minimal"})  # of `reasoning_effort`: no hidden tokens


class DirectiveError(ValueError):
    """A directive block with a word that means nothing."""


@dataclass(frozen=True)
class Defaults:
    """What happens when a call orders nothing; rates in tokens a second, ranges in tokens."""

    latency_ms: float = 50.0
    tokens_per_second: float = 80.0
    reasoning_tokens_per_second: float = 1_000.0
    reasoning_range: tuple[int, int] = (200, 8_000)
    answer_range: tuple[int, int] = (40, 400)
    chunk_ms: float = 50.0
    seed: int = 0
    caching: bool = True


@dataclass(frozen=True)
class Faults:
    """Faults injected at run time: rates are shares of calls, `fail_next` a number of calls.

    `fail_models` maps a model name to the HTTP status each of its calls fails with.
    """

    error_rate: float = 0.0
    error_status: int = 500
    hang_rate: float = 0.0
    close_rate: float = 0.0
    die_rate: float = 0.0
    fail_next: int = 0
    fail_models: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Behaviour:
    """One call's orders, resolved: rates in tokens a second, `die_after` in visible tokens."""

    answer_tokens: int
    reasoning_tokens: int
    latency_s: float
    rate: float
    reasoning_rate: float
    chunk_s: float
    language: str
    status: int = 200
    hang: bool = False
    close: bool = False
    die_after: int | None = None
    usage: bool = True
    tool: bool = False
    tag: str | None = None
    tier: str | None = None
    remember: int | None = None
    cached: int | None = None


def parse_directives(text: str) -> dict[str, Any]:
    """The orders in the last `[[key=value flag]]` block of `text`; none when there is no block.

    Raises DirectiveError on a word that is unknown, so a test never orders in vain.
    """
    blocks = _BLOCK.findall(text)
    orders: dict[str, Any] = {}
    for word in blocks[-1].split() if blocks else []:
        key, equals, value = word.partition("=")
        orders[key] = _order(key, value if equals else None)
    return orders


def _order(key: str, value: str | None) -> Any:
    if value is None and key in _FLAGS:
        return True
    if value is not None and key in _WORDS:
        return value
    if value is not None and key in _NUMBERS:
        try:
            return float(value)
        except ValueError:
            pass
    raise DirectiveError(f"unknown directive: {key if value is None else f'{key}={value}'}")


def resolve(
    defaults: Defaults,
    faults: Faults,
    family: Family,
    orders: dict[str, Any],
    random: Random,
) -> Behaviour:
    """Defaults, drawn faults and orders as one behaviour; an order beats a fault."""
    reasoning = random.randint(*defaults.reasoning_range) if family.reasoning else 0
    answer = random.randint(*defaults.answer_range)
    language = random.choice(LANGUAGES)
    die = int(answer * random.random()) if random.random() < faults.die_rate else None
    return Behaviour(
        answer_tokens=int(orders.get("tokens", answer)),
        reasoning_tokens=int(orders.get("reasoning", reasoning)),
        latency_s=orders.get("delay_ms", defaults.latency_ms) / 1000,
        rate=max(orders.get("rate", defaults.tokens_per_second), 0.1),
        reasoning_rate=max(orders.get("reasoning_rate", defaults.reasoning_tokens_per_second), 0.1),
        chunk_s=max(orders.get("chunk_ms", defaults.chunk_ms), 1.0) / 1000,
        language=next((name for name in LANGUAGES if name[:2] == orders.get("lang")), language),
        status=int(orders.get("status", _drawn_status(faults, random))),
        hang=orders.get("hang", False) or random.random() < faults.hang_rate,
        close=orders.get("close", False) or random.random() < faults.close_rate,
        die_after=int(orders["die_after"]) if "die_after" in orders else die,
        usage=not orders.get("no_usage", False),
        tool=orders.get("tool", False),
        tag=orders.get("tag"),
        tier=orders.get("tier"),
        remember=int(orders["remember"]) if "remember" in orders else None,
        cached=int(orders["cached"]) if "cached" in orders else None,
    )


def _drawn_status(faults: Faults, random: Random) -> int:
    return faults.error_status if random.random() < faults.error_rate else 200


def changed(current: Changeable, changes: dict[str, Any]) -> Changeable:
    """`current` with some fields replaced; lists become tuples. Raises TypeError on a new name."""
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in changes.items()}
    return dataclasses.replace(current, **values)
