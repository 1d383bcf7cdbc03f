"""What a run came to, as a table: one line for each fault, one for everything."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.table import Table

from tests.chaos.judge import Findings
from tests.chaos.run import Outcome, RoundOutcome
from tests.chaos.schedule import AWAY, CONDITIONS, FAULTS
from tests.chaos.traffic import Attempt

KINDS: Final = (*FAULTS, AWAY, *CONDITIONS)
LONG_RUN: Final = 200  # rounds from which a run must also show that its zeros mean something
LEAST_REFUSED: Final = 10.0
LEAST_SPENT: Final = 95.0
LEAST_FIRED: Final = 10
# While these last, or mode closed rules, "unavailable, nothing was charged" is the decision that policy asks for.
STORE_AWAY: Final = (
    "postgres killed", "postgres frozen", "postgres restarted", "authz backend killed",
    "accounting backend killed", "network to postgres", "mode closed", AWAY,
)  # fmt: skip
UNAVAILABLE: Final = "enforcement_unavailable"
HEADS: Final = (
    "fault", "fired", "calls", "refused %", "spent %", "overspent", "closed early", "overage", "bounded",
    "wrong blocks", "lost", "double", "holds left", "answered ≤1 s %", "longest away s",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One line of the table; amounts in nano-USD."""

    name: str
    fired: int
    calls: int
    refused: float
    spent: float
    found: Findings
    available: float
    longest_s: float

    @property
    def cells(self) -> tuple[str, ...]:
        """As printed."""
        f = self.found
        return (
            self.name, str(self.fired), str(self.calls), f"{self.refused:.1f}", f"{self.spent:.2f}",
            str(f.overspent), str(f.closed_early), str(f.overage), str(f.bounded), str(f.wrong_blocks),
            str(f.lost), str(f.double), str(f.holds_left + f.unexplained),
            f"{self.available:.1f}", f"{self.longest_s:.1f}",
        )  # fmt: skip


def lines_of(outcome: Outcome) -> list[Line]:
    """A line for each fault that was fired, then the sum, in which each round counts once."""
    lines = []
    for kind in KINDS:
        rounds = [one for one in outcome.rounds if kind in one.fired]
        if rounds:
            fired = sum(one.fired.count(kind) for one in rounds)
            lines.append(_line(kind, fired, rounds, outcome.attempts))
    every = _line("all", sum(line.fired for line in lines), outcome.rounds, outcome.attempts)
    every.found.add(outcome.probes)
    return [*lines, every]


def _line(
    name: str, fired: int, rounds: Sequence[RoundOutcome], attempts: Iterable[Attempt]
) -> Line:
    numbers = {one.round.number for one in rounds}
    mine = [attempt for attempt in attempts if attempt.round in numbers]
    calls = [attempt for attempt in mine if attempt.kind == "round"]
    found = Findings()
    for one in rounds:
        found.add(one.findings)
    refused = sum(attempt.status == 402 for attempt in calls)
    decided = refused + sum(attempt.status == 200 for attempt in calls)
    spent = sum(min(one.findings.debited, one.findings.granted) for one in rounds)
    away = {one.round.number for one in rounds if set(one.fired) & set(STORE_AWAY)}
    probes = sorted((a for a in mine if a.kind == "probe"), key=lambda a: a.began_s)
    prompt = sum(a.prompt and _by_policy(a, away) for a in probes)
    return Line(
        name=name,
        fired=fired,
        calls=len(calls),
        refused=_percent(refused, decided),
        spent=_percent(spent, found.granted),
        found=found,
        available=_percent(prompt, len(probes)),
        longest_s=longest_away_s(probes),
    )


def _by_policy(attempt: Attempt, away: set[int]) -> bool:
    """A decision of the ledger; or, where the ledger is away or mode closed rules, the typed 503."""
    if attempt.status in {200, 402}:
        return True
    return attempt.status == 503 and attempt.reason == UNAVAILABLE and attempt.round in away


def longest_away_s(probes: Sequence[Attempt]) -> float:
    """The longest stretch in which no question was decided within a second, whatever the policy."""
    longest, since, last_round = 0.0, None, None
    for attempt in probes:
        if last_round is not None and attempt.round - last_round > 1:
            since = None  # between rounds of the same fault lie others
        last_round = attempt.round
        if attempt.prompt and attempt.status in {200, 402}:
            if since is not None:
                longest = max(longest, attempt.began_s - since)
            since = None
        elif since is None:
            since = attempt.began_s
    return longest


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 100.0


def complaints(outcome: Outcome, lines: Sequence[Line]) -> list[str]:
    """Why the run failed; empty when it did not."""
    every = lines[-1]
    said = [] if every.found.clean else ["the zeros are not zero"]
    unfinished = [one.round.number for one in outcome.rounds if not one.finished]
    if unfinished:
        said.append(f"accounts of rounds {unfinished} could not be spent to their end")
    if outcome.sums["strangers"]:
        said.append(f"{outcome.sums['strangers']} nano-USD were booked to nobody")
    said += [
        f"{outcome.sums[name]} records were {name}"
        for name in ("quarantined", "set aside")
        if outcome.sums[name]
    ]
    if len(outcome.rounds) < LONG_RUN:
        return said
    if every.refused < LEAST_REFUSED:
        said.append(f"only {every.refused:.1f} % of the calls were refused")
    if every.spent < LEAST_SPENT:
        said.append(f"only {every.spent:.1f} % of the credit was spent")
    fired = {line.name: line.fired for line in lines}
    rare = [kind for kind in KINDS if fired.get(kind, 0) < LEAST_FIRED]
    if rare:
        said.append(f"fired less than {LEAST_FIRED} times: {', '.join(rare)}")
    return said


def as_table(lines: Sequence[Line]) -> Table:
    """For the terminal."""
    table = Table(box=None, pad_edge=False)
    for place, head in enumerate(HEADS):
        table.add_column(head, justify="right" if place else "left", overflow="fold")
    for line in lines:
        table.add_row(*line.cells, style=None if line.found.clean else "bold red")
    return table


def as_markdown(lines: Sequence[Line]) -> str:
    """For the record."""
    rows = [HEADS, ("---", *("---:" for _ in HEADS[1:])), *(line.cells for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
