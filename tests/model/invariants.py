"""The promises I1 to I5 of protocol.md 1, as questions about a state and about a step."""

from collections.abc import Iterator

from tests.model.state import ALLOWED, TURNED_AWAY, Hold, State, World
from tests.model.steps import Step

REASONS = {"", "captured", "failed", "settled", "no evidence"}


def excused(hold: Hold) -> int:
    """The excess that the fault table (protocol.md 7) grants: late costs, and costs above the hold."""
    late = hold.closed in REASONS and (hold.closed or hold.placed_by == "report")
    if late or (hold.ran and hold.answer != ALLOWED):
        return max(hold.exposure - hold.charged - hold.estimate, 0)
    if hold.bound > hold.granted and not hold.promised:
        # Placed, nobody heard, and granted once more by a replica without its ledger.
        return max(hold.exposure - hold.granted, 0)
    return max(sum(hold.bills) - hold.bound, 0) if hold.ran else 0


def excuse(state: State) -> State:
    """The state in which each call remembers the largest excess it was ever granted."""
    return state._replace(
        holds=tuple(h._replace(excuse=max(h.excuse, excused(h))) for h in state.holds)
    )


def broken(world: World, before: State, step: Step) -> str | None:
    """The first promise that the step broke, or that does not hold after it."""
    return next(_of_step(world, before, step), None) or next(_of_state(step.after), None)


def _of_state(state: State) -> Iterator[str]:
    exposure = sum(hold.exposure - hold.excuse for hold in state.holds)
    for number, account in enumerate(state.accounts):
        if exposure > account.given:
            yield f"I1: account {number} may spend {exposure} of {account.given}"
        if account.posted != account.given - sum(_owed(hold) for hold in state.holds):
            yield f"I2: account {number} is not debited once for what is known"
        if account.held != sum(hold.amount for hold in state.holds):
            yield f"I1: account {number} holds what no open hold reserves"
    for hold in state.holds:
        yield from _of_hold(hold)


def _of_hold(hold: Hold) -> Iterator[str]:
    if hold.amount != (max(hold.granted - hold.captured, 0) if hold.open else 0):
        yield "I1: a hold does not reserve what it granted and was not debited"
    if hold.acknowledged & ~hold.records:
        yield "I3: a report was acknowledged and is not on disk"
    if hold.closed not in REASONS or (hold.closed == "no evidence" and not hold.exception):
        yield f"I4: closed without a stated reason ({hold.closed})"


def _owed(hold: Hold) -> int:
    """Each event once, by its first figure; without any, the estimate."""
    return hold.known if max(hold.figures) >= 0 else hold.estimated


def _of_step(world: World, before: State, step: Step) -> Iterator[str]:
    if step.call < 0:
        return
    was, now = before.holds[step.call], step.after.holds[step.call]
    if step.name == "place":
        yield from _of_retry(was, now, step.answer)
    if now.refused and not was.refused and world.minimum <= _room(before):
        yield "I5: refused although the ledger says that the minimum fits"
    if now.closed and not was.closed and now.overage != _overage(now):
        yield "I1: what was charged above the hold was not recorded"
    if _differs(was, step.name) and not now.conflict:
        yield "I2: two sources differ and nobody is told"


def _of_retry(was: Hold, now: Hold, answer: str) -> Iterator[str]:
    if answer == ALLOWED and (was.refused or was.closed or was.placed_by == "report"):
        yield "I4: an id that was refused or closed was used again"
    if was.placed_by and (was.granted, was.amount) != (now.granted, now.amount):
        yield "I1: a retry changed its hold"
    if answer == TURNED_AWAY and was.open and was.placed_by != "report":
        yield "I5: a retry of an open hold was turned away"


def _room(state: State) -> int:
    """What is really free on the tightest account, worked out from what happened and not from figures."""
    used = sum(_owed(hold) + _reserved(hold) for hold in state.holds)
    given = [account.given for account in state.accounts]
    given[-1] += state.due
    return min(given) - used


def _reserved(hold: Hold) -> int:
    return max(hold.granted - hold.known, 0) if hold.open else 0


def _overage(hold: Hold) -> int:
    return max(hold.captured - hold.granted, 0) if hold.placed_by != "report" else 0


def _differs(was: Hold, name: str) -> bool:
    """Whether this report of an event says other figures than the first one did."""
    _, _, rest = name.partition("report ")
    record, _, otherwise = rest.partition(" ")
    event = {"2": 0, "4": 1}.get(record)
    return event is not None and was.figures[event] not in {-1, was.bills[event] + bool(otherwise)}
