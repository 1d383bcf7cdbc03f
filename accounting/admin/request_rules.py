"""What a person may ask for: the policy's `requests` with what holds where it says nothing (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from accounting.admin.fields import AMOUNT_LIMIT_NANOS
from credit.money import format_usd
from credit.policy import Policy

OPEN: Final = 1
PER_PERIOD: Final = 5
AUTO_PER_PERIOD: Final = 1
# Each is a grant that every later debit of the account looks at.
ADVANCES_PER_PERIOD: Final = 20
FALLBACK_HOURS: Final = 4
ANSWER_DAYS: Final = 7
WHOLE: Final = 100


@dataclass(frozen=True, slots=True)
class Rules:
    """Amounts in nano-USD, 0: nothing is; `valid_days` None: to the end of the period."""

    at_once_nanos: int
    at_once_per_period: int
    advance_nanos: int
    advance_percent: int
    open: int
    per_period: int
    most_nanos: int
    valid_days: int | None
    fallback_hours: int
    answer_days: int

    @classmethod
    def of(cls, policy: Policy) -> Self:
        """Those of a policy."""
        said = policy.requests
        at_once: Mapping[str, int] = said.get("auto_approve", {})
        advance: Mapping[str, int] = said.get("advance", {})
        limit: Mapping[str, int] = said.get("limit", {})
        return cls(
            at_once.get("amount", 0), at_once.get("per_period", AUTO_PER_PERIOD),
            advance.get("amount", 0), advance.get("percent", 0), limit.get("open", OPEN),
            limit.get("per_period", PER_PERIOD), limit.get("amount", AMOUNT_LIMIT_NANOS),
            said.get("valid_days"), said.get("fallback_hours", FALLBACK_HOURS),
            said.get("answer_days", ANSWER_DAYS),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody has asked for in this period, under which rules; amounts in nano-USD."""

    rules: Rules
    open: int
    asked: int
    at_once: int
    advances: int
    next_nanos: int  # the next allowance, without what was had of it
    advanced_nanos: int
    next_at: datetime | None
    after_next_at: datetime | None  # when the period of the next allowance ends
    rolls_over: bool  # what is left of an allowance never ends
    ends_at: datetime
    suspended: bool

    @classmethod
    def of(cls, rules: Rules, row: Mapping[str, Any]) -> Self:
        """Of a row of read_asking."""
        return cls(
            rules, row["open"], row["asked"], row["at_once"], row["advances"], row["next_nanos"],
            row["advanced"], row["plan_ends_at"], row["after_next"], row["rollover"] == "all", row["ends"],
            row["status"] != "active",
        )  # fmt: skip

    @property
    def advance_left_nanos(self) -> int:
        """The most of the next allowance that may be had now."""
        whole = self.next_nanos + self.advanced_nanos
        most = self.rules.advance_nanos or whole * self.rules.advance_percent // WHOLE
        if not self.next_at or self.advances >= ADVANCES_PER_PERIOD:
            return 0
        return max(min(most, whole) - self.advanced_nanos, 0)

    @property
    def at_once_nanos(self) -> int:
        """Up to this a request is approved at once."""
        rules = self.rules
        return rules.at_once_nanos if self.at_once < rules.at_once_per_period else 0

    @property
    def problem_kind(self) -> str:
        """In one word (requests.proto), why nothing may be asked for now; empty: something may."""
        rules = self.rules
        if self.suspended:
            return "suspended"
        if not rules.per_period or not rules.open:
            return "not_offered"
        if self.open >= rules.open:
            return "too_many_open"
        return "too_many_asked" if self.asked >= rules.per_period else ""

    def problem(self) -> str:
        """The same as a sentence that names the limit."""
        rules = self.rules
        sentences = {
            "": "",
            "suspended": "the account is suspended: nothing is asked for until it is resumed",
            "not_offered": "the policy lets nobody here ask for credit",
            "too_many_open": f"{self.open} of {rules.open} open requests wait for an answer: withdraw one first",
            "too_many_asked": f"{self.asked} of {rules.per_period} requests of this period are used: "
            f"it ends {self.ends_at:%Y-%m-%d}",
        }
        return sentences[self.problem_kind]

    def problem_with(self, amount: int) -> str:
        """Why so much may not be asked for."""
        most = self.rules.most_nanos
        return (
            f"must not be above {format_usd(most)}, the limit of one request"
            if amount > most
            else ""
        )

    def problem_with_advance(self, amount: int) -> str:
        """Why so much of the next allowance may not be had now."""
        if self.suspended:
            return "is not possible: the account is suspended"
        if not self.next_at:
            return "needs a plan: there is no next allowance"
        if self.advances >= ADVANCES_PER_PERIOD:
            return f"was had {self.advances} times in this period: it ends {self.ends_at:%Y-%m-%d}"
        left = self.advance_left_nanos
        if amount <= left:
            return ""
        had = f"; {format_usd(self.advanced_nanos)} was had already" if self.advanced_nanos else ""
        return f"must not be above {format_usd(left)} of the next allowance{had}"
