"""Judges an account: its books, the provider's ground truth, what its clients were told (pure).

Every number here is a violation unless its name says otherwise. What the guarantees except (overage
of estimates, traffic that another mode than enforce let pass, the allowance of `bounded`) is counted
beside them, never subtracted unseen.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from credit.prices import Price
from local.provider.truth import TruthCall
from local.story.books import truth_nanos
from tests.chaos.allowance import Allowance
from tests.chaos.clerk import ModeWindow
from tests.chaos.closing import closed_early, overage_of, too_low
from tests.chaos.ledger_view import AccountView, Hold
from tests.chaos.recompute import CREDIT_REASONS, excess_of, objection
from tests.chaos.traffic import Attempt

# A call may be decided by one mode a moment before the ledger's clock says that the mode changed.
WINDOW_SLACK_S = 0.5
DEBITS = frozenset({"charge", "estimate"})


@dataclass
class Findings:
    """What was found on one account; amounts in nano-USD."""

    granted: int = 0
    debited: int = 0
    overspent: int = 0
    closed_early: int = 0  # holds
    overage: int = (
        0  # excepted: of calls closed without figures, estimates above the hold, late true-ups
    )
    unheld: int = 0  # excepted: debits of calls that mode off or shadow let pass
    bounded: int = 0  # excepted: beyond credit, by what was granted while Postgres was away
    wrong_blocks: int = 0
    lost: int = 0
    double: int = 0
    holds_left: int = 0
    unexplained: int = 0
    refusals: int = 0
    placements: int = 0
    estimates: int = 0
    estimated: int = 0  # by the estimates that stood to the end
    estimated_truth: int = 0  # what those calls consumed
    details: list[str] = field(default_factory=list)

    def add(self, other: "Findings") -> None:
        """Sum up."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        wrong = (self.overspent, self.closed_early, self.wrong_blocks, self.lost, self.double)
        return not any((*wrong, self.holds_left, self.unexplained))


