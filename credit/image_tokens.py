"""Upper bound of the tokens of one image, by model family; the table is data (image_tokens.json)."""

import json
import re
from functools import lru_cache
from importlib.resources import files


@lru_cache(maxsize=1)
def _table() -> tuple[tuple[re.Pattern[str], int], ...]:
    rows = json.loads((files("credit") / "image_tokens.json").read_text(encoding="utf-8"))
    return tuple((re.compile(row["pattern"]), row["tokens"]) for row in rows)


@lru_cache(maxsize=10_000)
def image_tokens(model: str) -> int:
    """The first matching family's bound; 0: unknown, so that an image counts as the whole context window."""
    return next((tokens for pattern, tokens in _table() if pattern.search(model)), 0)
