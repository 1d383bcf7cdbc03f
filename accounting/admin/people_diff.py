"""What a file of people changes: pure, so that what is shown first is what is done."""

import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from accounting.admin.people_file import Line
from credit.money import format_usd

FIELDS: Final = ("name", "plan", "team", "cost_center", "language")
# R$ 3.000 where the others have R$ 30 is a slip more often than a decision.
FAR_TIMES: Final = 10
# More than so many people, who are more than a fifth of all, do not leave on one day.
MANY_LEAVE: Final = 5
LEAVE_SHARE: Final = 5
NAMED: Final = 10


@dataclass(frozen=True, slots=True)
class Known:
    """A person of the ledger; `credits` are the amounts, each with its end, that imports gave."""

    id: int
    email: str
    values: Mapping[str, str | None]
    state: str
    account_id: int | None = None
    credits: Collection[tuple[int, datetime | None]] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One person: `before` and `after` hold the fields that differ; `known` None: is new."""

    kind: str  # new, moved, back, left
    email: str
    known: Known | None
    before: Mapping[str, str | None]
    after: Mapping[str, str | None]
    credit_nanos: int = 0
    valid_until: datetime | None = None
    line: int = 0

    @property
    def gains(self) -> bool:
        """Whether it gives something to spend: credit, a plan, a team's pool, an account that works again."""
        given = self.after.get("plan") or self.after.get("team") or self.kind == "back"
        return bool(self.credit_nanos or given)


@dataclass(frozen=True, slots=True)
class Diff:
    """All changes; `doubts` are sentences about what needs --force."""

    changes: Sequence[Change]
    unchanged: int
    new_pools: Sequence[str]
    doubts: Sequence[str] = field(default=())

    @property
    def credit_nanos(self) -> int:
        """What is given in all."""
        return sum(change.credit_nanos for change in self.changes)


def compare(
    lines: Sequence[Line], known: Iterable[Known], pools: Collection[str], *, partial: bool
) -> Diff:
    """The file against the ledger; `partial`: who is not in the file stays."""
    there = {person.email: person for person in known}
    found = [_change(line, there.get(line.email)) for line in lines]
    changes = [change for change in found if change is not None]
    named = {line.email for line in lines}
    active = [person for person in there.values() if person.state == "active"]
    gone = [] if partial else [person for person in active if person.email not in named]
    changes += [
        Change("left", person.email, person, {"state": "active"}, {"state": "left"})
        for person in sorted(gone, key=lambda each: each.email)
    ]
    teams = {change.after.get("team") for change in changes} - set(pools) - {None}
    doubts = [*_far(lines, changes), *_leaving(len(gone), len(active))]
    return Diff(changes, found.count(None), sorted(filter(None, teams)), doubts)


def _change(line: Line, known: Known | None) -> Change | None:
    if known is None:
        after = {name: line.values.get(name) for name in FIELDS}
        return Change(
            "new", line.email, None, {}, after, line.credit_nanos, line.valid_until, line.number
        )
    after = {n: value for n, value in line.values.items() if value != known.values.get(n)}
    before = {name: known.values.get(name) for name in after}
    kind = "moved"
    if known.state == "left":
        kind = "back"
        before, after = before | {"state": "left"}, after | {"state": "active"}
    credit = line.credit_nanos
    if (credit, line.valid_until) in known.credits:
        credit = 0  # given by an earlier import
    if not after and not credit:
        return None
    return Change(kind, line.email, known, before, after, credit, line.valid_until, line.number)


def _far(lines: Sequence[Line], changes: Sequence[Change]) -> list[str]:
    given = [line.credit_nanos for line in lines if line.credit_nanos]
    if len(given) < 2:  # noqa: PLR2004 (one amount has nothing to be compared with)
        return []
    usual = statistics.median_low(given)
    return [
        f"line {change.line}: {format_usd(change.credit_nanos)} is {change.credit_nanos // usual} times "
        f"the median of the file, {format_usd(usual)}"
        for change in changes
        if change.credit_nanos >= usual * FAR_TIMES
    ][:NAMED]


def _leaving(gone: int, active: int) -> list[str]:
    if gone <= MANY_LEAVE or gone * LEAVE_SHARE <= active:
        return []
    return [f"{gone} of {active} people are not in the file and would be suspended (or --partial)"]
