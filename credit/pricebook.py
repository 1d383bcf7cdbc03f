"""The price book: all prices of LiteLLM's own price file, as one version.

The file is found without importing LiteLLM (4-12 s, 200 MB).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from credit.prices import Price

PRICE_FILE = "model_prices_and_context_window_backup.json"


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Prices by LiteLLM's model key; `digest` names the contents."""

    digest: str
    prices: Mapping[str, Price]


def find_price_file(explicit: Path | None = None) -> Path:
    """The price file given, or the one inside an installed LiteLLM; FileNotFoundError says what to set."""
    if explicit is not None:
        return explicit
    spec = find_spec("litellm")
    for folder in (
        spec.submodule_search_locations if spec and spec.submodule_search_locations else []
    ):
        if (Path(folder) / PRICE_FILE).is_file():
            return Path(folder) / PRICE_FILE
    raise FileNotFoundError(
        "no LiteLLM in this environment: set PEDAGIO_PRICE_FILE to its price file"
    )


def load_price_book(path: Path) -> PriceBook:
    """Read the file; entries without a price by tokens are left out (their models are refused, never free)."""
    return price_book_of(json.loads(path.read_text(encoding="utf-8")))


def price_book_of(entries: Mapping[str, Any]) -> PriceBook:
    """The book of entries in LiteLLM's format, by model."""
    read = {
        key: Price.from_litellm(key, entry)
        for key, entry in sorted(entries.items())
        if isinstance(entry, dict)
    }
    prices = {key: price for key, price in read.items() if price is not None}
    canonical = json.dumps([price.to_json() for price in prices.values()], separators=(",", ":"))
    return PriceBook(hashlib.sha256(canonical.encode()).hexdigest(), prices)
