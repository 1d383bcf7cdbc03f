"""The model's capture_batch: reports of a call, any number of times, in any order."""

from collections.abc import Iterator

from tests.model.state import END, EVENTS, Hold, Rules, State, World


def reporting_steps(
    state: State, call: int, world: World, rules: Rules
) -> Iterator[tuple[str, State]]:
    """Each record that the call has made may arrive now, for the first time or again."""
    hold = state.holds[call]
    if not hold.ran or hold.lost:
        return
    for record in sent(hold):
        yield f"report {record}", report(state, call, record, 0, rules)
        if world.conflicts and record != END:
            yield f"report {record} otherwise", report(state, call, record, 1, rules)
        recorded = hold.records & record or not rules.acknowledged_when_recorded
        if world.acknowledges and recorded:
            kept = hold._replace(acknowledged=hold.acknowledged | record)
            yield f"acknowledge {record}", state.put(call, kept)


def sent(hold: Hold) -> list[int]:
    """The records in the callback's spool: how it ended, and one for each answer that cost."""
    made = [END] + [e for e, bill in zip(EVENTS, hold.bills, strict=True) if bill]
    return [record for record in made if not hold.acknowledged & record]


def report(state: State, call: int, record: int, error: int, rules: Rules) -> State:
    """Record one report; `error` is by how much this source's figure differs."""
    hold = state.holds[call]
    if not hold.placed_by:
        hold = hold._replace(placed_by="report", open=True)
    hold = hold._replace(records=hold.records | record)
    if record == END:
        return state.put(call, hold)
    event = EVENTS.index(record)
    cost = hold.bills[event] + error
    first = hold.figures[event]
    if first < 0:
        other = hold.figures[1 - event] >= 0
        figures = (cost, hold.figures[1]) if event == 0 else (hold.figures[0], cost)
        return _debit(state, call, hold._replace(figures=figures), cost, (rules, other))
    if first != cost:
        hold = hold._replace(conflict=rules.conflict_is_shown)
        if not rules.first_figures_stand:
            return _charge(state, call, hold, cost, rules)
    elif not rules.event_is_debited_once:
        return _charge(state, call, hold, cost, rules)
    return state.put(call, hold)


def _debit(state: State, call: int, hold: Hold, cost: int, how: tuple[Rules, bool]) -> State:
    rules, other = how
    if hold.estimate and rules.estimate_is_reversed:
        state = state.move(hold.estimate, 0)
        hold = hold._replace(estimate=0)
    late = hold.closed and not rules.late_report_is_debited
    if late or (other and not rules.second_answer_is_a_cost):
        return state.put(call, hold)
    return _charge(state, call, hold, cost, rules)


def _charge(state: State, call: int, hold: Hold, cost: int, rules: Rules) -> State:
    """What is debited stops being held in the same step."""
    taken = 0
    if hold.open and rules.capture_frees_the_hold:
        taken = min(hold.amount, cost) if rules.capture_frees_no_more_than_held else cost
    captured = hold.captured + cost if hold.open else hold.captured
    charged = hold._replace(
        amount=hold.amount - taken, captured=captured, charged=hold.charged + cost
    )
    return state.move(-cost, -taken).put(call, charged)
