"""The stateful suite: Hypothesis plays with one account, a store and the reference answer alike."""

import asyncio
import uuid
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)

from tests.books import a_place
from tests.model.acts import OUTCOMES, Act, Acts, Sent
from tests.model.perform import compare, perform
from tests.model.store import Store

MOST = 1_000
AMOUNTS = st.integers(0, MOST)
SIZES = st.tuples(AMOUNTS, AMOUNTS, AMOUNTS).map(lambda drawn: tuple(sorted(drawn, reverse=True)))
Size = tuple[int, int, int]
T = TypeVar("T")


class AccountMachine(RuleBasedStateMachine):
    """One account through anything that may happen; a subclass gives the store, and its loop."""

    store: ClassVar[Store]
    loop: ClassVar[asyncio.AbstractEventLoop]
    calls: Bundle[str] = Bundle("calls")
    reports: Bundle[Sent] = Bundle("reports")

    @initialize(nanos=AMOUNTS)
    def begin(self, nanos: int) -> None:
        """A person with some credit, and another one."""
        account, self.other = self.run(self.store.open([str(uuid.uuid4()) for _ in range(2)]))
        self.acts = Acts(account, lambda: str(uuid.uuid4()))
        if nanos:
            self.do(self.acts.give(nanos))
        self.run(self.store.give({self.other: MOST}))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for the store, on the one loop that its connections live in."""
        return self.loop.run_until_complete(coroutine)

    def do(self, act: Act) -> None:
        """The store must answer as the reference did."""
        assert self.run(perform(self.store, [act])) == []

    @rule(target=calls, sizes=st.lists(SIZES, min_size=1, max_size=3), shadow=st.booleans())
    def place(self, sizes: list[Size], shadow: bool) -> MultipleResults[str]:  # noqa: FBT001 (drawn)
        """One tab, or several at once."""
        act = self.acts.place(sizes, shadow=shadow)
        self.do(act)
        return multiple(*act.expected)

    @rule(hold_id=calls, size=SIZES)
    def place_again(self, hold_id: str, size: Size) -> None:
        """A retry; or the replay of an id that was refused or closed."""
        self.do(self.acts.place_again(hold_id, size))

    @rule(hold_id=calls, size=SIZES)
    def place_for_another(self, hold_id: str, size: Size) -> None:
        """Nobody passes on somebody else's hold."""
        if hold_id in self.acts.reference.holds:
            stolen = a_place(self.other, *size, hold_id=hold_id)
            answers = self.run(self.store.place([stolen]))
            assert answers == {hold_id: ("closed", None, 0)}

    @rule(target=calls, granted=AMOUNTS)
    def place_bounded(self, granted: int) -> str:
        """A replica went on while the ledger was away."""
        act = self.acts.place_bounded(granted)
        self.do(act)
        return str(act.rows[0]["id"])

    @rule(hold_id=calls, granted=AMOUNTS)
    def place_bounded_again(self, hold_id: str, granted: int) -> None:
        """Its spool is replayed; or it granted what the ledger had decided already."""
        self.do(self.acts.place_bounded(granted, hold_id))

    @rule(hold_id=calls, size=SIZES)
    def extend(self, hold_id: str, size: Size) -> None:
        """The body needs more."""
        self.do(self.acts.extend(hold_id, size[0], size[2]))

    @rule(target=reports, hold_id=calls, provider_id=st.sampled_from("ab"), cost=AMOUNTS)
    def report(self, hold_id: str, provider_id: str, cost: int) -> Sent | MultipleResults[Sent]:
        """What a call cost: early, late, above its hold, a second answer."""
        known = self.acts.reference.holds.get(hold_id)
        if known and f"{hold_id}:success:{provider_id}" in known.costs:
            return multiple()
        self.do(self.acts.report(hold_id, provider_id, cost))
        return self.acts.sent[-1]

    @rule(target=reports, hold_id=calls)
    def end(self, hold_id: str) -> Sent:
        """Evidence without a cost."""
        self.do(self.acts.report(hold_id, None, 0))
        return self.acts.sent[-1]

    @rule(target=calls, cost=AMOUNTS)
    def report_unknown(self, cost: int) -> str:
        """A call that nobody held for: the tombstone."""
        self.do(self.acts.report(None, "a", cost))
        return self.acts.sent[-1].hold_id

    @rule(sent=reports)
    def report_again(self, sent: Sent) -> None:
        """The answer to the callback was lost."""
        self.do(self.acts.repeat(sent))

    @rule(sent=reports, cost=AMOUNTS)
    def contradict(self, sent: Sent, cost: int) -> None:
        """Another source, perhaps with other figures."""
        if sent.event is not None:
            self.do(self.acts.contradict(sent, cost))

    @rule(
        hold_id=calls, outcome=st.sampled_from(sorted(OUTCOMES)), cost=AMOUNTS, stale=st.booleans()
    )
    def close(self, hold_id: str, outcome: str, cost: int, stale: bool) -> None:  # noqa: FBT001 (drawn)
        """On what is on disk, or on what was there a moment ago."""
        estimate = cost if outcome == "settled" else 0
        self.do(self.acts.close(hold_id, outcome, estimate, stale=stale))

    @rule(nanos=st.integers(1, MOST))
    def top_up(self, nanos: int) -> None:
        """More credit."""
        self.do(self.acts.give(nanos))

    @rule(nanos=AMOUNTS)
    def lend(self, nanos: int) -> None:
        """Another overdraft, perhaps a smaller one."""
        self.do(self.acts.lend(nanos))

    @rule(status=st.sampled_from(["active", "suspended", "frozen"]))
    def suspend(self, status: str) -> None:
        """Suspended, frozen, or active again."""
        self.do(self.acts.suspend(status))

    @invariant()
    def books_add_up(self) -> None:
        """Figures equal the reference's; each refusal on file recomputes."""
        if hasattr(self, "acts"):
            differences, recomputed = self.run(compare(self.store, [self.acts]))
            assert differences == []
            assert recomputed == len(self.acts.refused)
