"""Count tokens: OpenAI's own encoding where it is at hand, a fixed rule where it is not.

Both promise what a byte-level encoding promises: never more tokens than UTF-8 bytes.
"""

import importlib
import importlib.util
import math
import os
import re
from pathlib import Path
from typing import Any, Protocol

ENCODING = "o200k_base"
# tiktoken finds an encoding in its cache under the SHA-1 of the address it came from.
ENCODING_FILE = "fb374d419588a4632f3f557e76b4b70aebbca790"
PIECE_CHARS = 20_000  # one unbroken run of letters costs tiktoken more than linear time
WORD_CHARS = 8  # the rule's longest token of letters

_RULE = re.compile(r" ?[^\W\d_]+| ?\d{1,3}| ?(?:[^\w\s]|_)+[\r\n]*|\s+(?!\S)|\s+")


class Counter(Protocol):
    """Counts the tokens of a text."""

    name: str

    def count(self, text: str) -> int:
        """Tokens of `text`; at least 0, at most its UTF-8 bytes."""
        ...


class RuleCounter:
    """A deterministic stand-in: about four characters of ordinary prose a token."""

    name = "rule"

    def count(self, text: str) -> int:
        """One token for each word, number of three digits, run of signs or of spaces.

        Long runs count one token for every eight characters, so text without spaces is not free.
        """
        return sum(math.ceil(len(match) / WORD_CHARS) for match in _RULE.findall(text))


class TiktokenCounter:
    """OpenAI's encoding of the gpt-4o family and later, from a local file."""

    name = ENCODING

    def __init__(self, encoding: Any) -> None:
        self._encoding = encoding

    def count(self, text: str) -> int:
        """Tokens of `text`, cut in pieces of 20,000 characters first."""
        pieces = (text[at : at + PIECE_CHARS] for at in range(0, len(text), PIECE_CHARS))
        return sum(len(self._encoding.encode_ordinary(piece)) for piece in pieces)


def encoding_folder() -> Path | None:
    """The folder of encodings that LiteLLM's wheel carries, or None; nothing is imported."""
    spec = importlib.util.find_spec("litellm")
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location) / "litellm_core_utils" / "tokenizers"
        if (folder / ENCODING_FILE).is_file():
            return folder
    return None


def load_counter() -> Counter:
    """The best counter that works without a network."""
    folder = encoding_folder()
    if folder is None or importlib.util.find_spec("tiktoken") is None:
        return RuleCounter()
    os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(folder))
    tiktoken = importlib.import_module("tiktoken")
    return TiktokenCounter(tiktoken.get_encoding(ENCODING))
