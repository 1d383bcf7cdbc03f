"""The model's settler: look at the evidence of a hold, decide without a lock, close it later."""

from collections.abc import Iterator

from tests.model.state import ALLOWED, END, Hold, Look, Rules, State, World


def closing_steps(
    state: State, call: int, world: World, rules: Rules
) -> Iterator[tuple[str, State]]:
    """Looking and closing are two steps: anything may come in between."""
    hold = state.holds[call]
    if hold.open:
        for look in _verdicts(hold, world, rules):
            if look != hold.look:
                yield f"look: {look.outcome}", state.put(call, hold._replace(look=look))
        if not rules.cancel_leaves_the_hold and hold.answer == ALLOWED and not hold.ran:
            void = hold._replace(look=Look(hold.records, "cancelled", 0))
            yield "cancel", close(state.put(call, void), call, rules)
    if hold.look is not None:
        yield f"close: {hold.look.outcome}", close(state, call, rules)


def _verdicts(hold: Hold, world: World, rules: Rules) -> Iterator[Look]:
    """What the evidence on disk says; the deadline may pass at any moment."""
    known = any(figure >= 0 for figure in hold.figures)
    if hold.records & END:
        if known:
            yield Look(hold.records, "captured", 0)
        elif hold.bills == (0, 0):
            yield Look(hold.records, "failed", 0)
        else:
            yield Look(hold.records, "settled", world.estimate)
    elif world.deadline and rules.deadline_closes:
        yield Look(hold.records, "captured" if known else "no evidence", 0)


def close(state: State, call: int, rules: Rules) -> State:
    """close_batch of one hold: nothing when it is closed already or newer evidence has come."""
    hold = state.holds[call]
    look = hold.look
    if look is None or not (hold.open or (hold.closed and not rules.hold_closes_once)):
        return state
    if rules.close_needs_fresh_evidence and hold.records != look.seen:
        return state.put(call, hold._replace(look=None))
    captured = hold.captured + look.estimate
    over = max(captured - hold.granted, 0) if hold.placed_by != "report" else 0
    closed = hold._replace(
        open=False,
        amount=0,
        captured=captured,
        closed=look.outcome,
        overage=over if rules.overage_is_recorded else 0,
        estimate=hold.estimate + look.estimate,
        estimated=look.estimate,
        exception=look.outcome == "no evidence" and rules.no_evidence_is_shown,
        look=None if rules.hold_closes_once else look,
    )
    freed = hold.amount if rules.close_frees_the_rest else 0
    return state.move(-look.estimate, -freed).put(call, closed)
