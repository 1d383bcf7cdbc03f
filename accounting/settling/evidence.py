"""What is known of one open hold: the callback's records, Envoy's entry, how long each is due (pure).

protocol.md 6 calls the witnesses H (the hold), A (the access log) and C (the callback, or the webhook).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accounting.settling.hearing import CLOCK_SKEW_S

# The callback starts no call on a token older than 45 s: what it knows a minute after the hold was placed
# (and the clocks may be apart) is all that it will ever know of a start.
START_WAIT_S = 60.0 + CLOCK_SKEW_S
# Envoy's own ways of saying that a request never reached LiteLLM, and those that say it did.
NOT_FORWARDED = frozenset({"UH", "UF", "NR", "NC", "UO", "UAEX"})
FORWARDED = frozenset({"UC", "UR", "UT", "UPE"})
ERROR_CODES = 400


@dataclass(frozen=True, slots=True)
class Access:
    """Envoy's entry of how a request ended; `age_s` since it was recorded here."""

    body: Mapping[str, Any]
    age_s: float

    @property
    def forwarded(self) -> bool:
        """Whether LiteLLM got the request, or some of it; a host that was merely chosen does not count."""
        flags = set(self.body.get("flags") or ())
        answered = self.body.get("first_byte_ms") is not None
        never = bool(flags & NOT_FORWARDED) and not flags & FORWARDED and not answered
        return bool(self.body.get("upstream")) and not never

    @property
    def delivered(self) -> bool:
        """Whether an answer that is no error began to reach the client. It may have been cut: 200 is no success."""
        code = self.body.get("code")
        return self.forwarded and code is not None and 0 < code < ERROR_CODES

    @property
    def clean_error(self) -> bool:
        """Whether LiteLLM itself answered with an error, whole; a connection that broke is flagged."""
        code = self.body.get("code")
        return code is not None and code >= ERROR_CODES and not self.body.get("flags")

    @property
    def output_bytes(self) -> int:
        """Bytes of the answer; those of an error are no output."""
        return int(self.body.get("bytes_sent") or 0) if self.delivered else 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one open hold. `records` are {kind, body, age_s} in order of arrival.

    `open_s`: seconds since it was placed. `callback_heard_s`: all that any callback knew so many seconds
    ago is in the ledger; None: nobody vouches for that. `watched_s`: how long this process has been
    there to hear: silence of before means nothing. `quarantined`: a record of it could not be accepted.
    `flat`: an amount is held, which is due whatever the answer's tokens.
    """

    expired: bool
    records: Sequence[Mapping[str, Any]]
    open_s: float = 0.0
    callback_heard_s: float | None = None
    watched_s: float = math.inf
    quarantined: bool = False
    flat: bool = False

    def bodies(self, kind: str) -> list[Mapping[str, Any]]:
        """The bodies of one kind of record."""
        return [record["body"] for record in self.records if record["kind"] == kind]

    def age_s(self, kind: str) -> float:
        """Seconds since the oldest record of a kind was recorded here; 0 without one."""
        ages = (float(record["age_s"]) for record in self.records if record["kind"] == kind)
        return max(ages, default=0.0)

    @property
    def start(self) -> Mapping[str, Any] | None:
        """What was about to be sent."""
        return next(iter(self.bodies("start")), None)

    @property
    def end(self) -> Mapping[str, Any] | None:
        """How it ended; the first end record counts."""
        return next(iter(self.bodies("end")), None)

    @property
    def access(self) -> Access | None:
        """Envoy's entry of the end; entries of progress close nothing and say nothing here."""
        for record in self.records:
            if record["kind"] == "access" and record["body"].get("stage") == "end":
                return Access(record["body"], float(record["age_s"]))
        return None

    @property
    def answered(self) -> bool:
        """A success whose figures are exact has been debited."""
        return any(cost["status"] == "success" and cost["exact"] for cost in self.bodies("cost"))

    @property
    def guessed(self) -> bool:
        """LiteLLM reported a success of which only an estimate can be made."""
        return any(
            cost["status"] == "success" and not cost["exact"] for cost in self.bodies("cost")
        )

    @property
    def client_left(self) -> bool:
        """LiteLLM's guess is one because the client hung up."""
        return any(
            cost["status"] == "success" and not cost["exact"] and cost.get("error_code")
            for cost in self.bodies("cost")
        )

    @property
    def billed_failure(self) -> bool:
        """A failed attempt that cost something has been debited."""
        return any(cost["status"] == "failure" and cost["exact"] for cost in self.bodies("cost"))

    def heard_since(self, age_s: float, wait_s: float = START_WAIT_S) -> bool:
        """Whether the callback would have told of a start that it made up to `wait_s` after what happened `age_s` ago.

        Never when it has told of something that could not be accepted: that may have been the start.
        """
        heard_s = self.callback_heard_s
        return not self.quarantined and heard_s is not None and age_s - heard_s >= wait_s

    def silent_for(self, age_s: float, wait_s: float) -> bool:
        """Whether so much time has passed, with this process there to hear, or the deadline has."""
        return self.expired or min(age_s, self.watched_s) >= wait_s
