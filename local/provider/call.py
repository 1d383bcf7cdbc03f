"""One call in flight: its plans, what has been generated so far, and its line of truth."""

import time
from dataclasses import dataclass, field
from typing import Any

from local.provider.behaviour import Behaviour
from local.provider.models import Family
from local.provider.plan import Plan
from local.provider.truth import TruthCall


@dataclass
class Answer:
    """One choice of an answer: its course over time and the text of each visible token."""

    plan: Plan
    pieces: list[str]
    tool: str | None = None
    written: int = 0

    def take(self, visible: int) -> str:
        """The text of the tokens up to number `visible` that were not yet written."""
        text = "".join(self.pieces[self.written : visible])
        self.written = max(self.written, visible)
        return text

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(self.pieces)

    @property
    def finish_reason(self) -> str:
        """`stop`, `length` or `tool_calls`."""
        stopped = self.plan.finish_reason == "stop"
        return "tool_calls" if stopped and self.tool else self.plan.finish_reason


@dataclass
class Call:
    """A generation; `began` is the monotonic second of its first hidden token, None before."""

    truth: TruthCall
    body: dict[str, Any]
    behaviour: Behaviour
    family: Family
    answers: list[Answer] = field(default_factory=list)
    began: float | None = None

    def begin(self) -> None:
        """The model starts to generate now."""
        self.began = time.monotonic()
        self.truth.status = 200

    def elapsed_s(self) -> float:
        """Seconds of generation; 0 before it began."""
        return 0.0 if self.began is None else time.monotonic() - self.began

    @property
    def duration_s(self) -> float:
        """Seconds of generation that the whole answer takes."""
        return max((answer.plan.duration_s for answer in self.answers), default=0.0)

    def progress(self, answer: Answer, elapsed_s: float) -> tuple[int, int]:
        """(hidden, visible) tokens of one answer; none are made after its `die_after`."""
        hidden, visible = answer.plan.progress(elapsed_s)
        die_after = self.behaviour.die_after
        return hidden, visible if die_after is None else min(visible, die_after)

    def account(self, elapsed_s: float | None = None) -> None:
        """Write into the truth what exists after `elapsed_s` (all of it when None)."""
        until_s = self.duration_s if elapsed_s is None else elapsed_s
        progress = [self.progress(answer, until_s) for answer in self.answers]
        self.truth.reasoning_tokens = sum(hidden for hidden, _ in progress)
        self.truth.completion_tokens = sum(map(sum, progress))
        self.truth.delivered_tokens = sum(answer.written for answer in self.answers)

    def complete(self) -> None:
        """Everything was generated and written."""
        for answer in self.answers:
            answer.written = answer.plan.visible_tokens
        self.account()
        self.truth.finished = True
        self.truth.completed_at = time.time()
        self.truth.finish_reason = self.answers[0].finish_reason if self.answers else None

    def chat_usage(self) -> dict[str, Any]:
        """`usage` of a whole chat completion."""
        prompt, hidden = self.truth.prompt_tokens, self._hidden()
        completion = sum(answer.plan.tokens for answer in self.answers)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {
                "cached_tokens": self.truth.cached_tokens,
                "audio_tokens": 0,
            },
            "completion_tokens_details": {
                "reasoning_tokens": hidden,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    def responses_usage(self) -> dict[str, Any]:
        """`usage` of a whole response."""
        prompt = self.truth.prompt_tokens
        output = sum(answer.plan.tokens for answer in self.answers)
        return {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": self.truth.cached_tokens},
            "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": self._hidden()},
            "total_tokens": prompt + output,
        }

    def _hidden(self) -> int:
        return sum(answer.plan.reasoning_tokens for answer in self.answers)
