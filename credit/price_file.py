"""A whole price file in LiteLLM's format, checked before any of it is written.

What an installed LiteLLM carries is read as it is (pricebook.py); a file that a person brings is
refused whole, with model and field named, when one price in it cannot be meant.
"""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from credit.money import PICOS_PER_USD, price_picos
from credit.price_entry import (
    NOT_BY_TOKEN,
    ROUTED_MODES,
    is_price_of_tokens,
    is_priced_by_tokens,
    limit_tokens,
    region_percent,
)
from credit.pricebook import PriceBook, price_book_of

INPUT, OUTPUT = "input_cost_per_token", "output_cost_per_token"
LIMIT_BYTES: Final = 16 * 1024 * 1024  # LiteLLM's own file has 3 MB
# Above 10,000 USD per million tokens somebody wrote the price of a million where one token's belongs.
LIMIT_PICOS: Final = 10_000 * PICOS_PER_USD // 1_000_000
LIMIT_PERCENT: Final = 1_000
LIMIT_TOKENS: Final = 10**9
LIMIT_DIGITS: Final = 14
PROBLEMS_NAMED: Final = 5
NAME_LIMIT: Final = 256


class PriceFileError(ValueError):
    """The file cannot be used; the text is a sentence that names model and field."""


def read_price_file(data: bytes) -> PriceBook:
    """The book of a file, or PriceFileError with the first problems; nothing is repaired."""
    entries = _parsed(data)
    problems = [problem for key, entry in entries.items() for problem in _problems(key, entry)]
    if problems:
        more = len(problems) - PROBLEMS_NAMED
        named = "; ".join(problems[:PROBLEMS_NAMED])
        raise PriceFileError(named + (f"; and {more} more" if more > 0 else ""))
    book = price_book_of(entries)
    if not book.prices:
        raise PriceFileError("no model in it has a price by tokens")
    return book


def _parsed(data: bytes) -> Mapping[str, Any]:
    if len(data) > LIMIT_BYTES:
        raise PriceFileError(f"larger than {LIMIT_BYTES // 1024 // 1024} MB")
    try:
        entries = json.loads(data, parse_float=_float, object_pairs_hook=_once)
    except PriceFileError:
        raise
    except (ValueError, RecursionError) as error:
        raise PriceFileError(f"not JSON ({str(error)[:80]})") from error
    if not isinstance(entries, dict):
        raise PriceFileError("not an object of models by name, as LiteLLM's price file is")
    return entries


def _float(text: str) -> float | Decimal:
    """As LiteLLM reads it, unless that would make it infinite."""
    value = float(text)
    return value if abs(value) < float("inf") else Decimal(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON lets a name stand twice, and the last one would win unseen."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise PriceFileError(f"{name[:80]} stands in it twice")
        if len(name) > NAME_LIMIT:
            raise PriceFileError(f"{name[:80]}… is longer than any name of a model or field")
        found[name] = value
    return found


def _problems(key: str, entry: Any) -> Iterator[str]:
    if not isinstance(entry, dict):
        yield f"{key[:80]} is no object"
        return
    if not key.strip() or not key.isprintable() or len(key) > NAME_LIMIT:
        yield f"{key[:80]!r} is no name of a model"
    for name in ("mode", "litellm_provider"):
        if not isinstance(entry.get(name), str | None):
            yield f"{key[:80]}: {name} must be text"
            return
    found = [
        f"{key[:80]}: {name} {problem}"
        for name, value in entry.items()
        if is_price_of_tokens(name) and value is not None and (problem := _problem(value))
    ]
    yield from found
    for present, absent in ((INPUT, OUTPUT), (OUTPUT, INPUT)):
        if _lacks(key, entry, present, absent):
            yield f"{key[:80]}: {absent} is missing"
    if not found and is_priced_by_tokens(key, entry):
        yield from _other_problems(key, entry)


def _other_problems(key: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Of what bounds the cost beside the prices."""
    try:
        percent = region_percent(entry)
    except (ValueError, ArithmeticError):
        percent = -1
    if not 0 <= percent <= LIMIT_PERCENT:
        yield f"{key[:80]}: provider_specific_entry names a factor that cannot be meant"
    for name in ("max_input_tokens", "max_output_tokens"):
        value = entry.get(name)
        if len(str(value)) > LIMIT_DIGITS or limit_tokens(value) > LIMIT_TOKENS:
            yield f"{key[:80]}: {name} is more than {LIMIT_TOKENS}"


def _problem(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return f"must be a number in USD per token; it is {str(value)[:40]!r}"
    try:
        picos = price_picos(value)
    except (ValueError, ArithmeticError):
        return f"must be a finite number, not below 0; it is {str(value)[:40]}"
    if picos > LIMIT_PICOS:
        return f"is {str(value)[:40]} USD per token, more than 10,000 USD per million tokens"
    return None


def _lacks(key: str, entry: Mapping[str, Any], present: str, absent: str) -> bool:
    """Whether tokens would price this model if the absent price were there."""
    if entry.get(present) is None or entry.get(absent) is not None:
        return False
    if entry.get("mode") not in ROUTED_MODES or any(entry.get(name) for name in NOT_BY_TOKEN):
        return False
    with_both = {**entry, INPUT: 0, OUTPUT: 0}
    return is_priced_by_tokens(key, with_both) and not is_priced_by_tokens(key, entry)
