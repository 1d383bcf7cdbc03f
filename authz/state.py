"""What the use cases of the door ask about callers (authz.snapshot.Snapshot answers)."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from authz.snapshot import Client
from credit.ledger import Placed
from credit.models import ModelMap
from credit.policy import Policy


class State(Protocol):
    """What the door knows, most of it without asking."""

    mode: str
    clients: Mapping[bytes, Client]
    models: ModelMap | None
    p99_output_tokens: Mapping[tuple[str, str], int]

    @property
    def flat_paths(self) -> Collection[str]:
        """Paths for which some policy sets a flat hold."""

    async def account(
        self,
        client: Client,
        external_id: str | None,
        email: str | None = None,
        *,
        meet: bool = True,
    ) -> int | None:
        """The account of a person, or of the client itself; who is not known is met, unless `meet` is false."""

    async def mode_override(self, account_id: int) -> str | None:
        """The account's own mode, shadow or enforce; None: the ledger-wide one."""

    async def speaking(self, client: Client, account_id: int) -> Client:
        """The client in the language that this person of it chose; never raises."""

    async def coming(self, account_id: int, placed: Placed) -> Mapping[str, Any]:
        """What a refused person may be told of what comes next (credit/coming.py); raises where nobody can tell."""

    async def policy(self, client: Client, account_id: int | None) -> Policy:
        """What holds for an account; None: for the client alone, known without asking anybody."""
