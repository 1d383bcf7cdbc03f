"""Exhaustive exploration: every state that any order of steps reaches, breadth first."""

from collections import deque
from dataclasses import dataclass

from tests.model.invariants import broken, excuse
from tests.model.state import Rules, State, World
from tests.model.steps import steps


@dataclass(frozen=True)
class Explored:
    """How much was seen, the promise that broke, and the shortest way there."""

    states: int
    steps: int
    violation: str | None = None
    path: tuple[str, ...] = ()


@dataclass
class Search:
    """The states seen so far, each with how it was reached first."""

    world: World
    rules: Rules

    def __post_init__(self) -> None:
        """Begin where nothing has happened."""
        begin = self.world.start().canonical()
        self.came: dict[State, tuple[State, str] | None] = {begin: None}
        self.back: dict[State, list[State]] = {begin: []}
        self.waiting = deque([begin])
        self.taken = 0

    def run(self) -> Explored:
        """Visit everything, or stop at the first broken promise."""
        while self.waiting:
            state = self.waiting.popleft()
            for step in steps(state, self.world, self.rules):
                self.taken += 1
                if step.after is state and not step.answer:
                    continue
                after = excuse(step.after)
                wrong = broken(self.world, state, step._replace(after=after))
                name = f"{step.name} ({step.call})"
                if wrong:
                    return self._found(wrong, state, name)
                self._visit(state, after.canonical(), name)
        stuck = self._stuck() if self.world.reports else None
        if stuck is not None:
            return self._found("I4: a hold can never close", stuck, "for ever")
        return Explored(len(self.came), self.taken)

    def _visit(self, state: State, after: State, name: str) -> None:
        if after not in self.came:
            self.came[after] = (state, name)
            self.back[after] = []
            self.waiting.append(after)
        self.back[after].append(state)

    def _stuck(self) -> State | None:
        """A state from which no way leads to all holds being closed, with every report on disk or not."""
        ends = [state for state in self.came if not any(hold.open for hold in state.holds)]
        reached, waiting = set(ends), deque(ends)
        while waiting:
            for state in self.back[waiting.popleft()]:
                if state not in reached:
                    reached.add(state)
                    waiting.append(state)
        return next((state for state in self.came if state not in reached), None)

    def _found(self, wrong: str, state: State, name: str) -> Explored:
        path = [name]
        while (came := self.came[state]) is not None:
            state, name = came
            path.append(name)
        return Explored(len(self.came), self.taken, wrong, tuple(reversed(path)))


def explore(world: World, rules: Rules | None = None) -> Explored:
    """Explore a world under the rules of the protocol, or under a mutant of them."""
    return Search(world, rules or Rules()).run()
