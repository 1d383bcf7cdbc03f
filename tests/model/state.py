"""The protocol in miniature: what the ledger keeps, what happened in the world, which rules are in force.

Amounts are a handful of units, so that every order of every step can be tried (protocol.md 8, 1).
"""

from dataclasses import dataclass
from typing import NamedTuple

# Records of a call, as bits of a set: how it ended, what its first and second answer cost.
END, FIRST, SECOND = 1, 2, 4
EVENTS = (FIRST, SECOND)
UNASKED, ALLOWED, TURNED_AWAY = "", "allowed", "turned away"


class Account(NamedTuple):
    """A ledger row, and beside it what has really been given to the account."""

    posted: int
    held: int
    given: int


class Look(NamedTuple):
    """What a settler saw of a hold, and what it means to do about it."""

    seen: int
    outcome: str
    estimate: int


class Hold(NamedTuple):
    """One hold id: its rows in the ledger first, then what the world knows of the call."""

    placed_by: str = ""  # authz, bounded, report; empty: no row
    granted: int = 0
    open: bool = False
    amount: int = 0
    captured: int = 0
    closed: str = ""
    overage: int = 0
    refused: bool = False
    records: int = 0  # bits: what is on disk
    figures: tuple[int, int] = (-1, -1)  # the usage events, by key: cost, or -1
    charged: int = 0  # sum of the charge transfers
    estimate: int = 0  # sum of the estimates not yet reversed
    estimated: int = 0  # what the closing estimated
    conflict: bool = False
    exception: bool = False
    look: Look | None = None

    answer: str = UNASKED
    bound: int = 0  # what the person's call may spend: the grant as it was answered
    promised: int = 0  # granted by a replica while the ledger was away, still in its spool
    ran: bool = False
    lost: bool = False  # LiteLLM crashed: this call will never report
    bills: tuple[int, int] = (0, 0)  # what the provider really charges
    acknowledged: int = 0  # bits: records that the callback has dropped from its spool
    excuse: int = 0  # the largest excess that protocol.md 7 grants this call so far

    @property
    def exposure(self) -> int:
        """What this call costs, or may still cost."""
        if self.ran:
            return sum(self.bills)
        return self.bound if self.answer == ALLOWED else 0

    @property
    def known(self) -> int:
        """What the reports that are on disk say the call cost."""
        return sum(figure for figure in self.figures if figure > 0)


class State(NamedTuple):
    """Everything; hashable, and equal up to the order of the holds."""

    accounts: tuple[Account, ...]
    holds: tuple[Hold, ...]
    away: bool = False
    outages: int = 0
    due: int = 0  # an allowance of the last account that has fallen due and is not granted yet
    topped_up: bool = False

    def put(self, call: int, hold: Hold) -> "State":
        """The state with one hold replaced."""
        return self._replace(holds=(*self.holds[:call], hold, *self.holds[call + 1 :]))

    def move(self, posted: int, held: int) -> "State":
        """The state with the figures of every account moved: a call draws on all of them."""
        moved = tuple(Account(a.posted + posted, a.held + held, a.given) for a in self.accounts)
        return self._replace(accounts=moved)

    def canonical(self) -> "State":
        """The same state with interchangeable holds in one order."""
        return self._replace(holds=tuple(sorted(self.holds, key=repr)))


@dataclass(frozen=True)
class Rules:
    """The rules of the protocol; a mutant is this with one of them switched off."""

    retry_replays: bool = True
    refused_stays_refused: bool = True
    closed_stays_closed: bool = True
    late_place_finds_tombstone: bool = True
    place_sees_other_holds: bool = True
    minimum_suffices: bool = True
    extend_sees_available: bool = True
    event_is_debited_once: bool = True
    first_figures_stand: bool = True
    conflict_is_shown: bool = True
    second_answer_is_a_cost: bool = True
    late_report_is_debited: bool = True
    capture_frees_the_hold: bool = True
    capture_frees_no_more_than_held: bool = True
    hold_closes_once: bool = True
    close_needs_fresh_evidence: bool = True
    close_frees_the_rest: bool = True
    estimate_is_reversed: bool = True
    overage_is_recorded: bool = True
    cancel_leaves_the_hold: bool = True
    acknowledged_when_recorded: bool = True
    deadline_closes: bool = True
    no_evidence_is_shown: bool = True
    all_accounts_or_none: bool = True
    due_is_settled_first: bool = True
    allowance_is_granted_once: bool = True
    bounded_is_placed_once: bool = True
    bounded_is_placed_first: bool = True
    bounded_counts_its_grants: bool = True


@dataclass(frozen=True)
class World:
    """A small size: how many calls, how much credit, and what may happen."""

    name: str
    credit: tuple[int, ...] = (3,)
    calls: int = 2
    want: int = 2
    minimum: int = 1
    extend_to: int = 0  # 0: no extensions
    overrun: int = 0  # how far a provider may charge beyond the hold
    estimate: int = 1
    two_answers: bool = False
    unheld: bool = False  # a call may run without a hold (mode off, break-glass)
    conflicts: bool = False
    reports: bool = True  # off: nothing ever reports, so that places alone are explored
    acknowledges: bool = False  # the callback forgets what it was told is on disk
    deadline: bool = False
    crashes: bool = False
    lost_answers: bool = False  # the ledger may have placed what nobody was told of
    top_up: int = 0
    outages: int = 0
    cap: int = 0  # what a replica may grant an account while the ledger is away
    due: int = 0

    def start(self) -> State:
        """Nothing has happened yet."""
        accounts = tuple(Account(credit, 0, credit) for credit in self.credit)
        return State(accounts, (Hold(),) * self.calls, due=self.due)
