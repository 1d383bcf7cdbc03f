"""What a policy does to a call inside a real LiteLLM, by the token alone."""

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.callback_system import CallbackSystem

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CallbackSystem]:
    """One LiteLLM for the module: it takes ten seconds to start."""
    parts = CallbackSystem(tmp_path_factory.mktemp("policies") / "state", workers=1)
    try:
        await parts.start()
        yield parts
    finally:
        await parts.stop()


@pytest.mark.parametrize("stream", [False, True])
async def test_call_goes_upstream_as_the_cheaper_model_that_is_held_for(
    system: CallbackSystem, *, stream: bool
) -> None:
    """The token says what was asked for and what answers: debit and evidence are the latter's."""
    tag = uuid.uuid4().hex
    token = {"model": "gpt-4o-mini", "asked": "gpt-4o"}
    response = await system.chat(
        f"oi [[tokens=5 tag={tag}]]", model="gpt-4o", stream=stream, token=token
    )
    assert response.status_code == 200, response.text
    hold = response.extensions["hold"]
    assert [call.model for call in system.truth(tag)] == ["gpt-4o-mini"]
    assert (await system.cost(hold))["model"] == "openai/gpt-4o-mini"
    assert (await system.end(hold))["outcome"] == "ok"
    (start,) = system.accounting.of(hold, "start")
    assert (start["model"], start["price_stale"]) == ("gpt-4o-mini", False)


async def test_call_is_cut_at_what_the_policy_allows(system: CallbackSystem) -> None:
    """The provider gets the limit, although the grant would pay for more."""
    tag = uuid.uuid4().hex
    response = await system.chat(f"oi [[tokens=50 tag={tag}]]", token={"limit": 20})
    assert response.status_code == 200, response.text
    (truth,) = system.truth(tag)
    assert truth.output_limit == 20
