"""What a new price book changes in the one in force: pure, prices in pico-USD per token."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from credit.prices import Price

# A price that moves by this factor, up or down, is more often a slip than a decision.
SHARP_FACTOR: Final = 10


@dataclass(frozen=True, slots=True)
class PriceChange:
    """One price of one model; None: that side does not name it. Pico-USD per token."""

    model: str
    field: str
    old: int | None
    new: int | None

    @property
    def percent(self) -> int | None:
        """The change in whole per cent, rounded away from zero; None: there is nothing to compare."""
        if not self.old or self.new is None:
            return None
        change = (self.new - self.old) * 100
        return -(-change // self.old) if change > 0 else -(-change // -self.old) * -1

    @property
    def sharp(self) -> bool:
        """Tenfold or more, up or down; to or from nothing counts: it makes a model free, or ends it."""
        if self.old is None or self.new is None or self.old == self.new:
            return False
        low, high = sorted((self.old, self.new))
        return high >= low * SHARP_FACTOR


@dataclass(frozen=True, slots=True)
class PriceDifference:
    """Models that come, models that go, prices that change; each sorted by name."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[PriceChange, ...]

    @property
    def sharp(self) -> tuple[PriceChange, ...]:
        """The changes that must be meant."""
        return tuple(change for change in self.changed if change.sharp)


def compare_prices(old: Mapping[str, Price], new: Mapping[str, Price]) -> PriceDifference:
    """What becomes of `old` once `new` is in force."""
    kept = sorted(old.keys() & new.keys())
    return PriceDifference(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(change for key in kept for change in _changes(old[key], new[key])),
    )


def _changes(old: Price, new: Price) -> list[PriceChange]:
    names = sorted(old.picos.keys() | new.picos.keys())
    pairs = ((name, old.picos.get(name), new.picos.get(name)) for name in names)
    return [PriceChange(old.key, name, a, b) for name, a, b in pairs if a != b]
