"""Random acts on the reference of grants, the same ones that the ledger is asked to do."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from credit.plan import Plan
from tests.model.burn import Account

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
ACTS = ("add", "place", "charge", "close", "estimate", "true_up", "revoke", "assign", "settle")
# Clocks that go forth and back at midnight or at two, and one that never does.
PLANS = {
    "monthly": Plan("month", 900, prorate=False),
    "larger": Plan("month", 1_400),
    "capped": Plan("month", 700, "America/New_York", "capped", 300),
    "weekly": Plan("week", 300, "Pacific/Apia", "all"),
    "daily": Plan("day", 70, "Atlantic/Azores"),
}


@dataclass(slots=True)
class Act:
    """One act with all that was drawn for it."""

    what: str
    hold_id: str = ""
    amount: int = 0
    begins: datetime | None = None
    until: datetime | None = None
    priority: int = 100
    grant: int = 0
    plan: str | None = None
    now: bool = False


@dataclass(slots=True)
class Burning:
    """Draws acts that are possible, and performs them on the reference."""

    open: list[str] = field(default_factory=list)
    estimated: list[str] = field(default_factory=list)
    placed: int = 0

    def draw(self, account: Account, what: str, seed: int, at: datetime) -> Act | None:
        """What to do; none: nothing of the kind is possible now."""
        rng = random.Random(seed)
        act = Act(what, amount=rng.randint(1, 400), now=rng.random() < 0.6)
        if what == "add":
            begins = at + timedelta(hours=rng.randint(1, 200))
            act.begins = rng.choice((None, begins))
            act.until = rng.choice((None, begins + timedelta(days=rng.randint(1, 60))))
            act.priority = rng.choice((1, 100, 200))
        elif what == "place":
            self.placed += 1
            act.hold_id = f"{self.placed}"
            self.open.append(act.hold_id)
        elif what == "assign":
            act.plan = rng.choice((None, *PLANS))
        elif what == "revoke":
            if not account.grants:
                return None
            act.grant = rng.randrange(len(account.grants))
        elif what != "settle":
            return self._of_a_hold(act, rng)
        return act

    def perform(self, account: Account, what: str, seed: int, at: datetime) -> None:
        """Draw and perform."""
        account.settle(at)
        act = self.draw(account, what, seed, at)
        if act is not None:
            perform(account, act, at)

    def _of_a_hold(self, act: Act, rng: random.Random) -> Act | None:
        ids = self.estimated if act.what == "true_up" else self.open
        if not ids:
            return None
        act.hold_id = rng.choice(ids)
        if act.what != "charge":
            ids.remove(act.hold_id)
        if act.what == "estimate":
            self.estimated.append(act.hold_id)
        return act


def perform(account: Account, act: Act, at: datetime) -> None:
    """Do it to the reference."""
    if act.what == "add":
        account.add(
            "goodwill", act.amount, at, begins=act.begins, until=act.until, priority=act.priority
        )
    elif act.what == "place":
        account.place(act.hold_id, act.amount, at)
    elif act.what in {"charge", "true_up"}:
        account.charge(act.hold_id, act.amount, at)
    elif act.what in {"close", "estimate"}:
        account.close(act.hold_id, at, act.amount if act.what == "estimate" else 0)
    elif act.what == "revoke":
        account.revoke(account.grants[act.grant], at)
    elif act.what == "assign":
        account.assign(PLANS[act.plan] if act.plan else None, at, now=act.now)


def check_account(account: Account) -> None:
    """Posted is what remains less the debt; a debt stands only where nothing is left to take; spared adds up."""
    assert account.posted == account.remaining - account.debt
    assert account.debt >= 0
    assert not (account.debt and account.burn_order())
    for grant in account.grants:
        spared = sum(h.spared.get(grant.number, 0) for h in account.holds.values())
        assert 0 <= grant.remaining <= grant.amount
        if grant.state in {"expired", "revoked"}:
            assert grant.remaining == spared
    order = [(g.priority, g.valid_until is None, g.valid_until) for g in account.burn_order()]
    assert order == sorted(order, key=lambda key: (key[0], key[1], key[2] or START))
