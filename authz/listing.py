"""Which models a person may use: what `GET /v1/models` shows, what a refusal offers instead."""

import asyncio
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from authz.request import Request
from authz.snapshot import Client
from authz.state import State
from credit.models import ModelMap
from credit.policy import Policy
from credit.refusal import FIELD_LIMIT

WITHIN_S: Final = 0.2  # LibreChat asks on every page: what is not known by then is not waited for
MORE: Final = "…"


async def list_for(state: State, request: Request, client: Client) -> tuple[str, ...] | None:
    """The models to show to whoever asks; None: LiteLLM's own list is shown, as without a policy.

    Where nobody is refused nothing is hidden either: only enforce changes the list. Without a known
    person the client's policy stands alone.
    """
    if state.mode != "enforce" or state.models is None:
        return None
    try:
        async with asyncio.timeout(WITHIN_S):
            policy = await _policy(state, request, client)
    except Exception:  # noqa: BLE001 (the store is away: the list is free, and always answered)
        policy = await state.policy(client, None)
    if policy is None or not policy.list_models:
        return None
    names = usable(state.models, policy)
    balance = policy.balance_model
    return names if balance is None or balance in names else (*names, balance)


async def _policy(state: State, request: Request, client: Client) -> Policy | None:
    """That of the person; None: the person is only watched."""
    external_id = None if client.kind == "service" else request.external_id
    account_id = None
    if external_id is not None or client.kind == "service":
        # To look at a list makes nobody an account.
        account_id = await state.account(client, external_id, meet=False)
    policy = await state.policy(client, account_id)
    if (
        policy.list_models
        and account_id is not None
        and await state.mode_override(account_id) == "shadow"
    ):
        return None
    return policy


def usable(models: ModelMap, policy: Policy) -> tuple[str, ...]:
    """The names that a policy allows and that have a price, in order."""
    return tuple(name for name in _priced(models) if policy.allows(name))


def in_words(names: Iterable[str]) -> str:
    """As many of these names as a sentence has room for, never half of one; empty where none fits."""
    shown = ""
    for name in names:
        longer = f"{shown}, {name}" if shown else name
        if len(longer) + len(MORE) + 2 > FIELD_LIMIT:
            return f"{shown}, {MORE}" if shown else ""
        shown = longer
    return shown


# A map is replaced, never changed: the newest and the one before are enough.
@lru_cache(maxsize=2)
def _priced(models: ModelMap) -> tuple[str, ...]:
    return tuple(
        sorted(n for n in models.entries if "*" not in n and models.terms(n, None) is not None)
    )


def as_object(name: str) -> Mapping[str, str | int]:
    """A model in OpenAI's list; nobody here knows when it was made."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "pedagio"}
