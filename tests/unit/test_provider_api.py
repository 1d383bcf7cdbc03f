"""The simulated provider as the official client sees it, and what its log says afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from local.provider.behaviour import Defaults
from local.provider.provider import Provider
from local.provider.server import start_server
from local.provider.tokens import RuleCounter
from local.provider.truth import TruthCall, TruthLog, read_truth

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
WAIT_S = 5.0


@dataclass
class Running:
    """A provider on a free port, a client of it, its log."""

    client: openai.AsyncOpenAI
    http: httpx.AsyncClient
    path: Path

    @property
    def last(self) -> TruthCall:
        """The newest line of truth."""
        return read_truth(self.path)[-1]

    async def logged(self, tag: str) -> TruthCall:
        """The line with this tag, waited for."""
        async with asyncio.timeout(WAIT_S):
            while True:
                for call in read_truth(self.path):
                    if call.tag == tag:
                        return call
                await asyncio.sleep(0.01)

    async def chat(self, text: str, model: str = "gpt-4o", **more: Any) -> Any:
        """One chat completion."""
        create: Any = self.client.chat.completions.create  # its overloads know no `**more`
        return await create(model=model, messages=[{"role": "user", "content": text}], **more)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """A provider that answers at once unless told otherwise."""
    path = tmp_path / "truth.jsonl"
    log = TruthLog(path)
    swift = Defaults(latency_ms=0, tokens_per_second=50_000, reasoning_tokens_per_second=100_000)
    runner, port = await start_server(Provider(log, defaults=swift, counter=RuleCounter()), 0)
    url = f"http://127.0.0.1:{port}"
    client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0)
    async with client, httpx.AsyncClient(base_url=url) as http:
        yield Running(client, http, path)
    await runner.cleanup()
    log.close()


async def test_chat_whole_logs_what_it_reports(running: Running) -> None:
    """Usage and truth are the same numbers, under the same id."""
    answer = await running.chat("bom dia [[tokens=20 tag=one]]", service_tier="priority")
    truth = running.last
    assert answer.id == truth.response_id
    assert answer.usage.prompt_tokens == truth.prompt_tokens > 0
    assert answer.usage.completion_tokens == truth.completion_tokens == 20
    assert (truth.tag, truth.status, truth.finished) == ("one", 200, True)
    assert answer.service_tier == truth.service_tier == "priority"
    assert answer.choices[0].finish_reason == "stop"


async def test_chat_streamed_delivers_every_token_of_every_choice(running: Running) -> None:
    """Chunks of n answers join to whole texts; usage comes last, when asked for."""
    texts, usage = ["", ""], None
    options = {"include_usage": True}
    stream = await running.chat(
        "oi [[tokens=300 rate=2000]]", n=2, stream=True, stream_options=options
    )
    async for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert usage is not None
    assert usage.completion_tokens == 600
    assert [RuleCounter().count(text) for text in texts] == pytest.approx([300, 300], abs=1)
    assert running.last.delivered_tokens == running.last.completion_tokens == 600


async def test_chat_streamed_without_asking_has_no_usage(running: Running) -> None:
    """As with OpenAI, a stream tells its usage only on request."""
    stream = await running.chat("oi [[tokens=5]]", stream=True)
    assert [chunk.usage async for chunk in stream if chunk.usage] == []


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
async def test_chat_cut_by_its_limit_ends_for_length(running: Running, limit: str) -> None:
    """No call ever gives more than its limit."""
    limits: dict[str, Any] = {limit: 7}
    answer = await running.chat("oi [[tokens=50]]", **limits)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == running.last.completion_tokens == 7


async def test_chat_whose_reasoning_uses_the_limit_up_is_empty_and_billed(running: Running) -> None:
    """Hidden tokens come first and count."""
    answer = await running.chat("oi [[reasoning=900]]", model="gpt-5", max_completion_tokens=400)
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("", "length")
    assert answer.usage.completion_tokens_details.reasoning_tokens == 400
    assert running.last.reasoning_tokens == running.last.completion_tokens == 400


async def test_chat_repeating_a_long_prompt_reports_cached_tokens(running: Running) -> None:
    """The second call with the same long beginning is partly cached, in steps of 128."""
    long = "muito contexto " * 2_000
    first = await running.chat(f"{long} [[tokens=1]]")
    second = await running.chat(f"{long} [[tokens=1]]")
    assert first.usage.prompt_tokens_details.cached_tokens == 0
    cached = second.usage.prompt_tokens_details.cached_tokens
    assert cached == running.last.cached_tokens >= 1_024
    assert cached % 128 == 0


async def test_chat_asked_for_a_tool_calls_it_streamed_or_whole(running: Running) -> None:
    """Naming a tool is asking for it; the arguments are JSON in both forms."""
    whole = await running.chat("use get_weather", tools=[TOOL])
    assert whole.choices[0].finish_reason == "tool_calls"
    arguments = whole.choices[0].message.tool_calls[0].function.arguments
    streamed = ""
    async for chunk in await running.chat("use get_weather", tools=[TOOL], stream=True):
        for called in chunk.choices[0].delta.tool_calls or []:
            streamed += called.function.arguments
    assert streamed == arguments == '{"city":"Rio de Janeiro"}'


async def test_chat_beyond_the_window_is_refused_and_costs_nothing(running: Running) -> None:
    """The context window bounds every prompt: holds rely on it."""
    with pytest.raises(openai.BadRequestError) as refused:
        await running.chat("palavra " * 140_000)
    assert refused.value.code == "context_length_exceeded"
    assert (running.last.prompt_tokens, running.last.status) == (0, 400)


@pytest.mark.parametrize("limit", [0, -1, 1.5, "many"])
async def test_chat_with_an_absurd_limit_is_refused(running: Running, limit: Any) -> None:
    """Only positive integers limit an answer."""
    with pytest.raises(openai.BadRequestError):
        await running.chat("oi", max_tokens=limit)
    assert running.last.completion_tokens == 0


@pytest.mark.parametrize("order", ["status=500", "status=429", "close"])
async def test_chat_failing_before_generation_consumes_nothing(
    running: Running, order: str
) -> None:
    """A fault before the first token costs nothing."""
    with pytest.raises(openai.APIError):
        await running.chat(f"oi [[{order} tag=failed]]")
    truth = await running.logged("failed")
    assert (truth.prompt_tokens, truth.completion_tokens, truth.finished) == (0, 0, False)


async def test_chat_dying_midway_logs_what_was_generated(running: Running) -> None:
    """A provider that breaks off has still generated."""
    stream = await running.chat("oi [[tokens=50 die_after=5 tag=died]]", stream=True)
    with pytest.raises(openai.APIError):
        [chunk async for chunk in stream]
    truth = await running.logged("died")
    assert (truth.completion_tokens, truth.finished, truth.disconnected) == (5, False, False)
    assert truth.prompt_tokens > 0


async def test_chat_left_midway_logs_what_existed_then(running: Running) -> None:
    """A client that leaves pays for what was generated, not for what would have been."""
    text = "oi [[tokens=5000 rate=1000 chunk_ms=10 tag=left]]"
    stream, seen = await running.chat(text, stream=True), 0
    async with aclosing(stream.__aiter__()) as chunks:
        async for chunk in chunks:
            seen += RuleCounter().count(chunk.choices[0].delta.content or "")
            if seen > 50:
                break
    await stream.close()
    truth = await running.logged("left")
    assert truth.disconnected
    assert seen - 5 <= truth.delivered_tokens <= truth.completion_tokens < 2_500


async def test_chat_left_in_silence_logs_hidden_tokens(running: Running) -> None:
    """Reasoning is billed though nobody saw a word of it."""
    text = "oi [[reasoning=100000 reasoning_rate=50000 tag=silent]]"
    stream = await running.chat(text, model="gpt-5", stream=True)
    await running.http.get("/health")  # a round trip in which hidden tokens are generated
    await stream.close()
    truth = await running.logged("silent")
    assert truth.disconnected
    assert truth.delivered_tokens == 0
    assert 0 < truth.completion_tokens == truth.reasoning_tokens < 100_000


async def test_responses_continued_counts_the_conversation(running: Running) -> None:
    """`previous_response_id` brings the remembered size along as input."""
    create = running.client.responses.create
    first = await create(model="gpt-4o", input="oi [[tokens=30 remember=100000]]")
    again = await create(model="gpt-4o", input="e aí", previous_response_id=first.id)
    assert again.usage is not None
    assert again.usage.input_tokens == running.last.prompt_tokens > 100_000
    with pytest.raises(openai.BadRequestError) as refused:
        await create(model="gpt-4o", input="oi", previous_response_id="resp_unknown")
    assert refused.value.code == "previous_response_not_found"


async def test_responses_streamed_tell_their_events_in_order(running: Running) -> None:
    """The sequence of OpenAI, numbered without gaps, with usage in the last event."""
    stream = await running.client.responses.create(
        model="gpt-5", input="oi [[tokens=50 reasoning=100]]", max_output_tokens=120, stream=True
    )
    events = [event async for event in stream]
    kinds = list(dict.fromkeys(event.type.removeprefix("response.") for event in events))
    assert kinds == [
        "created",
        "in_progress",
        "output_item.added",
        "output_item.done",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "incomplete",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    last: Any = events[-1]
    assert last.response.usage.output_tokens == running.last.completion_tokens == 120
    assert last.response.incomplete_details.reason == "max_output_tokens"


@pytest.mark.parametrize(
    ("given", "tokens", "rows"),
    [("two words", 2, 1), (["one", "two words"], 3, 2), ([1, 2, 3], 3, 1), ([[1, 2], [3]], 3, 2)],
)
async def test_embeddings_of_each_form_count_their_tokens(
    running: Running, given: Any, tokens: int, rows: int
) -> None:
    """Text is counted, token arrays are measured; the client's base64 is understood."""
    answer = await running.client.embeddings.create(model="text-embedding-3-small", input=given)
    assert answer.usage.prompt_tokens == running.last.prompt_tokens == tokens
    assert [len(row.embedding) for row in answer.data] == [1_536] * rows


