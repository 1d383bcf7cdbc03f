"""Grants of one account as values: how they burn, expire, spare open holds and come back.

The ledger does this in SQL (`sql/grants.sql`, `sql/settle_due.sql`); this is the rule in Python, without its shortcuts,
held equal by `tests/integration/test_differential.py`. Amounts in nano-USD, moments aware and in UTC.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from credit.plan import Plan, prorated

RENEWED = ("plan", "rollover")


@dataclass(slots=True)
class Grant:
    """Credit with a source and an end (none: never); `pending` until it begins."""

    number: int
    source: str
    amount: int
    priority: int
    valid_from: datetime
    valid_until: datetime | None
    state: str = "pending"
    remaining: int = 0
    unused: int = 0  # what expired or was revoked of it

    @property
    def is_open(self) -> bool:
        """Active, and something remains."""
        return self.state == "active" and self.remaining > 0

    @property
    def order(self) -> tuple[int, bool, float, int]:
        """The place in the burn order: priority, earliest end, age."""
        until = self.valid_until
        return (self.priority, until is None, until.timestamp() if until else 0.0, self.number)


@dataclass(slots=True)
class Hold:
    """What one call still reserves; what was spared for it, by grant; what its estimate took, by grant."""

    amount: int
    is_open: bool = True
    spared: dict[int, int] = field(default_factory=dict)
    estimate: int = 0
    burned: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Account:
    """One account; the last four are totals of what went in and out."""

    grants: list[Grant] = field(default_factory=list)
    holds: dict[str, Hold] = field(default_factory=dict)
    debt: int = 0
    plan: Plan | None = None
    plan_ends_at: datetime | None = None
    plan_allowance: int = 0
    plan_since: datetime | None = None
    granted: int = 0
    charged: int = 0
    breakage: int = 0
    revoked: int = 0

    @property
    def posted(self) -> int:
        """What went in less what went out."""
        return self.granted - self.charged - self.breakage - self.revoked

    @property
    def remaining(self) -> int:
        """What is left in grants, of which some may be spared for holds only."""
        return sum(g.remaining for g in self.grants)

    def burn_order(self) -> list[Grant]:
        """The grants that a charge may take from, first to last."""
        return sorted((g for g in self.grants if g.is_open), key=lambda g: g.order)

    def add(
        self, source: str, amount: int, at: datetime, *, begins: datetime | None = None,
        until: datetime | None = None, priority: int = 100,
    ) -> Grant:  # fmt: skip
        """Give credit, now or from a moment on."""
        grant = Grant(len(self.grants), source, amount, priority, begins or at, until)
        self.grants.append(grant)
        if grant.valid_from <= at:
            self._open(grant)
        return grant

    def place(self, hold_id: str, amount: int, at: datetime) -> None:
        """Reserve; whether it may be is decided elsewhere (`grant.py`)."""
        self.settle(at)
        self.holds[hold_id] = Hold(amount)

    def charge(self, hold_id: str, cost: int, at: datetime) -> None:
        """Debit a call; an actual figure replaces the estimate made in its absence."""
        self.settle(at)
        hold = self.holds[hold_id]
        if hold.estimate:
            self._reverse(hold, at)
        self._take(hold, cost)
        hold.amount -= min(hold.amount, cost)
        if not hold.is_open:
            self._release(hold)

    def close(self, hold_id: str, at: datetime, estimate: int = 0) -> None:
        """End a hold, with an estimate if no report came."""
        self.settle(at)
        hold = self.holds[hold_id]
        hold.is_open = False
        hold.estimate, hold.burned = estimate, self._take(hold, estimate)
        self._release(hold)
        hold.amount = 0

    def revoke(self, grant: Grant, at: datetime) -> None:
        """Take back what is left of a grant, but for what open holds reserve of it."""
        self.settle(at)
        if grant.state == "pending":
            grant.state = "revoked"
        elif grant.state == "active":
            self._end([grant], "revoked", 0)

    def assign(self, plan: Plan | None, at: datetime, *, now: bool) -> None:
        """Put the account on a plan: who had none begins at once; see `assign_plan` in sql/rules.sql."""
        self.settle(at)
        old, self.plan = self.plan, plan
        if plan is None:
            self.plan_ends_at = None
            return
        end = plan.period_of(at).end
        if old is None or (now and not (plan.is_aligned_with(old) and self.plan_ends_at == end)):
            if old is not None:
                self._end([g for g in self.burn_order() if g.source in RENEWED], "expired", 0)
            self.plan_ends_at = end
            if old is None and not self._begun(at):
                self.plan_since = at
            self._allow(self._first(at), at)
            self.plan_allowance = plan.allowance_nanos
        elif now:
            more = max(plan.allowance_nanos - self.plan_allowance, 0)
            self._allow(min(prorated(more, at, plan.period_of(at)), self._room(at)), at)

    def settle(self, at: datetime) -> None:
        """Bring the account to the present: everything that was due, in the order in which it was."""
        while (moment := self.due_at()) is not None and moment <= at:
            begins = self.plan_ends_at is not None and self.plan_ends_at <= moment
            ended = [g for g in self.burn_order() if g.valid_until and g.valid_until <= moment]
            rest = sum(g.remaining for g in ended if g.source in RENEWED)
            carry = self.plan.carry(rest) if begins and self.plan else 0
            carried = self._end(ended, "expired", carry)
            for grant in sorted(self._pending(), key=lambda g: (g.valid_from, g.number)):
                if grant.valid_from <= moment:
                    self._open(grant)
            if begins:
                self._renew(moment, carried)

    def due_at(self) -> datetime | None:
        """The next moment at which something begins or ends."""
        moments = [g.valid_until for g in self.grants if g.is_open and g.valid_until]
        moments += [g.valid_from for g in self._pending()]
        if self.plan_ends_at is not None:
            moments.append(self.plan_ends_at)
        return min(moments, default=None)

    def _pending(self) -> Iterator[Grant]:
        return (g for g in self.grants if g.state == "pending")

    def _open(self, grant: Grant) -> None:
        """Post a grant; it pays a debt first."""
        paid = min(self.debt, grant.amount)
        self.debt -= paid
        grant.state, grant.remaining = "active", grant.amount - paid
        self.granted += grant.amount

    def _renew(self, moment: datetime, carried: int) -> None:
        assert self.plan is not None
        self.plan_ends_at, amount = self.plan.period_of(moment).end, self._first(moment)
        if carried:
            until = self.plan_ends_at
            grant = Grant(
                len(self.grants), "rollover", carried, self.plan.priority, moment, until,
                "active", carried,
            )  # fmt: skip
            self.grants.append(grant)
        self._allow(amount, moment)
        self.plan_allowance = self.plan.allowance_nanos

    def _first(self, at: datetime) -> int:
        """The part of the allowance for what is left of the plan's own period, all of it where that begins."""
        assert self.plan is not None
        return min(self.plan.first_allowance(at), self._room(at))

    def _room(self, at: datetime) -> int:
        """What the plan may still give in its present period; see `allowance_room` in sql/settle_due.sql."""
        assert self.plan is not None
        since = max(self.plan.period_of(at).start, self.plan_since or at)
        given = sum(g.amount - g.unused for g in self._begun(at))
        return max(self.plan.first_allowance(since) - given, 0)

    def _begun(self, at: datetime) -> list[Grant]:
        """The allowances that began in the present period of the plan, of whichever plan."""
        assert self.plan is not None
        start = self.plan.period_of(at).start
        return [g for g in self.grants if g.source == "plan" and g.valid_from >= start]

    def _allow(self, amount: int, at: datetime) -> None:
        """The allowance, or a part of it; what rolls over in full has no end."""
        assert self.plan is not None
        if amount > 0:
            until = None if self.plan.rollover == "all" else self.plan_ends_at
            self.add("plan", amount, at, until=until, priority=self.plan.priority)
            self.plan_allowance = self.plan.allowance_nanos

    def _take(self, hold: Hold, cost: int) -> dict[int, int]:
        """Burn for a call: what was spared for it, then in burn order; the rest is debt. By grant."""
        self.charged += cost
        burned: dict[int, int] = {}
        for grant in sorted((self.grants[n] for n in hold.spared), key=lambda g: g.order):
            part = min(cost, hold.spared[grant.number])
            hold.spared[grant.number] -= part
            burned[grant.number] = part
            grant.remaining -= part
            cost -= part
        for number, part in self._burn(cost).items():
            burned[number] = burned.get(number, 0) + part
            cost -= part
        self.debt += cost
        return burned

    def _burn(self, amount: int) -> dict[int, int]:
        burned: dict[int, int] = {}
        for grant in self.burn_order():
            part = min(amount, grant.remaining)
            if part:
                burned[grant.number] = part
            grant.remaining -= part
            amount -= part
        return burned

    def _reverse(self, hold: Hold, at: datetime) -> None:
        """Give back what an estimate took; to grants that have ended, for this hold only."""
        self.charged -= hold.estimate
        for number, part in hold.burned.items():
            grant = self.grants[number]
            grant.remaining += part
            if grant.state == "active" and grant.valid_until and grant.valid_until <= at:
                grant.state = "expired"
            if grant.state != "active":
                hold.spared[number] = hold.spared.get(number, 0) + part
        self.debt -= hold.estimate - sum(hold.burned.values())
        if self.debt < 0:  # that debt was paid meanwhile: what paid it comes back as a grant
            surplus = Grant(len(self.grants), "correction", -self.debt, 100, at, None, "active")
            surplus.remaining, self.debt = -self.debt, 0
            self.grants.append(surplus)
        self.debt -= sum(self._burn(self.debt).values())
        hold.estimate, hold.burned = 0, {}

    def _release(self, hold: Hold) -> None:
        """What a closed hold did not use of grants that had ended goes the way they went."""
        for number, part in hold.spared.items():
            self.grants[number].remaining -= part
            self._leave(self.grants[number], self.grants[number].state, part)
        hold.spared = {}

    def _end(self, grants: Iterable[Grant], state: str, carry: int) -> int:
        """Expire or revoke, but for what open holds reserve. Returns what stays, of `carry`, to roll over."""
        ended = sorted(grants, key=lambda g: g.order)
        self._spare({g.number for g in ended})
        left = carry
        for grant in ended:
            spared = sum(h.spared.get(grant.number, 0) for h in self.holds.values())
            rest = grant.remaining - spared
            part = min(left, rest) if grant.source in RENEWED else 0
            left -= part
            self._leave(grant, state, rest - part)
            grant.state, grant.remaining = state, spared
        return carry - left

    def _spare(self, ended: set[int]) -> None:
        """Lay the open holds, as placed, over the grants in burn order: what lies on an ended one is spared."""
        rests = [[g.number, g.remaining] for g in self.burn_order()]
        for hold in self.holds.values():
            need = hold.amount - sum(hold.spared.values()) if hold.is_open else 0
            for each in rests:
                part = min(max(need, 0), each[1])
                need, each[1] = need - part, each[1] - part
                if part and each[0] in ended:
                    hold.spared[each[0]] = hold.spared.get(each[0], 0) + part

    def _leave(self, grant: Grant, state: str, amount: int) -> None:
        grant.unused += amount
        if state == "revoked":
            self.revoked += amount
        else:
            self.breakage += amount
