"""Calls of every size: large ones are answered when they can be paid, and never cost more than their hold."""

import base64
import struct
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import openai
import pytest

from local.provider.truth import TruthCall
from local.stack import Stack
from local.story.chat import Person, sentence_of
from local.story.ledger import Ledger

USD = 10**9
CENT = USD // 100

NewPerson = Callable[..., Awaitable[Person]]
Paid = Callable[[Person], Awaitable[int]]
OpenaiFor = Callable[[Person], openai.AsyncOpenAI]
Truth = Callable[[], list[TruthCall]]
Database = asyncpg.Connection


def a_photo(size_bytes: int = 2_000_000) -> str:
    """A PNG of about 2 MB as a data address: 1024 x 768 pixels of noise that cannot be compressed."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 1024, 768, 8, 2, 0, 0, 0)
    noise = bytes((n * 2_654_435_761 >> 13) & 0xFF for n in range(size_bytes))
    png = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(noise, 0))
        + chunk(b"IEND", b"")
    )
    return "data:image/png;base64," + base64.b64encode(png).decode()


def with_photo(address: str) -> Any:
    """One question about one photo."""
    parts = [
        {"type": "text", "text": "O que é isto? [[tokens=60]]"},
        {"type": "image_url", "image_url": {"url": address}},
    ]
    return [{"role": "user", "content": parts}]


async def test_photo_of_2_mb_with_5_cents_is_answered_and_debited_exactly(
    person: NewPerson,
    openai_for: OpenaiFor,
    ledger: Ledger,
    paid: Paid,
    consumed: Callable[[], int],
) -> None:
    """A million bytes of base64 are a thousand tokens: the door must not refuse by size."""
    who = await person(5 * CENT)
    answer = await openai_for(who).chat.completions.create(
        model="gpt-4o", messages=with_photo(a_photo())
    )
    assert answer.choices[0].message.content
    await ledger.all_closed()
    assert await paid(who) == consumed() > 0


async def test_photo_with_half_a_tenth_of_a_cent_is_one_sentence_and_costs_nothing(
    stack: Stack, person: NewPerson, paid: Paid, ledger: Ledger, truth: Truth
) -> None:
    """0.0005 USD: a typed refusal, nothing sent upstream, the hold released at once."""
    who, before = await person(USD // 2000, client="librechat"), len(truth())
    body = {"model": "gpt-4o", "messages": with_photo(a_photo())}
    async with httpx.AsyncClient(base_url=stack.envoy_url, timeout=30) as http:
        answer = await http.post("/v1/chat/completions", json=body, headers=who.headers)
    assert answer.status_code == 402
    assert len(sentence_of(answer.json()["error"])) < 200
    await ledger.all_closed()
    assert await paid(who) == 0
    assert len(truth()) == before


async def test_continued_conversation_of_200000_tokens_is_answered_from_5_usd(
    person: NewPerson,
    openai_for: OpenaiFor,
    ledger: Ledger,
    paid: Paid,
    consumed: Callable[[], int],
) -> None:
    """What the provider remembers counts as the whole context window in the bound, as itself in the debit."""
    who = await person(5 * USD)
    client = openai_for(who)
    first = await client.responses.create(
        model="gpt-5", input="Leia tudo. [[tokens=20 reasoning=50 remember=200000]]"
    )
    second = await client.responses.create(
        model="gpt-5", input="E então? [[tokens=20 reasoning=50]]", previous_response_id=first.id
    )
    assert second.usage is not None
    assert second.usage.input_tokens > 200_000
    await ledger.all_closed()
    assert await paid(who) == consumed()
    assert await ledger.overage_nanos() == 0


@pytest.mark.parametrize("form", ["strings", "tokens"])
async def test_embeddings_batch_of_300000_tokens_is_answered_from_5_usd(
    person: NewPerson,
    openai_for: OpenaiFor,
    ledger: Ledger,
    truth: Truth,
    paid: Paid,
    consumed: Callable[[], int],
    form: str,
) -> None:
    """Many inputs, each with a window of its own: no cap at one window, no refusal either.

    Just below what the provider takes in one request: 300,000 tokens.
    """
    who, before = await person(5 * USD), len(truth())
    given: Any = ["a casa " * 1_480] * 100 if form == "strings" else [[100] * 3_000] * 99
    await openai_for(who).embeddings.create(model="text-embedding-3-small", input=given)
    await ledger.all_closed()
    calls = truth()[before:]
    assert [call.prompt_tokens > 270_000 for call in calls] == [True]
    assert await paid(who) == consumed()
    assert await ledger.overage_nanos() == 0


async def test_photo_by_address_is_answered_from_5_usd(
    person: NewPerson,
    openai_for: OpenaiFor,
    ledger: Ledger,
    paid: Paid,
    consumed: Callable[[], int],
) -> None:
    """The bytes are elsewhere; the tokens of one image are bounded all the same."""
    who = await person(5 * USD)
    await openai_for(who).chat.completions.create(
        model="gpt-4o", messages=with_photo("https://exemplo.br/foto.png")
    )
    await ledger.all_closed()
    assert await paid(who) == consumed()
    assert await ledger.overage_nanos() == 0


async def test_alias_debits_the_deployment_that_answered(
    person: NewPerson, openai_for: OpenaiFor, ledger: Ledger, database: Database, truth: Truth
) -> None:
    """Two deployments of different price: the hold covers the dearer, the debit is the right one's."""
    who, before = await person(5 * USD), len(truth())
    client = openai_for(who)
    for _ in range(12):
        await client.chat.completions.create(
            model="rapido", messages=[{"role": "user", "content": "oi [[tokens=100]]"}]
        )
    await ledger.all_closed()
    calls = {call.response_id: call for call in truth()[before:]}
    rows = await database.fetch(
        "SELECT u.provider_id, u.model_id, u.cost, h.granted FROM usage_event AS u JOIN hold AS h ON h.id = u.hold_id"
        " WHERE u.provider_id = ANY ($1)",
        list(calls),
    )
    assert len(rows) == 12
    assert {row["model_id"] for row in rows} == {"rapido-a", "rapido-b"}
    picos = {"rapido-a": (150_000, 600_000), "rapido-b": (2_000_000, 8_000_000)}
    for row in rows:
        call, (input_picos, output_picos) = calls[row["provider_id"]], picos[row["model_id"]]
        exact = call.prompt_tokens * input_picos + call.completion_tokens * output_picos
        assert row["cost"] == -(-exact // 1000) <= row["granted"]


async def test_fallback_debits_the_model_that_answered_once(
    stack: Stack,
    person: NewPerson,
    openai_for: OpenaiFor,
    ledger: Ledger,
    paid: Paid,
    consumed: Callable[[], int],
) -> None:
    """The chain's dearest is held; what failed costs nothing; what answered is debited once."""
    who = await person(5 * USD)
    async with httpx.AsyncClient(base_url=stack.provider_url) as control:
        await control.post("/control", json={"faults": {"fail_models": {"gpt-4o": 500}}})
        try:
            answer = await openai_for(who).chat.completions.create(
                model="conversa", messages=[{"role": "user", "content": "oi [[tokens=50]]"}]
            )
        finally:
            await control.post("/control", json={"reset": True})
    assert "mini" in answer.model
    await ledger.all_closed()
    assert await paid(who) == consumed() > 0
