"""Run by LiteLLM's Python: bodies of random text are never more tokens than their bound."""

import os
import random
import sys
from pathlib import Path

import litellm.litellm_core_utils.tokenizers as bundled

sys.path.insert(0, str(Path(__file__).parents[2] / "litellm"))
os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(bundled.__file__).parent)

import tiktoken
from pedagio_callback.bound import bound_tokens, measure

ALPHABETS = (
    "abc XYZ.,\n",
    "áéíõç€ß",
    "日本語中文",
    "😀👩‍👩‍👧🏽",
    '\x00\x1f\t"\\{}<|>',
    "0123456789 ",
)
# Three control tokens a message, one for a name, three for the answer: OpenAI's chat format.
PER_MESSAGE, PER_ANSWER = 4, 3


def random_text(source: random.Random) -> str:
    """Up to 300 characters from one to three alphabets."""
    alphabet = "".join(source.sample(ALPHABETS, source.randint(1, 3)))
    return "".join(source.choices(alphabet, k=source.randint(0, 300)))


def main() -> None:
    """Exit with an assertion when a bound is too small."""
    source = random.Random(20_261_123)
    for name in ("o200k_base", "cl100k_base"):
        encoding = tiktoken.get_encoding(name)
        for _ in range(500):
            texts = [random_text(source) for _ in range(source.randint(1, 4))]
            tokens = sum(len(encoding.encode_ordinary(text)) for text in texts)
            messages = [{"role": "user", "content": text} for text in texts]
            measured = measure("chat", {"messages": messages})
            bound = bound_tokens(measured, "chat", 0, 0)
            assert bound is not None
            assert bound >= tokens + PER_MESSAGE * len(texts) + PER_ANSWER, (name, texts)


main()
