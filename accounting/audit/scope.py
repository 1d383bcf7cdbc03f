"""What one look at the books covers: everything, what changed lately, or some accounts whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from accounting.audit.invariants import Invariant

# An open hold may be this late before it is said: the sweeper comes by each second, 500 holds at a time.
OVERDUE_GRACE_S = 300
# Holds carry the time of their transaction's begin; no transaction of ours lasts this long.
PLACED_MARGIN = timedelta(minutes=5)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Scope:
    """`since`: the oldest transaction looked at; `accounts`: None for all; `changed`: see `recent`."""

    since: int
    accounts: Sequence[int] | None
    from_at: datetime = BEGINNING
    changed: Sequence[int] | None = None
    whole: bool = True

    def covers(self, invariant: Invariant) -> bool:
        """Whether the invariant can be asked of this scope."""
        return self.whole or invariant.level != "whole"

    def arguments(self, invariant: Invariant) -> dict[str, Any]:
        """The arguments of the invariant's statement."""
        by_account = self.changed is not None and invariant.level == "account"
        return {
            "since": self.since,
            "accounts": self.changed if by_account else self.accounts,
            "from_at": self.from_at,
            "grace_s": OVERDUE_GRACE_S,
        }


def everything() -> Scope:
    """All rows there are."""
    return Scope(0, None)


def recent(since: int, sealed_at: datetime, changed: Sequence[int]) -> Scope:
    """Rows written since a transaction, and the accounts that those changed."""
    return Scope(since, None, sealed_at - PLACED_MARGIN, changed, whole=False)


def these(accounts: Sequence[int]) -> Scope:
    """Some accounts, with all their rows."""
    return Scope(0, accounts)
