"""The line about credit under an answer: who gets one, what it says, where in the text it goes."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pedagio_callback.calls import Call, Calls
from pedagio_callback.evidence import Evidence
from pedagio_callback.fence import Fence
from pedagio_callback.journal import Journal
from pedagio_callback.lines import OWED_FOR_S, is_read_by_a_person
from pedagio_callback.refusal import Sentences
from pedagio_callback.token import read_token
from pydantic import BaseModel

from credit.ledger import Placed
from credit.policy import Policy
from credit.token import Claims, sign
from tests.unit.door import KEY, MARIA, Door, Memory, a_client, a_request, claims_of, placed
from tests.unit.fuzzing import JSON
from tests.unit.test_balance import key_digest
from tests.unit.test_callback_gate import CLAIMS

OPTED = Policy.from_json({"balance_line": True})
LOW = {"posted": 900_000_000, "allowance": 5 * 10**9, "coming": 6 * 10**9, "day": "2026-12-01"}
PAID = Placed(
    "placed", None, 100, False, 5_000_000, 1_000_000, 0, datetime(2026, 11, 21, tzinfo=UTC),  # noqa: FBT003
    payer=MARIA, low=LOW,
)  # fmt: skip
STREAM = {"model": "gpt-4o", "stream": True}
CUT, RUNS_LOW = "*cut*", "*low*"


async def claims(
    body: dict[str, Any], answer: Placed = PAID, policy: Policy = OPTED, **client: Any
) -> Claims:
    """What the token says to the callback, and that the ledger was asked the same question."""
    clients = {key_digest(KEY): a_client(**client)}
    door = Door(Memory(policies={None: policy}, clients=clients), answer)
    said = claims_of(await door.check.decide(a_request(body=body)))
    assert door.ledger.asked[0].line == bool(said.cut)
    return said


async def test_lines_are_in_the_words_of_the_person() -> None:
    """What is left and what comes, in the client's language; with the address where there is one."""
    said = await claims(STREAM)
    assert said.cut == (
        "*Esta resposta foi encurtada para caber no seu crédito (havia US$ 0,004).*"
        " [Mais crédito](https://credit.example.com)"
    )
    assert said.low == (
        "*Restam US$ 0,90, 18 % da sua cota. A próxima, US$ 6,00, chega em 01/12/2026.*"
        " [Mais crédito](https://credit.example.com)"
    )
    english = await claims(STREAM, language="en")
    assert english.low.startswith("*US$0.90 left, 18 % of your allowance. The next one, US$6.00")


async def test_line_about_a_pools_credit_names_no_figure() -> None:
    """What a team has left is not what this person may spend."""
    said = await claims(STREAM, replace(PAID, payer=77, low=None))
    assert said.cut.startswith("*Esta resposta foi encurtada para caber no seu crédito.*")
    assert said.low == ""


@pytest.mark.parametrize(
    ("body", "policy", "client", "has"),
    [
        (STREAM, OPTED, {}, True),
        (STREAM, Policy(), {}, False),
        (STREAM, Policy(balance_line=False), {}, False),
        ({"model": "gpt-4o"}, OPTED, {}, False),  # LibreChat's title
        ({"model": "gpt-4o", "stream": False}, OPTED, {}, False),
        ({"model": "gpt-4o"}, OPTED, {"style": "plain"}, True),
        (STREAM | {"n": 2.0}, OPTED, {}, False),
        (STREAM | {"n": 1.0}, OPTED, {}, True),
    ],
)
async def test_only_who_opted_in_is_asked_for_a_line(
    body: dict[str, Any], policy: Policy, client: dict[str, Any], *, has: bool
) -> None:
    """The ledger marks the day as told only for an answer that may carry the line."""
    assert bool((await claims(body, policy=policy, **client)).cut) == has


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/embeddings"])
async def test_line_is_for_chats_alone(path: str) -> None:
    """Other interfaces are programs'."""
    door = Door(Memory(policies={None: OPTED}), PAID)
    answer = await door.check.decide(a_request(path=path, body=STREAM))
    assert (claims_of(answer).cut, claims_of(answer).low) == ("", "")


