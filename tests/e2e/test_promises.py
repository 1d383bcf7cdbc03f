"""One test per promise to the customer, through the real Envoy and LiteLLM, with the official client."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import openai
import pytest

from local.office import Office
from local.stack import Stack
from local.story.chat import Person, chat
from local.story.ledger import Ledger
from local.story.race import CREDIT_NANOS, run_race

USD = 10**9
TOOL = {
    "type": "function",
    "function": {
        "name": "clima",
        "parameters": {"type": "object", "properties": {"cidade": {"type": "string"}}},
    },
}

NewPerson = Callable[..., Awaitable[Person]]
OpenaiFor = Callable[[Person], openai.AsyncOpenAI]
Paid = Callable[[Person], Awaitable[int]]
Call = Callable[[openai.AsyncOpenAI, str], Awaitable[None]]


def asks(text: str) -> Any:
    """A short conversation that ends in this text."""
    return [
        {"role": "system", "content": "Responda em português."},
        {"role": "user", "content": text},
    ]


def chat_call(model: str, order: str = "", **more: object) -> Call:
    """A chat that is answered whole."""

    async def call(client: openai.AsyncOpenAI, text: str) -> None:
        await client.chat.completions.create(
            model=model, messages=asks(f"{text} [[tokens=40 {order}]]"), **more
        )  # type: ignore[call-overload]

    return call


def stream_call(model: str, order: str = "") -> Call:
    """A chat that is streamed to its end."""

    async def call(client: openai.AsyncOpenAI, text: str) -> None:
        stream: Any = await client.chat.completions.create(
            model=model,
            messages=asks(f"{text} [[tokens=60 {order}]]"),
            stream=True,
        )
        async for _ in stream:
            pass

    return call


def responses_call(model: str, *, stream: bool) -> Call:
    """The Responses API, whole or streamed."""

    async def call(client: openai.AsyncOpenAI, text: str) -> None:
        answer = await client.responses.create(
            model=model, input=f"{text} [[tokens=30]]", stream=stream
        )
        if stream:
            async for _ in answer:  # type: ignore[union-attr]
                pass

    return call


def embeddings_call(form: Any = None) -> Call:
    """Embeddings of a text, of several, or of token numbers."""

    async def call(client: openai.AsyncOpenAI, text: str) -> None:
        given = form if form is not None else [text, "outro trecho"]
        await client.embeddings.create(model="text-embedding-3-small", input=given)

    return call


KINDS: tuple[Call, ...] = (
    chat_call("gpt-4o-mini"),
    chat_call("gpt-4o", service_tier="priority"),
    chat_call("gpt-4.1", n=3),
    chat_call("gpt-5", "reasoning=300"),
    chat_call("gpt-5-mini", "reasoning=100", service_tier="flex"),
    chat_call("gpt-4o", "tool", tools=[TOOL]),
    chat_call("gpt-4o-mini", "cached=1024"),
    stream_call("gpt-4o-mini"),
    stream_call("gpt-4o", "lang=pt"),
    stream_call("gpt-5", "reasoning=500"),
    responses_call("gpt-4.1", stream=False),
    responses_call("gpt-5", stream=True),
    embeddings_call(),
    embeddings_call([1, 2, 3, 4, 5]),
    embeddings_call([[7, 8, 9], [10, 11]]),
    embeddings_call("um só texto"),
)


async def test_debits_equal_the_providers_ground_truth_to_the_nano(
    person: NewPerson,
    openai_for: OpenaiFor,
    office: Office,
    paid: Paid,
    consumed: Callable[[], int],
    ledger: Ledger,
) -> None:
    """208 calls of 16 kinds: the sum of debits is what the provider consumed, priced by the book."""
    who = await person(200 * USD)
    client = openai_for(who)
    gate = asyncio.Semaphore(12)

    async def one(number: int) -> None:
        async with gate:
            await KINDS[number % len(KINDS)](client, f"Pergunta {number}.")

    await asyncio.gather(*(one(number) for number in range(13 * len(KINDS))))
    await ledger.all_closed()
    assert await paid(who) == consumed() > 0
    account = await office.balance(who.client, who.name)
    assert (account.posted_nanos, account.held_nanos) == (200 * USD - consumed(), 0)


async def test_overspend_is_zero_when_64_streams_share_the_credit_of_ten(
    stack: Stack,
    person: NewPerson,
    office: Office,
    ledger: Ledger,
    paid: Paid,
    consumed: Callable[[], int],
) -> None:
    """Never a nano over; the refused get 402 for credit; at most 1 % or a minimal call stays unused.

    `run_race` itself fails on a refusal of any other status or reason.
    """
    who = await person(CREDIT_NANOS)
    race = await run_race(stack.envoy_url, who, office, ledger)
    assert race.overspent_nanos == 0
    assert 9 <= race.answered <= 20
    assert 0 < await paid(who) == consumed() <= CREDIT_NANOS
    # The least a gpt-4o call needs: about 100 bytes of body as tokens, 256 tokens of answer.
    minimal_call_nanos = 200 * 2_500 + 256 * 10_000
    assert race.unused_nanos <= max(CREDIT_NANOS // 100, minimal_call_nanos)


@pytest.mark.parametrize("model", ["gpt-5", "gpt-4o"])
async def test_account_with_50_usd_takes_40_long_conversations_at_once(
    stack: Stack, person: NewPerson, ledger: Ledger, model: str
) -> None:
    """Zero wrong blocks: one person with plenty of credit is never in her own way."""
    who = await person(50 * USD)
    body = {
        "model": model,
        "messages": [
            {"role": "user", "content": "a palavra " * 2_000 + "[[tokens=50 reasoning=200]]"}
        ],
    }
    async with httpx.AsyncClient(
        base_url=stack.envoy_url, limits=httpx.Limits(max_connections=40)
    ) as http:
        answers = await asyncio.gather(*(chat(http, who, body) for _ in range(40)))
    assert [answer.refusal for answer in answers] == [None] * 40
    await ledger.all_closed()


async def test_provider_error_releases_its_hold_at_once(
    stack: Stack, person: NewPerson, openai_for: OpenaiFor, office: Office, ledger: Ledger
) -> None:
    """A failed call costs nothing and must not lock credit while LibreChat tries again."""
    who = await person(1 * USD)
    client = openai_for(who)
    with pytest.raises(openai.APIStatusError) as failed:
        await client.chat.completions.create(
            model="gpt-4o-mini", messages=asks("oi [[status=400]]")
        )
    assert failed.value.status_code == 400
    await ledger.all_closed()
    account = await office.balance(who.client, who.name)
    assert (account.posted_nanos, account.held_nanos) == (1 * USD, 0)
    assert stack.dead() == []
