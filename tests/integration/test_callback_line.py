"""The line about credit inside a real LiteLLM: added for the reader, unseen by what is counted and priced."""

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.integration.callback_system import CallbackSystem

pytestmark = pytest.mark.asyncio(loop_scope="module")
CUT, LOW = "*encurtada*", "*restam 18 %*"
# Enough for some 300 tokens of gpt-4o-mini's answer.
SHORT = 200_000
TOOL = {"type": "function", "function": {"name": "clima", "parameters": {"type": "object"}}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CallbackSystem]:
    """One LiteLLM for the module: it takes ten seconds to start."""
    parts = CallbackSystem(tmp_path_factory.mktemp("lines") / "state", workers=1)
    try:
        await parts.start()
        yield parts
    finally:
        await parts.stop()


def text_of(body: str) -> str:
    """What a client shows of an answer, streamed or whole."""
    if not body.startswith("data: "):
        return json.loads(body)["choices"][0]["message"]["content"] or ""
    lines = [line.removeprefix("data: ") for line in body.splitlines() if line.startswith("data: ")]
    chunks = [json.loads(line) for line in lines if line != "[DONE]"]
    return "".join(c["delta"].get("content") or "" for each in chunks for c in each["choices"])


@pytest.mark.parametrize("stream", [False, True])
async def test_line_changes_neither_evidence_nor_cost(
    system: CallbackSystem, *, stream: bool
) -> None:
    """The same call with and without lines: same usage, same cost, same counts, and the provider's truth."""
    kept: list[tuple[Any, ...]] = []
    for lines in ({"cut": CUT, "low": LOW, "account": f"a{stream}"}, {}):
        tag = uuid.uuid4().hex
        response = await system.chat(
            f"oi [[tokens=2000 rate=9000 tag={tag}]]",
            stream=stream,
            token={"granted": SHORT, "style": "plain"} | lines,
        )
        assert response.status_code == 200, response.text
        hold = response.extensions["hold"]
        end, cost = await system.end(hold), await system.cost(hold)
        (truth,) = system.truth(tag)
        assert cost["usage"]["completion_tokens"] == truth.completion_tokens
        assert end["finish_reason"] == "length"
        text = text_of(response.text)
        assert text.endswith(f"\n\n{CUT}\n\n{LOW}") == bool(lines)
        said = text.removesuffix(f"\n\n{CUT}\n\n{LOW}")
        assert end["output_chars"] == len(said)
        usage = {k: v for k, v in cost["usage"].items() if k != "prompt_tokens"}
        kept.append((usage, end["usage"]["completion_tokens"], end["complete"], truth.output_limit))
    assert kept[0] == kept[1]


async def test_low_line_passes_by_tools_and_json(system: CallbackSystem) -> None:
    """An agent's step and a JSON answer are as the model wrote them; the chat after them carries the line."""
    token = {"cut": CUT, "low": LOW, "account": "agent", "style": "plain"}
    step = await system.chat("tempo? [[tool tokens=5]]", stream=True, tools=[TOOL], token=token)
    assert "tool_calls" in step.text
    assert LOW not in step.text
    form = {"type": "json_object"}
    later = {**token, "low": ""}
    made = await system.chat("json [[tokens=5]]", stream=True, response_format=form, token=later)
    assert LOW not in made.text
    answer = await system.chat("e agora? [[tokens=5]]", stream=True, token=later)
    assert text_of(answer.text).endswith(f"\n\n{LOW}")
    after = await system.chat("e depois? [[tokens=5]]", stream=True, token=later)
    assert LOW not in after.text