@dataclass(frozen=True)
class Case:
    """Everything about one account: both sides' records, and what was promised to it."""

    view: AccountView
    truths: Sequence[TruthCall]
    attempts: Sequence[Attempt]
    granted_nanos: int
    windows: Sequence[ModeWindow]
    allowance: Allowance
    deadline_s: float  # of a hold
    cost: Callable[[TruthCall], int]

    def judge(self) -> Findings:
        """All findings."""
        found = Findings(granted=self.granted_nanos)
        by_hold, homeless = self._truths_by_hold()
        net = self._net_debits()
        self._books(found)
        self._amounts(found, by_hold, net)
        self._homeless(found, homeless, by_hold, net)
        self._excess(found, by_hold, net)
        self._placements(found)
        self._blocks(found)
        self._holds(found, by_hold)
        return found

    @property
    def _exact(self) -> set[str]:
        """Holds whose call was reported with its figures."""
        return {event.hold_id for event in self.view.events if event.status == "success"}

    def _say(self, found: Findings, text: str) -> None:
        found.details.append(f"{self.view.account.external_id}: {text}")

    def _truths_by_hold(self) -> tuple[dict[str, list[TruthCall]], list[TruthCall]]:
        """The provider's calls by hold; those that nobody can tell the hold of come apart."""
        holds = {hold.id for hold in self.view.holds}
        events = {event.provider_id: event.hold_id for event in self.view.events}
        tags = {attempt.tag: attempt.hold for attempt in self.attempts}
        by_hold: dict[str, list[TruthCall]] = defaultdict(list)
        homeless = []
        for call in self.truths:
            named = (call.call_id, events.get(call.response_id), tags.get(call.tag or ""))
            hold = next((name for name in named if name in holds), None)
            if hold is None:
                homeless.append(call)
            else:
                by_hold[hold].append(call)
        return by_hold, homeless

    def _net_debits(self) -> dict[str, list[int]]:
        """Amounts of the debits of each hold that still stand: not reversed."""
        reversed_ids = {t.reverses for t in self.view.transfers if t.kind == "reversal"}
        net: dict[str, list[int]] = defaultdict(list)
        for transfer in self.view.transfers:
            if transfer.kind in DEBITS and transfer.id not in reversed_ids:
                net[transfer.hold_id or ""].append(transfer.amount)
        return net

    def _books(self, found: Findings) -> None:
        sums: Counter[str] = Counter()
        for transfer in self.view.transfers:
            sums[transfer.kind] += transfer.amount
        found.debited = sums["charge"] + sums["estimate"] - sums["reversal"]
        if sums["grant"] != self.granted_nanos:
            found.lost += 1
            self._say(found, f"granted {self.granted_nanos}, the ledger has {sums['grant']}")
        if self.view.account.posted != sums["grant"] - found.debited:
            found.lost += 1
            self._say(found, f"posted {self.view.account.posted} is not what its transfers say")
        estimated = sum(1 for t in self.view.transfers if t.kind == "estimate")
        found.estimates += estimated

    def _amounts(
        self,
        found: Findings,
        by_hold: Mapping[str, Sequence[TruthCall]],
        net: Mapping[str, Sequence[int]],
    ) -> None:
        """Each consumed call is debited, once, and to the nano where its report was exact."""
        exact = self._exact
        for hold in self.view.holds:
            calls = [c for c in by_hold.get(hold.id, ()) if self.cost(c) > 0]
            debits, costs = net.get(hold.id, ()), [self.cost(c) for c in calls]
            if calls and not debits:
                found.lost += 1
                self._say(found, f"hold {hold.id} ({hold.outcome} {hold.reason}) consumed {costs}")
            if len(debits) > max(1, len(calls)) or (hold.id in exact and not calls and any(debits)):
                found.double += 1
                self._say(found, f"hold {hold.id} debited {debits}, consumed {costs}")
            elif hold.id in exact and calls and sum(debits) != sum(costs):
                found.lost += 1
                self._say(found, f"hold {hold.id} debited {debits}, not {costs}")
            elif calls and debits and hold.id not in exact:
                found.estimated += sum(debits)
                found.estimated_truth += sum(costs)
                if too_low(hold, sum(debits), calls, sum(costs)):
                    found.lost += 1
                    self._say(found, f"hold {hold.id} ({hold.reason}) {debits} stands for {costs}")

    def _homeless(
        self,
        found: Findings,
        homeless: Sequence[TruthCall],
        by_hold: Mapping[str, Sequence[TruthCall]],
        net: Mapping[str, Sequence[int]],
    ) -> None:
        """Calls whose client never heard their id: each needs a debited hold that no other call has."""
        consumed = [call for call in homeless if self.cost(call) > 0]
        free = [hold for hold in net if hold and hold not in by_hold]
        if len(consumed) > len(free):
            found.lost += len(consumed) - len(free)
            tags = ", ".join(str(call.tag) for call in consumed)
            self._say(found, f"{tags}: consumed, {len(free)} debited holds to explain it")

    def _excess(
        self,
        found: Findings,
        by_hold: Mapping[str, Sequence[TruthCall]],
        net: Mapping[str, Sequence[int]],
    ) -> None:
        """Debits and reservations beyond credit, and consumption beyond credit, less what is excepted."""
        found.overage = sum(
            overage_of(hold, self.view.events, self.view.transfers)
            for hold in self.view.holds
            if not self._early_s(hold, by_hold)
        )
        passed = [hold for hold in self.view.holds if self._let_pass(hold)]
        found.unheld = sum(sum(net.get(hold.id, ())) for hold in passed)
        found.unheld += sum(hold.overage or 0 for hold in self.view.holds if self._unclamped(hold))
        asked_s = {attempt.hold: attempt.began_s for attempt in self.attempts if attempt.hold}
        allowed = self.allowance.of(self.view.holds, self.view.history, asked_s)
        account = self.view.account
        credit = self.granted_nanos + account.overdraft
        beyond = found.debited + account.held - credit
        found.bounded = max(0, min(allowed, beyond - found.overage - found.unheld))
        excepted = found.overage + found.unheld + found.bounded
        consumed, exact = sum(map(self.cost, self.truths)), self._exact
        errors = sum(
            max(0, sum(map(self.cost, calls)) - sum(net.get(hold, ())))
            for hold, calls in by_hold.items()
            if hold not in exact  # what was reported is debited to the nano, or lost
        )
        by_truth = consumed - credit - found.overage - found.unheld - allowed - errors
        found.overspent = max(0, beyond - excepted, by_truth)
        if found.overspent:
            figures = f"debited {found.debited}, held {account.held}, consumed {consumed}"
            self._say(
                found, f"overspent {found.overspent}: {figures} of {credit}, {excepted} excepted"
            )

    def _let_pass(self, hold: Hold) -> bool:
        return hold.placed_by == "report" and self._in_window(hold)

    def _unclamped(self, hold: Hold) -> bool:
        """Shadow places holds and clamps nothing, so a call may exceed its own."""
        return hold.outcome == "captured" and hold.placed_by == "authz" and self._in_window(hold)

    def _in_window(self, hold: Hold) -> bool:
        """Whether another mode than enforce may have ruled when the call came, or its report."""
        slack = timedelta(seconds=WINDOW_SLACK_S).total_seconds()
        placed_s = hold.placed_at.timestamp()
        longest_report_s = 30.0 if hold.placed_by == "report" else 0.0
        return any(
            window.began_s - slack <= placed_s <= window.ended_s + slack + longest_report_s
            for window in self.windows
        )

    def _blocks(self, found: Findings) -> None:
        """Each 402 is a stored refusal, and each stored refusal is what the ledger says."""
        stored = {decision.hold_id: decision for decision in self.view.decisions}
        for attempt in self.attempts:
            if attempt.status == 403:
                found.wrong_blocks += 1
                self._say(found, f"{attempt.tag} was refused: {attempt.reason}")
            if attempt.status != 402:
                continue
            decision = stored.get(attempt.hold)
            if decision is None or (decision.kind, decision.reason) != ("refuse", attempt.reason):
                found.wrong_blocks += 1
                self._say(found, f"402 {attempt.reason} of {attempt.hold}; stored: {decision}")
        for decision in self.view.decisions:
            if decision.reason not in CREDIT_REASONS:
                continue
            found.refusals += 1
            problem = objection(decision, self.view.history, self.view.holds)
            if problem is not None:
                found.wrong_blocks += 1
                self._say(found, f"refusal of {decision.hold_id}: {problem}")

    def _early_s(self, hold: Hold, by_hold: Mapping[str, Sequence[TruthCall]]) -> float:
        calls = [call for call in by_hold.get(hold.id, ()) if self.cost(call) > 0]
        whole = any(a.hold == hold.id and a.response_id for a in self.attempts)
        return closed_early(hold, calls, self.deadline_s, heard_whole=whole)

    def _placements(self, found: Findings) -> None:
        """Each hold of the door is what the grant rule gives on the ledger's figures of then, to the nano."""
        for hold in self.view.holds:
            if hold.placed_by != "authz":
                continue
            found.placements += 1
            nanos, why = excess_of(hold, self.view.history, self.view.holds)
            if why:
                found.overspent += nanos
                self._say(found, f"hold {hold.id}: {why}")

    def _holds(self, found: Findings, by_hold: Mapping[str, Sequence[TruthCall]]) -> None:
        for hold in self.view.holds:
            early_s = self._early_s(hold, by_hold)
            if early_s:
                found.closed_early += 1
                how = f"({hold.outcome} {hold.reason})"
                self._say(
                    found,
                    f"hold {hold.id} {how} was closed {early_s:.2f} s before its call was over",
                )
            if hold.is_open:
                found.holds_left += 1
                self._say(found, f"hold {hold.id} of {hold.granted} is open")
            elif not hold.reason:
                found.unexplained += 1
                self._say(found, f"hold {hold.id} was closed for no reason")


def price_by(prices: Mapping[str, Price]) -> Callable[[TruthCall], int]:
    """The function that says what one of the provider's calls cost by the book, nano-USD."""
    return lambda call: truth_nanos(call, prices)
