"""Prompt caching: how much of a prompt's beginning was seen before."""

from collections import OrderedDict
from hashlib import blake2b

BLOCK_CHARS = 512
MAX_PREFIXES = 200_000


class PrefixCache:
    """Remembers prefixes of prompts by digest, per model, and forgets the oldest."""

    def __init__(self, first_tokens: int = 1024, step_tokens: int = 128) -> None:
        self._first_tokens = first_tokens
        self._step_tokens = step_tokens
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def cached_tokens(self, model: str, text: str, prompt_tokens: int) -> int:
        """Tokens of `text` served from cache, then remember it.

        OpenAI's rule: multiples of 128 from 1,024 tokens on. The prefix is compared in blocks of
        512 characters and its share of the characters stands for its share of the tokens.
        """
        digest = blake2b(model.encode(), digest_size=16)
        matched, matching = 0, True
        for end in range(BLOCK_CHARS, len(text) + 1, BLOCK_CHARS):
            digest.update(text[end - BLOCK_CHARS : end].encode("utf-8", "surrogatepass"))
            key = digest.digest()
            matching = matching and key in self._seen
            matched = end if matching else matched
            self._remember(key)
        tokens = prompt_tokens * matched // max(len(text), 1)
        return tokens // self._step_tokens * self._step_tokens if self._enough(tokens) else 0

    def _enough(self, tokens: int) -> bool:
        return tokens >= self._first_tokens

    def _remember(self, key: bytes) -> None:
        self._seen[key] = None
        self._seen.move_to_end(key)
        while len(self._seen) > MAX_PREFIXES:
            self._seen.popitem(last=False)
