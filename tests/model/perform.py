"""Perform acts of many accounts in one call per verb, and compare every answer."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from tests.model.acts import Act, Acts
from tests.model.store import Store

VERBS = ("give", "lend", "suspend", "place", "place_bounded", "extend", "capture", "close")


class Difference(NamedTuple):
    """What a store answered, and what the reference answers."""

    verb: str
    subject: Any
    expected: Any
    answered: Any

    @property
    def wrong_block(self) -> bool:
        """Whether somebody was turned away who could pay, or let through who could not."""
        results = {answer[0] for answer in (self.expected, self.answered) if answer}
        return self.verb in {"place", "extend"} and "refused" in results and len(results) > 1


async def perform(store: Store, acts: Sequence[Act]) -> list[Difference]:
    """Do the acts, which must be of different accounts; return where the store differs."""
    differences: list[Difference] = []
    for verb in VERBS:
        mine = [act for act in acts if act.verb == verb]
        if not mine:
            continue
        rows = [row for act in mine for row in act.rows]
        expected = {key: answer for act in mine for key, answer in act.expected.items()}
        answered = await _ask(store, verb, rows, [e for act in mine for e in act.events])
        if answered is not None and answered != expected:
            differences += [
                Difference(verb, key, expected.get(key), answered.get(key))
                for key in expected.keys() | answered.keys()
                if expected.get(key) != answered.get(key)
            ]
    return differences


async def _ask(store: Store, verb: str, rows: list[Any], events: list[Any]) -> Any:
    """The answers of one verb by id; None where there is nothing to compare."""
    if verb in {"give", "lend", "suspend"}:
        await getattr(store, verb)(dict(rows))
        return None
    if verb == "capture":
        return await store.capture(rows, events)
    return await getattr(store, verb)(rows)


async def compare(store: Store, histories: Sequence[Acts]) -> tuple[list[Difference], int]:
    """Figures, books and refusals on file against the references; how many refusals were recomputed."""
    ids = [acts.account_id for acts in histories]
    figures = await store.figures(ids)
    stored = await store.check(ids)
    differences = []
    for acts in histories:
        reference = acts.reference
        mine = (reference.posted, reference.held, reference.overage)
        if figures[acts.account_id] != mine:
            differences.append(
                Difference("figures", acts.account_id, mine, figures[acts.account_id])
            )
        if stored.get(acts.account_id, 0) != len(acts.refused):
            seen = stored.get(acts.account_id, 0)
            differences.append(Difference("refusals", acts.account_id, len(acts.refused), seen))
    return differences, sum(stored.values())
