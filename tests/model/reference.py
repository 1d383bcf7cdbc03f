"""The reference account: the protocol in some sixty lines, for the stores to be compared with.

It keeps no running figures: what is posted and held is worked out from what happened, each time.
"""

from dataclasses import dataclass, field

from credit.grant import decide

Answer = tuple[str, str | None, int]  # result, reason, granted


@dataclass
class Hold:
    """One hold id, as far as the account knows of it; `total` is what it was granted in all."""

    placed_by: str
    granted: int = 0
    target: int = 0
    total: int = 0
    amount: int = 0
    captured: int = 0
    estimate: int = 0
    closed: bool = False
    costs: dict[str, int] = field(default_factory=dict)
    records: set[str] = field(default_factory=set)


class Account:
    """What an account must answer; amounts in nano-USD."""

    def __init__(self) -> None:
        self.given, self.overdraft, self.overage, self.status = 0, 0, 0, "active"
        self.holds: dict[str, Hold] = {}
        self.refused: dict[str, str] = {}

    @property
    def posted(self) -> int:
        """What was given, less each event once and each standing estimate."""
        return self.given - sum(sum(h.costs.values()) + h.estimate for h in self.holds.values())

    @property
    def owned(self) -> int:
        """What may be spent in all."""
        return self.posted + self.overdraft

    @property
    def held(self) -> int:
        """What open holds reserve and was not debited yet."""
        return sum(h.amount for h in self.holds.values() if not h.closed)

    def place(self, hold_id: str, want: int, target: int, minimum: int) -> Answer:
        """Ask for a hold, or again for the same one."""
        if (hold := self.holds.get(hold_id)) is not None:
            ended = hold.closed or hold.placed_by == "report"
            return ("closed", None, 0) if ended else ("replay", None, hold.granted)
        reason = self.refused.get(hold_id) or (
            None if self.status == "active" else "account_suspended"
        )
        granted = None if reason else decide(self.owned - self.held, want, target, minimum)
        if granted is None:
            waits = self.held > 0 and decide(self.owned, want, target, minimum) is not None
            reason = reason or ("credit_in_flight" if waits else "insufficient_credit")
            return "refused", self.refused.setdefault(hold_id, reason), 0
        self.holds[hold_id] = Hold("authz", granted, target, granted, granted)
        return "placed", None, granted

    def place_bounded(self, hold_id: str, granted: int) -> str:
        """Place what was granted while the ledger was away, whatever is available."""
        if hold_id in self.holds:
            return "replay"
        self.holds[hold_id] = Hold("bounded", granted, granted, granted, granted)
        return "placed"

    def extend(self, hold_id: str, want: int, minimum: int) -> Answer:
        """Raise a hold to a total, or say why not."""
        hold = self.holds.get(hold_id)
        if hold is None or hold.closed:
            return "closed", None, 0
        if self.status != "active":
            return "refused", "account_suspended", hold.total
        free = self.owned - self.held + hold.total
        goal = max(minimum, hold.target)
        total = hold.total if hold.total >= want else decide(free, want, goal, minimum)
        if total is None:
            waits = self.held > hold.amount and minimum <= self.owned
            short = "insufficient_credit" if self.owned <= 0 else "request_too_large_for_balance"
            return "refused", "credit_in_flight" if waits else short, hold.total
        hold.amount += max(total - hold.total, 0)
        hold.total = max(total, hold.total)
        return "extended", None, hold.total

    def report(self, hold_id: str, record: str, event: tuple[str, int] | None) -> str:
        """A record, perhaps with an event and its cost: what becomes of the event, or else of the record."""
        hold = self.holds.setdefault(hold_id, Hold("report"))
        known = record in hold.records
        hold.records.add(record)
        if event is None:
            return "duplicate" if known else "recorded"
        name, cost = event
        if name in hold.costs:
            return "duplicate" if hold.costs[name] == cost else "conflict"
        hold.estimate, hold.costs[name] = 0, cost
        if not hold.closed:
            hold.captured, hold.amount = hold.captured + cost, max(hold.amount - cost, 0)
        return "recorded"

    def close(self, hold_id: str, estimate: int, seen: int) -> int | None:
        """What the hold has cost when this closes it; None when it is closed or newer evidence came."""
        hold = self.holds.get(hold_id)
        if hold is None or hold.closed or seen != len(hold.records):
            return None
        hold.closed, hold.estimate, hold.amount = True, estimate, 0
        if hold.placed_by != "report":
            self.overage += max(hold.captured + estimate - hold.total, 0)
        return hold.captured + estimate

    def seen(self, hold_id: str) -> int:
        """How many records of the hold are on disk."""
        return len(self.holds[hold_id].records) if hold_id in self.holds else 0
