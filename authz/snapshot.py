"""What the door keeps in memory: mode, clients, model map, policies; renewed when news says so."""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import asyncpg

from authz.languages import Languages
from authz.policies import Policies
from credit import ledger
from credit.coming import read_coming
from credit.ledger import Placed
from credit.models import ModelMap
from credit.policy import Policy

ACCOUNTS_KEPT = 100_000

Key = TypeVar("Key", bound=tuple[str, ...])


@dataclass(frozen=True, slots=True)
class Client:
    """An application with a key; see the columns of the same names."""

    id: str
    kind: str  # trusted, service
    litellm_key: str  # inject, pass_through
    unknown_users: str  # create, refuse
    style: str  # librechat, plain
    language: str  # pt-BR, en
    verified_emails: bool = False  # `x-user-email` names a person of the ledger


class Lookup(Protocol):
    """Finds accounts: in the ledger, or elsewhere while it is away (authz.lookup)."""

    async def account(
        self,
        client: Client,
        external_id: str | None,
        email: str | None = None,
        *,
        meet: bool = True,
    ) -> int | None:
        """The account of a client's person, or of the client itself; raises where nobody can tell."""

    async def mode_override(self, account_id: int) -> str | None:
        """The account's own mode, shadow or enforce; None: the ledger-wide one."""

    async def plan(self, account_id: int) -> str | None:
        """The plan of an account; raises where nobody can tell."""

    async def language(self, account_id: int) -> str | None:
        """What the person chose; raises where nobody can tell."""


class Snapshot:
    """The last known state; stays in force while Postgres is away."""

    def __init__(self, pool: asyncpg.Pool, lookup: Lookup) -> None:
        """Starts empty: call `reload` before serving."""
        self._pool = pool
        self._lookup = lookup
        self.mode = "closed"
        self.clients: Mapping[bytes, Client] = {}
        self.models: ModelMap | None = None
        self.p99_output_tokens: Mapping[tuple[str, str], int] = {}
        self._accounts: OrderedDict[tuple[str, str, str], int] = OrderedDict()
        # What a name meant last, whatever news came since: it stands in while nobody can be asked.
        self._last: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._policies = Policies(lookup.plan)
        self._languages = Languages(lookup.language)

    async def reload(self, topics: set[str]) -> None:
        """Read again what topics name: `mode`, `clients`, `models`, `policies`, `languages`, `people`, `outputs`."""
        if "mode" in topics:
            rows = await ledger.query(self._pool, "read_mode")
            self.mode = rows[0]["mode"]
        if "clients" in topics:
            rows = await ledger.query(self._pool, "read_clients")
            self.clients = {
                bytes(r["key_sha256"]): Client(
                    r["id"],
                    r["kind"],
                    r["litellm_key"],
                    r["unknown_users"],
                    r["style"],
                    r["language"],
                    r["verified_emails"],
                )
                for r in rows
                if r["enabled"]
            }
        if "models" in topics:
            rows = await ledger.query(self._pool, "read_model_map")
            self.models = ModelMap.from_json(rows[0]["map"], rows[0]["version"]) if rows else None
        if "people" in topics:
            # Another dictionary: an answer that is still under way goes into the old one.
            self._accounts = OrderedDict()
        if "policies" in topics:
            self._policies.load(await ledger.query(self._pool, "read_policies"))
        if "languages" in topics:
            rows = await ledger.query(self._pool, "has_languages")
            self._languages.load(chosen=rows[0]["chosen"])
        if "outputs" in topics:
            rows = await ledger.query(self._pool, "read_output_sizes")
            self.p99_output_tokens = {(r["client_id"], r["model"]): r["p99_tokens"] for r in rows}

    async def account(
        self,
        client: Client,
        external_id: str | None,
        email: str | None = None,
        *,
        meet: bool = True,
    ) -> int | None:
        """The account id behind (client, person); kept until news says that a name means another.

        `external_id` None asks for the client's own service account. None: there is no such account.
        While nobody can tell, a name means what it meant last; raises where that was never known.
        """
        # By the e-mail too: a guest whose client has told it by now is asked about again.
        key = (client.id, external_id or "", email or "")
        kept = self._accounts
        known = kept.get(key)
        if known is not None:
            kept.move_to_end(key)
            return known
        try:
            found = await self._lookup.account(client, external_id, email, meet=meet)
        except Exception:
            if key[:2] not in self._last:
                raise
            return self._last[key[:2]]
        if found is None:
            self._last.pop(key[:2], None)
        else:
            _keep(kept, key, found)
            _keep(self._last, key[:2], found)
        return found

    async def policy(self, client: Client, account_id: int | None) -> Policy:
        """What holds for a person of this client; `account_id` None: for the client itself."""
        return await self._policies.find(client.id, account_id)

    async def speaking(self, client: Client, account_id: int) -> Client:
        """The client in the language that this person of it chose."""
        language = await self._languages.find(account_id, client.language)
        return client if language == client.language else replace(client, language=language)

    @property
    def flat_paths(self) -> Collection[str]:
        """Paths for which some policy sets a flat hold."""
        return self._policies.flat_paths

    async def coming(self, account_id: int, placed: Placed) -> Mapping[str, Any]:
        """What a refused person may be told of what comes next."""
        return await read_coming(self._pool, account_id, placed.others)

    async def mode_override(self, account_id: int) -> str | None:
        """The account's own mode, shadow or enforce (cohort roll-out); None: the ledger-wide one."""
        return await self._lookup.mode_override(account_id)


def _keep(known: OrderedDict[Key, int], key: Key, account_id: int) -> None:
    """As the newest of a bounded number."""
    known[key] = account_id
    known.move_to_end(key)
    if len(known) > ACCOUNTS_KEPT:
        known.popitem(last=False)