async def test_embeddings_of_a_too_long_input_are_refused(running: Running) -> None:
    """Each input has a window of its own."""
    with pytest.raises(openai.BadRequestError, match="8192"):
        await running.client.embeddings.create(model="text-embedding-3-small", input=[7] * 8_193)
    assert running.last.prompt_tokens == 0


async def test_control_injects_faults_and_takes_them_back(running: Running) -> None:
    """Faults come by number of calls or by model, at run time, and end with `reset`."""
    faults = {"fail_next": 1, "fail_models": {"gpt-4.1": 503}}
    assert (await running.http.post("/control", json={"faults": faults})).status_code == 200
    for model, error in (("gpt-4o", 500), ("gpt-4.1", 503)):
        with pytest.raises(openai.InternalServerError) as failed:
            await running.chat("oi", model=model)
        assert failed.value.status_code == error
    await running.chat("oi")
    await running.http.post("/control", json={"reset": True})
    await running.chat("oi", model="gpt-4.1")
    assert (await running.http.post("/control", json={"faults": {"x": 1}})).status_code == 400


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"model": 3}', b'{"model": "gpt-4o"}'])
async def test_bodies_that_make_no_sense_are_refused_and_logged(
    running: Running, body: bytes
) -> None:
    """Whatever reaches the provider leaves a line."""
    answer = await running.http.post("/v1/chat/completions", content=body)
    assert answer.status_code == running.last.status == 400


async def test_models_and_images_answer(running: Running) -> None:
    """The lesser endpoints work with the official client."""
    assert "gpt-4o" in [model.id async for model in running.client.models.list()]
    images = await running.client.images.generate(model="gpt-image-1", prompt="a toll booth")
    assert images.data
    assert images.data[0].b64_json
    assert running.last.completion_tokens > 0
