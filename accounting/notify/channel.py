"""What a way of telling has to be: one small interface, so that a second one changes nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom to tell; `email` empty: nobody knows where."""

    email: str
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What to tell: `facts` are figures and names for the texts, never a prompt."""

    id: int
    kind: str
    audience: str
    account_id: int | None
    facts: Mapping[str, Any]
    created_at: datetime
    addressees: tuple[Addressee, ...] = field(default=())


class RejectedError(Exception):
    """This can never be delivered (an address that does not exist): trying again is pointless."""


class NobodyError(Exception):
    """There is nobody to tell."""


class Channel(Protocol):
    """Delivers one notice, or raises: RejectedError for good, NobodyError, anything else for now."""

    name: str

    async def deliver(self, notice: Notice) -> None:
        """Return when the other side has taken it; bounded by the caller."""
