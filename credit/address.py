"""The short address in a refusal: a code that follows from the refusal's hold and a secret (pure).

`https://…/p/7KQ2M-9XDA`: nine characters of 32, 45 bits of an HMAC of the hold id. Whoever knows the
key finds the refusal again, so a refusal costs no write; without it a code says nothing about the hold,
nor the hold's reference about the code. Characters are Crockford's base 32: no I, L, O, U.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH: Final = 9
FIRST_PART: Final = 5
BITS: Final = 5
LIFETIME_S: Final = 24 * 3600
# What people write for what they read; separators are theirs.
_READ_AS: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None, "_": None})
# Keys of their own: no mark of one kind is ever one of another kind, nor of a hold token.
_CODE: Final = b"pedagio address code v1"
_MARK: Final = b"pedagio address mark v1"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Makes addresses; `public_url` without a slash at its end, empty: there are none."""

    public_url: str
    keys: Sequence[bytes]

    def of(self, hold_id: str) -> str:
        """The address of a refusal, or nothing."""
        if not self.public_url or not hold_id:
            return ""
        return f"{self.public_url}/p/{written(code_of(hold_id, self.keys[0]))}"


NOWHERE: Final = Addresses("", ())


def code_of(hold_id: str, key: bytes) -> str:
    """The nine characters of a refusal, without a separator."""
    digest = hmac.digest(_derived(key, _CODE), hold_id.encode(), "sha256")
    number = int.from_bytes(digest[:8], "big") >> (64 - LENGTH * BITS)
    places = range((LENGTH - 1) * BITS, -1, -BITS)
    return "".join(ALPHABET[number >> place & 31] for place in places)


def written(code: str) -> str:
    """As people read it."""
    return f"{code[:FIRST_PART]}-{code[FIRST_PART:]}"


def read_code(text: str) -> str | None:
    """The code in what somebody typed or opened; None: it is none."""
    if len(text) > LENGTH * 3:
        return None
    code = text.strip().upper().translate(_READ_AS)
    return code if len(code) == LENGTH and all(char in ALPHABET for char in code) else None


def mark_of(secret: str, key: bytes) -> bytes:
    """What is kept of a code, or of a browser's secret: it cannot be tried out without the key."""
    return hmac.digest(_derived(key, _MARK), secret.encode(), hashlib.sha256)


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, purpose, "sha256")
