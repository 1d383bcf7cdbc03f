"""Who calls: what the bearer token of the present call says, for whatever serves that call."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

# The token of the environment is nobody's own: whoever runs the installation has it.
INSTALLATION = 0


@dataclass(frozen=True, slots=True)
class Caller:
    """`roles`: each with the pools that it reaches, of a scoped role. `issued_by`: who saw the token made.

    `lent`: the roles of those whom this caller stands in for, `stands_for`, by e-mail: they answer credit requests.
    `confirmed_by`: whoever confirmed what this caller had proposed, while it is carried out.
    """

    id: int
    actor: str
    roles: Mapping[str, frozenset[int]]
    issued_by: int = INSTALLATION
    confirmed_by: str = field(default="", kw_only=True)
    lent: Mapping[str, frozenset[int]] = field(default_factory=dict, kw_only=True)
    stands_for: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def installation(self) -> bool:
        """Whether this is the operator with the installation's own token."""
        return self.id == INSTALLATION


PRESENT: ContextVar[Caller] = ContextVar("caller")


def present() -> Caller:
    """The caller of the call that is being served."""
    return PRESENT.get()