async def test_line_is_never_said_where_people_are_only_watched() -> None:
    """In shadow no answer is altered."""
    door = Door(Memory(policies={None: OPTED}, mode="shadow"), placed())
    assert claims_of(await door.check.decide(a_request(body=STREAM))).cut == ""


class Part(BaseModel):
    """A delta or a message."""

    content: str | None = None
    tool_calls: list[Any] | None = None


class Choice(BaseModel):
    """A choice of a chunk."""

    index: int = 0
    delta: Part | None = None
    message: Part | None = None
    finish_reason: str | None = None


class Chunk(BaseModel):
    """A chunk, or a whole answer, with what this module reads of LiteLLM's."""

    choices: list[Choice]


def chunks(*texts: str, finish: str = "stop", tools: bool = False) -> list[Chunk]:
    """A stream: these texts, then the end, then the usage."""
    parts = [Choice(delta=Part(content=text)) for text in texts]
    if tools:
        parts.append(Choice(delta=Part(tool_calls=[{"function": {"name": "f"}}])))
    parts.append(Choice(delta=Part(), finish_reason=finish))
    return [Chunk(choices=[part]) for part in parts] + [Chunk(choices=[])]


class Process:
    """One LiteLLM worker's evidence, with calls of Maria's."""

    def __init__(self) -> None:
        journal = Journal(lambda _line: None, lambda: None)
        ids = itertools.count()
        self.evidence = Evidence(
            [b"k"], Calls(), journal, Sentences({}), lambda: 0.0, lambda: 0, lambda: str(next(ids))
        )

    def call(
        self, body: dict[str, Any] | None = None, *, clamped: bool = False, **said: Any
    ) -> Call:
        """A call that goes upstream."""
        token = sign(replace(CLAIMS, **{"cut": CUT} | said), [b"k"])
        call = Call("h", token, read_token(token, [b"k"]), 0.0, clamped=clamped)
        self.evidence.lines.expect(call, body or {})
        return call

    async def read(self, call: Call, pieces: Sequence[Chunk]) -> str:
        """What the person reads; LiteLLM's own chunks are as they were."""
        before = [piece.model_copy(deep=True) for piece in pieces]

        async def source() -> Any:
            for piece in pieces:
                yield piece

        read = [chunk async for chunk in self.evidence.watch(call, source())]
        assert list(pieces) == before
        assert call.ended
        return "".join(c.delta.content or "" for chunk in read for c in chunk.choices)


@pytest.mark.parametrize(
    ("clamped", "finish", "low", "text"),
    [
        (False, "stop", "", "Oi"),
        (False, "length", "", "Oi"),  # cut by the client's own limit
        (True, "stop", "", "Oi"),  # credit set a limit that cut nothing
        (True, "length", "", f"Oi\n\n{CUT}"),
        (False, "stop", RUNS_LOW, f"Oi\n\n{RUNS_LOW}"),
        (True, "length", RUNS_LOW, f"Oi\n\n{CUT}\n\n{RUNS_LOW}"),
        (True, "content_filter", RUNS_LOW, "Oi"),
    ],
)
async def test_answer_ends_with_what_there_is_to_say(
    clamped: bool,  # noqa: FBT001
    finish: str,
    low: str,
    text: str,
) -> None:
    """Streamed and whole alike, after a blank line."""
    process = Process()
    assert (
        await process.read(process.call(clamped=clamped, low=low), chunks("O", "i", finish=finish))
        == text
    )
    process = Process()
    whole = Chunk(choices=[Choice(message=Part(content="Oi"), finish_reason=finish)])
    process.evidence.answered(process.call(clamped=clamped, low=low), whole)
    assert whole.choices[0].message == Part(content=text)


async def test_what_counts_the_answer_does_not_count_the_line() -> None:
    """Characters, first token and finish are the model's."""
    process = Process()
    call = process.call(clamped=True, low=RUNS_LOW)
    await process.read(call, chunks("Olá", finish="length"))
    assert (call.seen.output_chars, call.seen.output_bytes, call.seen.finish_reason) == (
        3,
        4,
        "length",
    )


