"""`GET /v1/models`: each person sees what may be used and has a price."""

from hashlib import sha256
from typing import Any

import pytest

from authz.response import Allow, Listed
from credit.policy import Policy
from tests.unit.door import (  # fmt: skip
    KEY,
    MARIA,
    SCRIPT,
    Door,
    Memory,
    a_client,
    a_model_map,
    a_price,
    a_request,
)

HOUSE = Policy.from_json({"list_models": True, "models": ["mini"]})
GOLD = Policy.from_json({"list_models": True})


def a_memory(**changes: Any) -> Memory:
    """The client shows lists, of `mini` alone; Maria may use everything."""
    models = a_model_map(mini=a_price("mini"), **{"openai/*": a_price("star")})
    return Memory(models=models, policies={None: HOUSE, MARIA: GOLD}, **changes)


async def shown(memory: Memory, **changes: Any) -> list[Any] | None:
    """The names in the answer; None: LiteLLM answers."""
    door = Door(memory)
    answer = await door.check.decide(a_request(path="/v1/models", body={}, **changes))
    assert door.ledger.asked == []
    if isinstance(answer, Allow):
        return None
    assert isinstance(answer, Listed)
    assert all(model["object"] == "model" for model in answer.models)
    return [model["id"] for model in answer.models]


async def test_list_shows_a_person_what_may_be_used_and_has_a_price() -> None:
    """`mystery` has none, and a pattern of LiteLLM's is no name."""
    assert await shown(a_memory()) == ["gpt-4o", "mini"]


@pytest.mark.parametrize("header", [None, "", "{{LIBRECHAT_USER_ID}}", "stranger"])
async def test_list_without_a_known_person_is_that_of_the_client(header: str | None) -> None:
    """LibreChat sometimes asks without the header; and looking at a list makes nobody an account."""
    assert await shown(a_memory(), user_header=header) == ["mini"]


async def test_list_while_the_ledger_is_away_is_that_of_the_client() -> None:
    """It is free, and always answered."""
    assert await shown(a_memory(accounts=None)) == ["mini"]


async def test_list_of_a_service_is_that_of_its_own_account() -> None:
    """It speaks for nobody, whatever it names."""
    clients = {sha256(KEY.encode()).digest(): a_client(kind="service")}
    memory = a_memory(clients=clients)
    memory.policies = {None: HOUSE, SCRIPT: GOLD}
    assert await shown(memory, user_header="maria") == ["gpt-4o", "mini"]


@pytest.mark.parametrize("mode", ["off", "shadow", "closed"])
async def test_list_is_litellms_where_nothing_is_enforced(mode: str) -> None:
    """Nothing of ours hides what nobody would be refused."""
    assert await shown(a_memory(mode=mode)) is None


async def test_list_is_litellms_for_whoever_is_only_watched() -> None:
    """The shadow cohort sees what it saw before."""
    assert await shown(a_memory(cohort={MARIA: "shadow"})) is None


async def test_list_is_litellms_without_a_policy_or_a_map() -> None:
    """As before there were policies."""
    assert await shown(Memory()) is None
    memory = a_memory()
    memory.models = None
    assert await shown(memory) is None
