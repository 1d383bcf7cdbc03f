"""What a run of the auditor found."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

# Rows that a run takes from one statement: a broken rule would return every row there is.
VIOLATIONS_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that is not kept; `account_id` None: it is about no single account."""

    invariant: str
    account_id: int | None
    subject: str
    detail: str
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant: how many rows were looked at, which of them break it (at most 1,000)."""

    checked: int = 0
    violations: Sequence[Violation] = ()


@dataclass(slots=True)
class Report:
    """All invariants by name, in their order; `links` of the seal were verified, `head` is its newest."""

    findings: dict[str, Finding] = field(default_factory=dict)
    links: int = 0
    head_number: int = 0
    head_digest: str = ""
    took_ms: int = 0

    @property
    def violations(self) -> list[Violation]:
        """All of them."""
        return [violation for finding in self.findings.values() for violation in finding.violations]

    def add(self, name: str, finding: Finding) -> None:
        """Count a look at an invariant in; what was found twice is listed once."""
        before = self.findings.get(name, Finding())
        merged = dict.fromkeys((*before.violations, *finding.violations))
        self.findings[name] = Finding(before.checked + finding.checked, tuple(merged))

    def keep(self, confirmed: set[tuple[str, str]], frozen: set[int]) -> None:
        """Only what a second look confirmed, each with what became of its account."""
        for name, finding in self.findings.items():
            kept = [
                replace(each, frozen=each.account_id in frozen)
                for each in finding.violations
                if (name, each.subject) in confirmed
            ]
            self.findings[name] = Finding(finding.checked, tuple(kept))
