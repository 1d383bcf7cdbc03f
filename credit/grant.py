"""The grant rule: how much of what is available one call may reserve, over all accounts that have a say.

DESIGN section 4 is the source of the rule. Postgres decides with the same rule (`grant_amount` and `decide_over`
in sql/place_batch.sql); differential tests hold the two equal. Policies may give other percentages.
"""

from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a call asks for, nano-USD: `0 <= minimum <= target <= want`; by which rule."""

    want_nanos: int
    target_nanos: int
    minimum_nanos: int
    rule: GrantRule = USUAL_RULE


@dataclass(frozen=True, slots=True)
class Standing:
    """What one account was at the moment of a decision, nano-USD; a cap's posted is what is left of its limit."""

    id: int
    posted_nanos: int
    held_nanos: int
    overdraft_nanos: int = 0
    active: bool = True

    @property
    def owned_nanos(self) -> int:
        """What may be spent in all."""
        return self.posted_nanos + self.overdraft_nanos

    @property
    def available_nanos(self) -> int:
        """What is free to spend."""
        return self.owned_nanos - self.held_nanos


@dataclass(frozen=True, slots=True)
class Payer:
    """An account that may pay, the person's own or a pool, with the caps that bound what it pays."""

    account: Standing
    caps: Sequence[Standing] = ()
    is_pool: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who pays and what it is granted, or the reason of a refusal."""

    payer: int | None
    granted_nanos: int | None
    reason: str | None = None


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


def decide_over(payers: Sequence[Payer], sizes: Sizes) -> Verdict:
    """One decision over every payer in the order of preference, and every cap: all of it, or nothing.

    The first payer that gives what such a call usually needs pays; else the one that gives most. So a person's last
    own credit shortens no answer while the team's pool is full, and is still spent when the pool is empty.
    """
    best, granted = None, None
    for payer in payers:
        if payer.is_pool and not payer.account.active:
            continue
        got = _rule(min(_free(payer)), sizes)
        if got is not None and (granted is None or got > granted):
            best, granted = payer.account.id, got
        if granted is not None and granted >= min(sizes.want_nanos, sizes.target_nanos):
            break
    if best is not None:
        return Verdict(best, granted)
    return Verdict(None, None, _reason(payers, sizes))


def _reason(payers: Sequence[Payer], sizes: Sizes) -> str:
    able = [payer for payer in payers if payer.account.active or not payer.is_pool]
    if any(_rule(min(_idle(payer)), sizes) is not None for payer in able):
        return "credit_in_flight"
    if any(_rule(payer.account.available_nanos, sizes) is not None for payer in able):
        return "cap_reached"
    return "pool_exhausted" if any(payer.is_pool for payer in payers) else "insufficient_credit"


def _free(payer: Payer) -> list[int]:
    return [each.available_nanos for each in (payer.account, *payer.caps)]


def _idle(payer: Payer) -> list[int]:
    """With nothing in flight."""
    return [each.owned_nanos for each in (payer.account, *payer.caps)]


def _rule(available_nanos: int, sizes: Sizes) -> int | None:
    return decide(
        available_nanos,
        sizes.want_nanos,
        sizes.target_nanos,
        sizes.minimum_nanos,
        sizes.rule,
    )
