"""What a body was found to ask for, or why it cannot be accepted."""

from __future__ import annotations

from dataclasses import dataclass

from .bound import Measured
from .terms import Output, Terms


@dataclass(frozen=True)
class Reading:
    """What a body asks for, in numbers; `problem` names the field enforce would refuse it for."""

    problem: str | None
    thinks: bool
    continues: str | None
    measured: Measured
    input_tokens: int
    count_tokens: int
    terms: Terms
    output: Output


class UnacceptableBodyError(ValueError):
    """A body that is refused with 400; `field` names the reason."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.field = name
