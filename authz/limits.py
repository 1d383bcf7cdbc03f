"""Which limit a refusal is about: one that the person chose, or the administrators' caps."""

from credit.ledger import Placed
from credit.refusal import Reason


def chosen_limit(placed: Placed) -> str:
    """The period of the person's own limit where no cap of the administrators leaves less; else nothing."""
    if placed.reason != Reason.CAP_REACHED:
        return ""
    caps = [each for each in placed.others or () if each["role"] == "cap"]
    if not caps:
        return ""
    least = min(caps, key=lambda each: (each["posted"] - each["held"], "chosen" in each))
    return str(least.get("chosen", ""))
