"""Acts on one account: each is done to the reference at once, and says what a store must answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from credit.ledger import Place
from tests.books import a_place, a_record, an_event
from tests.model.reference import Account, Answer
from tests.model.scenarios import bounded
from tests.model.store import Extension

# How a hold may close, with the reason that goes with it.
OUTCOMES = {"captured": "reported", "released": "failed", "settled": "aborted"}


@dataclass
class Act:
    """One act: rows for the store's verb, and the answers by id that the reference gives."""

    verb: str  # place, place_bounded, extend, capture, close, give, lend, suspend
    rows: list[Any]
    expected: dict[Any, Any] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)


@dataclass
class Sent:
    """A report that was sent, to be sent again."""

    hold_id: str
    record: dict[str, Any]
    event: dict[str, Any] | None


class Acts:
    """What happens to one account, with its reference beside it."""

    def __init__(self, account_id: int, new_id: Callable[[], str]) -> None:
        """`new_id` gives fresh hold ids."""
        self.account_id = account_id
        self.reference = Account()
        self.ids: list[str] = []  # every hold id that was ever used
        self.sent: list[Sent] = []
        self.refused: set[str] = set()  # holds whose refusal must be on file
        self.placements = 0
        self._new_id = new_id

    @property
    def open(self) -> list[str]:
        """The open holds."""
        return [hold_id for hold_id, hold in self.reference.holds.items() if not hold.closed]

    def give(self, nanos: int) -> Act:
        """Top the account up."""
        self.reference.given += nanos
        return Act("give", [(self.account_id, nanos)])

    def lend(self, nanos: int) -> Act:
        """Set the overdraft, up or down."""
        self.reference.overdraft = nanos
        return Act("lend", [(self.account_id, nanos)])

    def suspend(self, status: str) -> Act:
        """Suspend or freeze the account, or set it active again."""
        self.reference.status = status
        return Act("suspend", [(self.account_id, status)])

    def place(self, sizes: Sequence[tuple[int, int, int]], *, shadow: bool = False) -> Act:
        """New calls, in one batch; each (want, target, minimum)."""
        return self._place([(self._fresh(), size) for size in sizes], shadow=shadow)

    def racer(self, size: tuple[int, int, int]) -> Place:
        """A call whose answer depends on another one's: the reference is not asked."""
        return a_place(self.account_id, *size, hold_id=self._fresh())

    def place_again(self, hold_id: str, size: tuple[int, int, int]) -> Act:
        """A retry, or the replay of an id that was refused or closed."""
        return self._place([(hold_id, size)], shadow=False)

    def _place(self, asked: Sequence[tuple[str, tuple[int, int, int]]], *, shadow: bool) -> Act:
        act = Act("place", [])
        for hold_id, size in asked:
            act.rows.append(a_place(self.account_id, *size, hold_id=hold_id, shadow=shadow))
            act.expected[hold_id] = answer = self.reference.place(hold_id, *size)
            self._remember(hold_id, answer)
            self.placements += 1
        return act

    def place_bounded(self, granted: int, hold_id: str | None = None) -> Act:
        """What a replica granted while the ledger was away; again, when an id is given."""
        hold_id = hold_id or self._fresh()
        line = bounded(a_place(self.account_id, granted, hold_id=hold_id), granted)
        expected = {hold_id: self.reference.place_bounded(hold_id, granted)}
        return Act("place_bounded", [line], expected)

    def extend(self, hold_id: str, want: int, minimum: int) -> Act:
        """The body needs more than the hold."""
        answer = self.reference.extend(hold_id, want, minimum)
        self._remember(hold_id, answer)
        return Act("extend", [Extension(hold_id, want, minimum)], {hold_id: answer})

    def report(self, hold_id: str | None, provider_id: str | None, cost: int) -> Act:
        """A new record of a call (of an unknown one without id); with a provider's id, what it cost."""
        hold_id = hold_id or self._fresh()
        record = a_record(hold_id, self.account_id, "cost" if provider_id else "end")
        event = an_event(hold_id, cost, provider_id) if provider_id else None
        if event is not None:
            event["record_id"] = record["id"]
        return self._capture(Sent(hold_id, record, event))

    def repeat(self, sent: Sent) -> Act:
        """The same report once more: its answer was lost."""
        return self._capture(sent)

    def contradict(self, sent: Sent, cost: int) -> Act:
        """Another source tells of the same event, perhaps with another cost."""
        record = a_record(sent.hold_id, self.account_id)
        event = {**(sent.event or {}), "cost": cost, "record_id": record["id"]}
        return self._capture(Sent(sent.hold_id, record, event), keep=False)

    def _capture(self, sent: Sent, *, keep: bool = True) -> Act:
        if keep and sent not in self.sent:
            self.sent.append(sent)
        name, event = sent.record["id"], sent.event
        act = Act("capture", [sent.record], events=[event] if event else [])
        act.expected["record", name] = self.reference.report(sent.hold_id, name, None)
        if event:
            figures = (event["id"], event["cost"])
            act.expected["event", event["id"]] = self.reference.report(sent.hold_id, name, figures)
        return act

    def close(self, hold_id: str, outcome: str, estimate: int, *, stale: bool = False) -> Act:
        """Close on the evidence that is there, or on evidence that is older than what is there."""
        seen = self.reference.seen(hold_id) - stale
        captured = self.reference.close(hold_id, estimate, seen)
        row = {
            "hold_id": hold_id,
            "outcome": outcome,
            "reason": OUTCOMES[outcome],
            "estimate": estimate,
            "records_seen": seen,
        }
        return Act("close", [row], {} if captured is None else {hold_id: captured})

    def _fresh(self) -> str:
        self.ids.append(self._new_id())
        return self.ids[-1]

    def _remember(self, hold_id: str, answer: Answer) -> None:
        if answer[0] == "refused":
            self.refused.add(hold_id)
