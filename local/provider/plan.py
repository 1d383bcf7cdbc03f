"""The course of one answer over time: how many tokens exist after so many seconds."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Hidden tokens first, then visible ones, each at its own rate (tokens a second)."""

    reasoning_tokens: int
    visible_tokens: int
    rate: float
    reasoning_rate: float
    finish_reason: str

    @property
    def reasoning_s(self) -> float:
        """Seconds of silence before the first visible token is begun."""
        return self.reasoning_tokens / self.reasoning_rate

    @property
    def duration_s(self) -> float:
        """Seconds from the first hidden token to the last visible one."""
        return self.reasoning_s + self.visible_tokens / self.rate

    @property
    def tokens(self) -> int:
        """All tokens, as billed."""
        return self.reasoning_tokens + self.visible_tokens

    def progress(self, elapsed_s: float) -> tuple[int, int]:
        """(hidden, visible) tokens that exist after `elapsed_s`; only whole ones count."""
        if elapsed_s >= self.duration_s:
            return self.reasoning_tokens, self.visible_tokens
        if elapsed_s < self.reasoning_s:
            return math.floor(max(elapsed_s, 0.0) * self.reasoning_rate), 0
        visible = math.floor((elapsed_s - self.reasoning_s) * self.rate)
        return self.reasoning_tokens, min(visible, self.visible_tokens)

    def next_s(self, elapsed_s: float, chunk_s: float) -> float:
        """Seconds until the next chunk is worth writing: `chunk_s`, more while nothing shows."""
        first_visible = self.reasoning_s + 1 / self.rate
        wait = max(chunk_s, 1 / self.rate, first_visible - elapsed_s)
        return max(0.0, min(wait, self.duration_s - elapsed_s))


def plan_answer(
    wanted_visible: int, wanted_reasoning: int, limit: int, rate: float, reasoning_rate: float
) -> Plan:
    """What fits under `limit` tokens: reasoning spends it first, as OpenAI's models do.

    When reasoning uses the limit up, the answer is empty and ends for reason `length`.
    """
    reasoning = min(wanted_reasoning, limit)
    visible = min(wanted_visible, limit - reasoning)
    cut = wanted_reasoning + wanted_visible > limit
    return Plan(reasoning, visible, rate, reasoning_rate, "length" if cut else "stop")
