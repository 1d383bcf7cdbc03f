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
    owned, held = _paying(placed)
    left = owned - held - taken
    shown: dict[str, str] = {}
    if policy.remaining_header is not False:
        shown |= {"x-pedagio-remaining": str(left), "x-pedagio-remaining-usd": decimal_usd(left)}
    if policy.rate_limit_headers:
        quota = _micros(owned)
        shown |= {
            "ratelimit-policy": f'"credit";q={quota};qu="micro-usd"',
            "ratelimit": f'"credit";r={_micros(left)}',
        }
    return shown


def _paying(placed: Placed) -> tuple[int, int]:
    """What the account that pays owns and holds: a pool, where the call is paid by one."""
    for other in placed.others or ():
        if other.get("role") == "pool" and other.get("id") == placed.payer:
            return int(other["posted"]) + int(other["overdraft"]), int(other["held"])
    return placed.posted_nanos + placed.overdraft_nanos, placed.held_nanos


def decimal_usd(nanos: int) -> str:
    """Exact to the nano, with at least two decimals: `-0.05`, `12.345678901`."""
    whole, fraction = divmod(abs(nanos), NANOS_PER_USD)
    digits = f"{fraction:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' if nanos < 0 else ''}{whole}.{digits}"


def _micros(nanos: int) -> int:
    return min(max(nanos, 0) // NANOS_PER_MICRO, LARGEST_INTEGER)
