"""Every step that may be taken from a state of the model, under given rules."""

from collections.abc import Iterator
from typing import NamedTuple

from credit.grant import decide
from tests.model.closing import closing_steps
from tests.model.reporting import reporting_steps
from tests.model.state import ALLOWED, TURNED_AWAY, UNASKED, Rules, State, World


class Step(NamedTuple):
    """What was done to which call, the state it led to, and what a place was answered."""

    name: str
    call: int
    after: State
    answer: str = UNASKED


def steps(state: State, world: World, rules: Rules) -> Iterator[Step]:
    """All steps from here, of the world and of our processes, in no order that matters."""
    for call in range(len(state.holds)):
        for name, after in _steps_of(state, call, world, rules):
            yield Step(name, call, after)
        if not state.away and not (_spooled(state) and rules.bounded_is_placed_first):
            after, answer = place(state, call, world, rules)
            yield Step("place", call, after, answer)
            if world.lost_answers and after is not state:
                yield Step("place, answer lost", call, _unheard(after, call, state))
    for name, after in _ledger_steps(state, world, rules):
        yield Step(name, -1, after)


def _steps_of(state: State, call: int, world: World, rules: Rules) -> Iterator[tuple[str, State]]:
    hold = state.holds[call]
    yield from _call_steps(state, call, world)
    if state.away:
        if hold.answer == UNASKED and not hold.ran:
            yield "grant while away", _promise(state, call, world, rules)
        return
    if hold.promised:
        yield "place what was granted", _place_bounded(state, call, rules)
    if world.extend_to and hold.open and hold.answer == ALLOWED and not hold.ran:
        yield "extend", _extend(state, call, world, rules)
    if world.reports:
        yield from reporting_steps(state, call, world, rules)
        yield from closing_steps(state, call, world, rules)


def _spooled(state: State) -> bool:
    """Whether a replica has still to place what it granted while the ledger was away."""
    return any(hold.promised and not hold.placed_by for hold in state.holds)


def _ledger_steps(state: State, world: World, rules: Rules) -> Iterator[tuple[str, State]]:
    if world.top_up and not state.topped_up:
        more = tuple(
            a._replace(posted=a.posted + world.top_up, given=a.given + world.top_up)
            for a in state.accounts
        )
        yield "top up", state._replace(accounts=more, topped_up=True)
    if state.due or (world.due and not rules.allowance_is_granted_once and not state.topped_up):
        yield "settle due", _settle_due(state, world)
    if state.away:
        yield "postgres is back", state._replace(away=False)
    elif state.outages < world.outages:
        yield "postgres goes away", state._replace(away=True, outages=state.outages + 1)


def _call_steps(state: State, call: int, world: World) -> Iterator[tuple[str, State]]:
    """The provider's side: the call runs, and costs what it costs."""
    hold = state.holds[call]
    if world.crashes and not hold.lost:
        yield "crash", state.put(call, hold._replace(lost=True))
    if hold.ran:
        return
    if hold.answer == ALLOWED:
        most = hold.bound + world.overrun
        bills = [(cost, 0) for cost in range(most + 1)]
        bills += [(1, cost) for cost in range(1, most)] if world.two_answers else []
        for bill in bills:
            yield f"run {bill}", state.put(call, hold._replace(ran=True, bills=bill))
    elif world.unheld and hold.answer == UNASKED:
        yield "run unheld", state.put(call, hold._replace(ran=True, bills=(1, 0)))