@pytest.mark.parametrize(
    "body",
    [
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {}}},
        {"response_format": "json"},
        {"n": 2},
        {"modalities": ["text", "audio"]},
        {"tools": [{"type": "function", "function": {"name": "set_memory"}}]},
    ],
)
async def test_answer_that_is_no_text_for_a_person_is_left_alone(body: dict[str, Any]) -> None:
    """The line waits for the next answer that is one; then it has been said."""
    process = Process()
    call = process.call(body, clamped=True, low=RUNS_LOW)
    assert await process.read(call, chunks("{}", finish="length")) == "{}"
    assert await process.read(process.call(), chunks("a")) == f"a\n\n{RUNS_LOW}"
    assert await process.read(process.call(), chunks("b")) == "b"


@pytest.mark.parametrize("finish", ["tool_calls", "stop", "length"])
async def test_line_waits_until_the_tools_are_done(finish: str) -> None:
    """An agent's steps end with calls of tools, whatever their finish says; its answer carries the line."""
    process = Process()
    tools = chunks("Vou ver", finish=finish, tools=True)
    assert await process.read(process.call(clamped=True, low=RUNS_LOW), tools) == "Vou ver"
    assert await process.read(process.call(), chunks("Pronto")) == f"Pronto\n\n{RUNS_LOW}"


async def test_line_that_waits_too_long_or_for_somebody_else_is_not_said() -> None:
    """It would be about another day; and nobody reads another person's credit."""
    process = Process()
    process.call(low=RUNS_LOW)  # its answer never came
    assert await process.read(process.call(account="8"), chunks("a")) == "a"
    late = process.call(issued=CLAIMS.issued + OWED_FOR_S)
    assert await process.read(late, chunks("b")) == "b"


async def test_answer_without_a_word_is_explained_not_decorated() -> None:
    """What an empty answer says about credit is enough; the other line waits."""
    process = Process()
    text = await process.read(process.call(clamped=True, low=RUNS_LOW), chunks(finish="length"))
    assert text == Sentences({}).say("answer_cut", "en", {})
    assert await process.read(process.call(), chunks("a")) == f"a\n\n{RUNS_LOW}"


async def test_call_without_a_word_from_authz_gets_no_line() -> None:
    """A token of a client that did not opt in, or of the release before."""
    process = Process()
    call = process.call(clamped=True, cut="", low="")
    assert await process.read(call, chunks("a", finish="length")) == "a"


@pytest.mark.parametrize(
    ("text", "closing"),
    [
        ("oi", ""),
        ("```python\nx = 1", "\n```"),
        ("```\nx\n```", ""),
        ("```\nx\n```\n", ""),
        ("````md\n```\nx\n```\n", "\n````"),
        ("  ~~~\nx\n```", "\n~~~"),
        ("```a\n``` b\n", "\n```"),  # no end: it says something
        ("a ``` b", ""),
    ],
)
def test_line_never_falls_into_a_code_block(text: str, closing: str) -> None:
    """A cut answer often ends inside one; in whatever pieces it comes."""
    for size in (1, 2, 3, len(text)):
        fence = Fence()
        for start in range(0, len(text), size):
            fence.feed(text[start : start + size])
        assert fence.closing() == closing


async def test_line_after_a_cut_code_block_stands_outside() -> None:
    """The block is closed first."""
    process = Process()
    text = await process.read(
        process.call(clamped=True), chunks("Assim:\n```py\nx =", " 1", finish="length")
    )
    assert text == f"Assim:\n```py\nx = 1\n```\n\n{CUT}"


@given(st.dictionaries(st.sampled_from(["n", "tools", "response_format", "modalities"]), JSON))
def test_body_of_any_kind_is_judged_without_a_fault(body: dict[str, Any]) -> None:
    """A fault here would refuse the call."""
    assert is_read_by_a_person(body) in {True, False}
