"""The grant rule: how much of what is available one call may reserve.

DESIGN section 4 is the source of the rule. Postgres decides with the same rule
(`grant_amount` in sql/place_batch.sql); a differential test holds the two equal.
"""

from dataclasses import dataclass

# A call that needs no more than this part of what is available is simply granted what it wants.
SMALL_PERCENT = 2
# Near the end one call gets at most this part, so that a second tab still finds room.
SHARE_PERCENT = 50


@dataclass(frozen=True, slots=True)
class GrantRule:
    """The constants of the rule, in percent of what is available; a policy may change them."""

    small_percent: int = SMALL_PERCENT
    share_percent: int = SHARE_PERCENT


USUAL_RULE = GrantRule()


def decide(
    available_nanos: int,
    want_nanos: int,
    target_nanos: int,
    minimum_nanos: int,
    rule: GrantRule = USUAL_RULE,
) -> int | None:
    """Return the nano-USD to hold for one call, or None when it must be refused.

    All amounts are nano-USD and `0 <= minimum <= target <= want`; `available` is
    posted + overdraft - held and may be negative. A call that wants nothing (a free
    model) is granted nothing, also in debt.
    """
    small = max(available_nanos, 0) * rule.small_percent // 100
    if want_nanos <= small:
        return want_nanos
    usual = min(want_nanos, max(target_nanos, small))
    if usual <= available_nanos:
        return usual
    last = max(minimum_nanos, max(available_nanos, 0) * rule.share_percent // 100)
    return min(want_nanos, last) if last <= available_nanos else None
