"""Response headers that say what is left, on allowed answers."""

from collections.abc import Mapping
from typing import Final

from credit.ledger import Placed
from credit.money import NANOS_PER_USD
from credit.policy import Policy

# The RateLimit fields (draft-ietf-httpapi-ratelimit-headers-10) are structured fields: 15 digits at most.
LARGEST_INTEGER: Final = 999_999_999_999_999
NANOS_PER_MICRO: Final = 1_000


def remaining_headers(policy: Policy, placed: Placed) -> Mapping[str, str]:
    """What is available after this hold, as the ledger's figures have it: nano-USD, and USD as a decimal.

    The RateLimit fields, where the policy wants them, count micro-USD.
    """
    # A replay's figures count its hold already.
    taken = placed.granted_nanos if placed.result == "placed" else 0
    left = placed.available_nanos - taken
    shown: dict[str, str] = {}
    if policy.remaining_header is not False:
        shown |= {"x-pedagio-remaining": str(left), "x-pedagio-remaining-usd": decimal_usd(left)}
    if policy.rate_limit_headers:
        quota = _micros(placed.posted_nanos + placed.overdraft_nanos)
        shown |= {
            "ratelimit-policy": f'"credit";q={quota};qu="micro-usd"',
            "ratelimit": f'"credit";r={_micros(left)}',
        }
    return shown


def decimal_usd(nanos: int) -> str:
    """Exact to the nano, with at least two decimals: `-0.05`, `12.345678901`."""
    whole, fraction = divmod(abs(nanos), NANOS_PER_USD)
    digits = f"{fraction:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' if nanos < 0 else ''}{whole}.{digits}"


def _micros(nanos: int) -> int:
    return min(max(nanos, 0) // NANOS_PER_MICRO, LARGEST_INTEGER)
