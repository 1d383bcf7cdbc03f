"""The in-memory store: the same verbs as the real one, in plain rows that are kept up to date.

It decides with credit/grant.py, as the explanation of a refusal and `bounded` do.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from credit.grant import decide
from credit.ledger import Place
from tests.model.reference import Answer
from tests.model.store import Extension, Figures


@dataclass
class Row:
    """A row of `account`."""

    posted: int = 0
    overdraft: int = 0
    held: int = 0
    overage: int = 0
    active: bool = True

    @property
    def owned(self) -> int:
        """What may be spent in all."""
        return self.posted + self.overdraft


@dataclass
class HoldRow:
    """`hold` with its `hold_open` (while `open`) or `hold_close`."""

    account: int
    placed_by: str
    granted: int
    target: int
    total: int
    amount: int
    captured: int = 0
    open: bool = True
    records: int = 0
    estimate: int = 0


@dataclass
class MemoryStore:
    """Tables as dictionaries, by their keys."""

    accounts: dict[int, Row] = field(default_factory=dict)
    holds: dict[str, HoldRow] = field(default_factory=dict)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    records: set[str] = field(default_factory=set)
    events: dict[str, int] = field(default_factory=dict)
    transfers: list[tuple[int, int]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(1000))

    async def open(self, names: Sequence[str]) -> list[int]:
        """New accounts without credit."""
        ids = [next(self.numbers) for _ in names]
        self.accounts |= {number: Row() for number in ids}
        return ids

    async def give(self, gifts: Mapping[int, int]) -> None:
        """Top accounts up."""
        for account, nanos in gifts.items():
            self._post(account, nanos)

    async def lend(self, overdrafts: Mapping[int, int]) -> None:
        """Set overdrafts."""
        for account, nanos in overdrafts.items():
            self.accounts[account].overdraft = nanos

    async def suspend(self, accounts: Mapping[int, str]) -> None:
        """Suspended and frozen are alike to the ledger."""
        for account, status in accounts.items():
            self.accounts[account].active = status == "active"

    async def place(self, places: Sequence[Place]) -> dict[str, Answer]:
        """In arrival order; holds of one batch see each other."""
        return {place.hold_id: self._place(place) for place in places}

    def _place(self, place: Place) -> Answer:
        row, hold = self.accounts[place.account_id], self.holds.get(place.hold_id)
        if hold is not None:
            live = hold.open and hold.placed_by != "report" and hold.account == place.account_id
            return ("replay", None, hold.granted) if live else ("closed", None, 0)
        if place.hold_id in self.refusals:
            return "refused", self.refusals[place.hold_id][1], 0
        sizes = (place.want_nanos, place.target_nanos, place.minimum_nanos)
        granted = decide(row.owned - row.held, *sizes) if row.active else None
        if granted is not None:
            self._hold(place.hold_id, place.account_id, "authz", granted, place.target_nanos)
            return "placed", None, granted
        alone = row.held > 0 and decide(row.owned, *sizes) is not None
        reason = "credit_in_flight" if alone else "insufficient_credit"
        reason = reason if row.active else "account_suspended"
        self.refusals[place.hold_id] = (place.account_id, reason)
        return "refused", reason, 0

    async def place_bounded(self, lines: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """By id; whatever is available."""
        results = {}
        for line in lines:
            known = line["id"] in self.holds
            results[line["id"]] = "replay" if known else "placed"
            if not known:
                sizes = (line["granted"], line["target"])
                self._hold(line["id"], line["account_id"], "bounded", *sizes)
        return results

    async def extend(self, asked: Sequence[Extension]) -> dict[str, Answer]:
        """One after the other."""
        return {one.hold_id: self._extend(one) for one in asked}

    def _extend(self, one: Extension) -> Answer:
        hold = self.holds.get(one.hold_id)
        if hold is None or not hold.open:
            return "closed", None, 0
        row = self.accounts[hold.account]
        if not row.active:
            return self._refuse(one.hold_id, hold, "account_suspended")
        total: int | None = hold.total
        if hold.total < one.want:
            goal = max(one.minimum, hold.target)
            total = decide(row.owned - row.held + hold.total, one.want, goal, one.minimum)
        if total is None:
            others = row.held - hold.amount
            if others > 0 and one.minimum <= row.owned:
                return self._refuse(one.hold_id, hold, "credit_in_flight")
            short = row.owned <= 0
            reason = "insufficient_credit" if short else "request_too_large_for_balance"
            return self._refuse(one.hold_id, hold, reason)
        more = max(total - hold.total, 0)
        hold.total, hold.amount, row.held = hold.total + more, hold.amount + more, row.held + more
        return "extended", None, hold.total

    def _refuse(self, hold_id: str, hold: HoldRow, reason: str) -> Answer:
        self.refusals.setdefault(hold_id, (hold.account, reason))
        return "refused", reason, hold.total

    async def capture(
        self, records: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]
    ) -> dict[tuple[str, str], str]:
        """Each record once, each event once."""
        results = {}
        for record in records:
            known = record["id"] in self.records
            results["record", record["id"]] = "duplicate" if known else "recorded"
            self.records.add(record["id"])
            if record["hold_id"] not in self.holds:
                self._hold(record["hold_id"], record["account_id"], "report", 0, 0)
            self.holds[record["hold_id"]].records += not known
        for event in events:
            results["event", event["id"]] = self._event(event)
        return results

    def _event(self, event: Mapping[str, Any]) -> str:
        if event["id"] in self.events:
            same = self.events[event["id"]] == event["cost"]
            return "duplicate" if same else "conflict"
        hold, cost = self.holds[event["hold_id"]], event["cost"]
        self.events[event["id"]] = cost
        self._post(hold.account, hold.estimate - cost)
        hold.estimate = 0
        if hold.open:
            taken = min(hold.amount, cost)
            hold.amount, hold.captured = hold.amount - taken, hold.captured + cost
            self.accounts[hold.account].held -= taken
        return "recorded"

    async def close(self, closes: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """Those that are open, on the evidence that is there."""
        closed = {}
        for one in closes:
            hold = self.holds.get(one["hold_id"])
            if hold is None or not hold.open or hold.records != one["records_seen"]:
                continue
            self.accounts[hold.account].held -= hold.amount
            hold.open, hold.amount, hold.estimate = False, 0, one["estimate"]
            self._post(hold.account, -hold.estimate)
            closed[one["hold_id"]] = captured = hold.captured + hold.estimate
            if hold.placed_by != "report":
                self.accounts[hold.account].overage += max(captured - hold.total, 0)
        return closed

    async def figures(self, accounts: Sequence[int]) -> dict[int, Figures]:
        """As the rows have them."""
        rows = {account: self.accounts[account] for account in accounts}
        return {account: (row.posted, row.held, row.overage) for account, row in rows.items()}

    async def check(self, accounts: Sequence[int]) -> dict[int, int]:
        """Posted is the sum of what was moved, held the sum of what is open."""
        for account in accounts:
            row = self.accounts[account]
            assert row.posted == sum(nanos for to, nanos in self.transfers if to == account)
            mine = [hold for hold in self.holds.values() if hold.account == account]
            assert row.held == sum(hold.amount for hold in mine if hold.open)
        refused = [account for account, _ in self.refusals.values()]
        return {account: refused.count(account) for account in accounts if account in refused}

    def _hold(self, hold_id: str, account: int, by: str, granted: int, target: int) -> None:
        self.holds[hold_id] = HoldRow(account, by, granted, target, granted, granted)
        self.accounts[account].held += granted

    def _post(self, account: int, nanos: int) -> None:
        self.accounts[account].posted += nanos
        self.transfers.append((account, nanos))