def place(state: State, call: int, world: World, rules: Rules) -> tuple[State, str]:
    """place_batch of one hold: placed, replay, closed or refused."""
    hold = state.holds[call]
    ended = hold.closed and rules.closed_stays_closed
    if ended or (hold.placed_by == "report" and rules.late_place_finds_tombstone):
        return _answer(state, call, TURNED_AWAY, 0)
    if hold.placed_by and (rules.retry_replays or not hold.open):
        return _answer(state, call, ALLOWED, hold.granted)
    if hold.refused and rules.refused_stays_refused:
        return _answer(state, call, TURNED_AWAY, 0)
    if state.due and rules.due_is_settled_first:
        return state, UNASKED  # the caller settles what is due, and places again
    grants = [
        _grant(a.posted - (a.held if rules.place_sees_other_holds else 0), world, rules)
        for a in state.accounts
    ]
    deciding = grants if rules.all_accounts_or_none else grants[:1]
    amounts = [grant for grant in deciding if grant is not None]
    if len(amounts) < len(deciding):
        refused = state.put(call, hold._replace(refused=True))
        return _answer(refused, call, TURNED_AWAY, 0)
    amount = min(amounts)
    return _answer(_reserve(state, call, amount, "authz"), call, ALLOWED, amount)


def _grant(available: int, world: World, rules: Rules) -> int | None:
    least = world.minimum if rules.minimum_suffices else world.want
    return decide(available, world.want, world.want, least)


def _answer(state: State, call: int, answer: str, bound: int) -> tuple[State, str]:
    """What the person hears; the answer to a retry changes nothing for a call that is allowed."""
    hold = state.holds[call]
    if hold.ran or hold.answer == ALLOWED:
        return state, answer
    return state.put(call, hold._replace(answer=answer, bound=bound)), answer


def _unheard(after: State, call: int, before: State) -> State:
    """The ledger decided, and nobody heard: the connection broke before the answer came."""
    was = before.holds[call]
    return after.put(call, after.holds[call]._replace(answer=was.answer, bound=was.bound))


def _reserve(state: State, call: int, amount: int, by: str) -> State:
    hold = state.holds[call]
    reserved = hold._replace(
        placed_by=by, granted=amount, open=True, amount=hold.amount + amount, promised=0
    )
    return state.move(0, amount).put(call, reserved)


def _extend(state: State, call: int, world: World, rules: Rules) -> State:
    hold = state.holds[call]
    totals = []
    for account in state.accounts:
        others = account.held - hold.granted if rules.extend_sees_available else 0
        totals.append(
            decide(account.posted - others, world.extend_to, world.extend_to, world.minimum)
        )
    fits = [total for total in totals if total is not None]
    total = max(min(fits, default=0), hold.granted)
    if len(fits) < len(totals) or total == hold.granted:
        return state
    more = total - hold.granted
    extended = hold._replace(granted=total, amount=hold.amount + more, bound=total)
    return state.move(0, more).put(call, extended)


def _promise(state: State, call: int, world: World, rules: Rules) -> State:
    """A replica without its ledger: up to a cap, and never more than it last saw available."""
    used = sum(hold.promised for hold in state.holds) if rules.bounded_counts_its_grants else 0
    room = min(*(a.posted - a.held for a in state.accounts), world.cap) - used
    if room < world.minimum:
        return _answer(state, call, TURNED_AWAY, 0)[0]
    amount = min(world.want, room)
    promised = state.holds[call]._replace(promised=amount)
    return _answer(state.put(call, promised), call, ALLOWED, amount)[0]


def _place_bounded(state: State, call: int, rules: Rules) -> State:
    """The spool is replayed until it is known to be placed: by id, so once."""
    hold = state.holds[call]
    if hold.placed_by and rules.bounded_is_placed_once:
        return state.put(call, hold._replace(promised=0))
    placed = _reserve(state, call, hold.promised, "bounded")
    if rules.bounded_is_placed_once:
        return placed
    return placed.put(call, placed.holds[call]._replace(promised=hold.promised))


def _settle_due(state: State, world: World) -> State:
    last = state.accounts[-1]
    granted = last._replace(posted=last.posted + world.due, given=last.given + state.due)
    again = state.due == 0
    return state._replace(
        accounts=(*state.accounts[:-1], granted), due=0, topped_up=again or state.topped_up
    )
