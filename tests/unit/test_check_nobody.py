"""Calls that name nobody: refused, unless the client's policy says which service account pays for them."""

from typing import Any

import pytest

from authz.snapshot import Client
from credit.policy import Policy
from credit.refusal import Reason
from tests.unit.door import (
    SCRIPT,
    Door,
    Memory,
    a_client,
    a_model_map,
    a_price,
    a_request,
    claims_of,
    reason_of,
)

TOOLS = a_client(id="tools", kind="service")


def nameless_memory(mode: str = "enforce", tools: Client = TOOLS) -> Memory:
    """A client whose embeddings name nobody: `tools` pays for them."""
    memory = Memory(mode=mode)
    memory.clients = {**memory.clients, b"t" * 32: tools}
    memory.policies = {None: Policy(service_accounts={"/v1/embeddings": "tools"})}
    memory.models = a_model_map(small=a_price("small", mode="embedding"))
    return memory


@pytest.mark.parametrize("mode", ["enforce", "shadow", "off"])
async def test_call_that_names_nobody_is_paid_by_the_service_account(mode: str) -> None:
    """On the routes that the policy names, in every mode; the hold says whose client it came by."""
    door = Door(nameless_memory(mode))
    answer = await door.check.decide(
        a_request(user_header=None, path="/v1/embeddings", body={"model": "small"})
    )
    claims = claims_of(answer)
    assert (claims.account, claims.client) == (str(SCRIPT), "librechat")
    assert [asked.account_id for asked in door.ledger.asked] == [SCRIPT] * (mode != "off")


@pytest.mark.parametrize(
    ("changes", "tools"),
    [
        ({"path": "/v1/chat/completions"}, TOOLS),  # another route
        ({"user_header": ""}, TOOLS),  # a header that names nobody
        ({"user_header": "{{LIBRECHAT_USER_ID}}"}, TOOLS),
        ({}, a_client(id="tools")),  # no service client
        ({}, a_client(id="other", kind="service")),  # disabled, or gone
    ],
)
async def test_nobody_else_is_spared_a_name(changes: dict[str, Any], tools: Client) -> None:
    """The exception is as narrow as it is written."""
    door = Door(nameless_memory(tools=tools))
    asked = {"user_header": None, "path": "/v1/embeddings", "body": {"model": "small"}} | changes
    answer = await door.check.decide(a_request(**asked))
    assert reason_of(answer)[0] == Reason.IDENTITY_MISSING
    assert door.ledger.asked == []
