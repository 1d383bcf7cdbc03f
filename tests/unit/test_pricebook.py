"""The price book: LiteLLM's own price file, read without LiteLLM."""

import json
import sys
from pathlib import Path

import pytest

from credit.pricebook import find_price_file, load_price_book

ENTRIES = {
    "sample_spec": {"mode": "one of: chat, embedding", "input_cost_per_token": 0.0},
    "m": {"mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},
    "picture": {"mode": "image_generation", "output_cost_per_image": 0.04},
    "note": "not an entry",
}


def written(folder: Path, entries: object) -> Path:
    """A price file with these entries."""
    path = folder / "prices.json"
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def test_book_leaves_out_what_tokens_do_not_price(tmp_path: Path) -> None:
    """Their models are refused, never free."""
    assert list(load_price_book(written(tmp_path, ENTRIES)).prices) == ["m"]


def test_book_version_follows_the_prices_alone(tmp_path: Path) -> None:
    """Order and remarks change nothing; a price does."""
    first = load_price_book(written(tmp_path, ENTRIES)).digest
    shuffled = dict(reversed(ENTRIES.items()))
    assert load_price_book(written(tmp_path, shuffled)).digest == first
    dearer = {**ENTRIES, "m": {**ENTRIES["m"], "input_cost_per_token": 2e-6}}  # type: ignore[dict-item]
    assert load_price_book(written(tmp_path, dearer)).digest != first


def test_price_file_given_is_taken_as_it_is(tmp_path: Path) -> None:
    """PEDAGIO_PRICE_FILE wins over any search."""
    assert find_price_file(tmp_path / "p.json") == tmp_path / "p.json"


def test_price_file_without_litellm_names_the_variable() -> None:
    """Our environment has no LiteLLM: the error says what to set, and nothing imports it."""
    with pytest.raises(FileNotFoundError, match="PEDAGIO_PRICE_FILE"):
        find_price_file()
    assert "litellm" not in sys.modules
