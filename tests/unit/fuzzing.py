"""How hard the fuzz tests try, and how they damage what is valid."""

import os
import random
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# More by PEDAGIO_FUZZ_EXAMPLES=100000; the default keeps each test within a second or two.
ASKED = int(os.environ.get("PEDAGIO_FUZZ_EXAMPLES", "0"))
DAMAGE = ("flip", "cut", "insert", "repeat", "swap")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=12,
)


def fuzz(examples: int) -> settings:
    """So many examples, or as many as the environment asks for."""
    return settings(
        max_examples=max(examples, ASKED), deadline=None, suppress_health_check=list(HealthCheck)
    )


def damaged(raw: bytes, seed: int) -> bytes:
    """Valid bytes with a few small damages."""
    rng = random.Random(seed)
    for _ in range(rng.randint(1, 4)):
        raw = _damage(raw, rng)
    return raw


def _damage(raw: bytes, rng: random.Random) -> bytes:
    at, length = rng.randrange(len(raw) + 1), rng.randint(1, 8)
    piece = raw[at : at + length]
    kinds: dict[str, Any] = {
        "flip": bytes(byte ^ (1 << rng.randrange(8)) for byte in piece),
        "cut": b"",
        "insert": rng.randbytes(length) + piece,
        "repeat": piece * 2,
        "swap": piece[::-1],
    }
    return raw[:at] + bytes(kinds[rng.choice(DAMAGE)]) + raw[at + length :]
