"""The use case before a call, with everything around it in memory."""

import dataclasses
import errno
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pedagio_callback.body import load_rules
from pedagio_callback.calls import Calls
from pedagio_callback.counting import count_by_length
from pedagio_callback.evidence import Evidence
from pedagio_callback.gate import Gate, Request
from pedagio_callback.journal import Journal
from pedagio_callback.refusal import RefusedCallError, Sentences
from pedagio_callback.replay import StartedCalls
from pedagio_callback.terms import Prices

from accounting.ingest.reports import RECORD
from credit.token import Claims, sign

KEYS = [b"secret"]
NOW_S = 1_800_000_000.0
RULES = load_rules(Path(__file__).parents[2] / "litellm" / "allowed_body.json")
CLAIMS = Claims(
    hold="4fb73fc8-a5da-4949-ab6a-8433058c2415",
    account="7",
    client="librechat",
    mode="enforce",
    route="chat",
    model="gpt-5",
    granted=10**12,
    input_picos=1_250_000,
    output_picos=10_000_000,
    above=None,
    audio_in=0,
    audio_out=0,
    fee=0,
    context=400_000,
    max_out=128_000,
    min_out=4_096,
    image=1_100,
    style="plain",
    lang="en",
    issued=int(NOW_S),
)
BODY: dict[str, Any] = {"model": "gpt-5", "messages": [{"role": "user", "content": "oi"}]}


class Bench:
    """A gate on a folder of its own; `lines` is the journal, `answer` what accounting says."""

    def __init__(self, folder: str) -> None:
        self.lines: list[dict[str, Any]] = []
        self.extends: list[dict[str, Any]] = []
        self.answer: tuple[int, bytes] | None = None
        self.full = False
        self.billed: Prices | None = None
        calls, sentences = Calls(), Sentences({})
        journal = Journal(self._append, lambda: None)
        evidence = Evidence(
            KEYS, calls, journal, sentences, lambda: 0.0, lambda: int(NOW_S * 1000), lambda: "id"
        )
        self.gate = Gate(
            keys=KEYS,
            rules=RULES,
            sentences=sentences,
            calls=calls,
            started=StartedCalls(Path(folder)),
            journal=journal,
            evidence=evidence,
            post_extend=self._extend,
            host=self,
            count=count_by_length,
            clock=lambda: 0.0,
            now_s=lambda: NOW_S,
            new_id=lambda: "id",
        )

    def _append(self, line: bytes) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "full")
        self.lines.append(json.loads(line))

    async def _extend(self, body: bytes) -> tuple[int, bytes]:
        self.extends.append(json.loads(body))
        if self.answer is None:
            raise OSError("away")
        return self.answer

    def billed_prices(self, model: str, service_tier: str | None) -> Prices | None:
        """What LiteLLM would bill."""
        del model, service_tier
        return self.billed

    def takes_completion_limit(self, model: str) -> bool:
        """Every model here does."""
        del model
        return True

    async def admit(self, body: dict[str, Any], **claims: Any) -> dict[str, Any]:
        """Send a body through; returns what goes upstream."""
        signed = sign(dataclasses.replace(CLAIMS, **claims), KEYS)
        data = dict(body)
        headers = {"x-pedagio-hold": signed, "content-length": "100"}
        await self.gate.admit(Request(CLAIMS.hold, "chat", headers, body, data))
        return data

    async def refusal(self, body: dict[str, Any], **claims: Any) -> tuple[int, str]:
        """Status and reason of the refusal that a body meets."""
        with pytest.raises(RefusedCallError) as caught:
            await self.admit(body, **claims)
        return caught.value.refusal.status, caught.value.refusal.reason

    @property
    def kinds(self) -> list[tuple[str, Any]]:
        """The records so far: kind and outcome."""
        return [(line["record"], line.get("outcome")) for line in self.lines]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A fresh gate."""
    return Bench(str(tmp_path))


async def test_call_that_the_grant_covers_goes_on_untouched(bench: Bench) -> None:
    """A start record, and the body as the client sent it."""
    assert await bench.admit(BODY) == BODY
    assert bench.kinds == [("start", None)]
    assert bench.lines[0]["output_limit_tokens"] is None


async def test_call_with_a_small_grant_is_clamped(bench: Bench) -> None:
    """The limit is what the grant pays after the input; nobody is asked."""
    upstream = await bench.admit(BODY, granted=10**8, min_out=256)
    assert 9_900 < upstream["max_completion_tokens"] < 10_000
    assert bench.lines[0]["bound_nanos"] <= 10**8
    assert bench.extends == []


async def test_call_is_clamped_to_what_the_policy_allows(bench: Bench) -> None:
    """Although the grant would pay for more."""
    upstream = await bench.admit(BODY, limit=5_000)
    assert upstream["max_completion_tokens"] == 5_000
    assert (bench.lines[0]["output_limit_tokens"], bench.lines[0]["clamped"]) == (5_000, False)


async def test_call_whose_grant_pays_less_than_the_policy_is_clamped_by_credit(
    bench: Bench,
) -> None:
    """The person whose answer is cut can ask for more."""
    upstream = await bench.admit(BODY, limit=50_000, granted=10**8, min_out=256)
    assert upstream["max_completion_tokens"] < 10_000
    assert bench.lines[0]["clamped"]


async def test_call_goes_to_the_cheaper_model_that_is_held_for(bench: Bench) -> None:
    """The token says both names: what was asked for, and what answers in its place."""
    upstream = await bench.admit(BODY, model="gpt-5-mini", asked="gpt-5")
    assert upstream == BODY | {"model": "gpt-5-mini"}
    assert bench.lines[0]["model"] == "gpt-5-mini"


@pytest.mark.parametrize("named", ["gpt-5-mini", "gpt-5", None])
async def test_token_for_a_cheaper_model_opens_nothing_else(bench: Bench, named: Any) -> None:
    """Made for a body that asked for gpt-4o: with another name it belongs to another call."""
    body = BODY | {"model": named}
    assert await bench.refusal(body, model="gpt-5-mini", asked="gpt-4o") == (403, "bad_request")


async def test_call_below_its_least_answer_asks_for_more(bench: Bench) -> None:
    """4,096 tokens of a reasoning model are the least; the whole answer is the wish."""
    bench.answer = (200, b'{"result":"extended","granted_nanos":50000000}')
    upstream = await bench.admit(BODY, granted=1_000)
    (asked,) = bench.extends
    assert asked["min_total_nanos"] == 4_096 * 10_000 + bench.lines[0]["input_bound_tokens"] * 1_250
    assert asked["want_total_nanos"] > 128_000 * 10_000
    assert 4_096 <= upstream["max_completion_tokens"] < 5_000


@pytest.mark.parametrize(
    "answer",
    [
        None,
        (500, b""),
        (200, b"no json"),
        (200, b"[]"),
        (200, b'{"result":"extended","granted_nanos":5}'),
        (200, b'{"result":"refused","reason":"x"}'),
        (
            200,
            b'{"result":"refused","reason":"enforcement_unavailable","error":{"error":{"code":"x"}}}',
        ),
    ],
)
async def test_call_without_a_clear_answer_is_unavailable(
    bench: Bench, answer: tuple[int, bytes] | None
) -> None:
    """Only the ledger's clear no is a refusal for credit."""
    bench.answer = answer
    assert await bench.refusal(BODY, granted=1_000) == (503, "enforcement_unavailable")
    assert bench.kinds == [("end", "refused")]


@pytest.mark.parametrize(
    ("reason", "status"),
    [("insufficient_credit", 402), ("credit_in_flight", 402), ("account_suspended", 403)],
)
async def test_refused_extension_has_the_status_of_its_reason(
    bench: Bench, reason: str, status: int
) -> None:
    """402 is about credit, and about nothing else."""
    told = {"result": "refused", "reason": reason, "error": {"error": {"code": reason}}}
    bench.answer = (200, json.dumps(told).encode())
    assert await bench.refusal(BODY, granted=1_000) == (status, reason)


@pytest.mark.parametrize(
    ("field", "kept"),
    [("frobnicate", "frobnicate"), ("the salary of Maria", None), ("x" * 61, None)],
)
async def test_refused_body_leaves_the_name_of_its_field(
    bench: Bench, field: str, kept: str | None
) -> None:
    """Support must see what was wrong with it; what is no name but words is not kept."""
    assert (await bench.refusal(BODY | {field: 1}))[0] == 400
    (line,) = bench.lines
    assert (line["outcome"], line["reason"], line["field"]) == ("refused", "bad_request", kept)
    RECORD.validate_python(line | {"id": "a" * 32})


async def test_call_whose_evidence_cannot_be_kept_is_unavailable_in_enforce(bench: Bench) -> None:
    """A full disk stops what it cannot prove, in enforce alone."""
    bench.full = True
    assert await bench.refusal(BODY) == (503, "enforcement_unavailable")


async def test_call_at_a_stale_price_is_bounded_with_the_dearer_one(bench: Bench) -> None:
    """LiteLLM bills twice the token's price: the clamp halves, the record says why."""
    await bench.admit(BODY, granted=10**8, min_out=256)
    other = Bench(str(bench.gate.started._folder / "other"))  # noqa: SLF001 - a second folder
    other.billed = Prices(2_500_000, 20_000_000, None)
    await other.admit(BODY, granted=10**8, min_out=256)
    assert (bench.lines[0]["price_stale"], other.lines[0]["price_stale"]) == (False, True)
    assert other.lines[0]["output_limit_tokens"] * 2 <= bench.lines[0]["output_limit_tokens"]


@pytest.mark.parametrize("mode", ["shadow", "off"])
async def test_call_outside_enforce_is_never_altered(bench: Bench, mode: str) -> None:
    """A bad body, an old token and no grant: it passes, and the record says what it would have met."""
    body = BODY | {"frobnicate": 1}
    assert await bench.admit(body, mode=mode, granted=0, issued=1) == body
    assert bench.extends == []
    assert bench.kinds == [("start", None)]
    assert bench.lines[0]["would_refuse"] == "x-pedagio-hold"


async def test_replay_writes_no_record(bench: Bench) -> None:
    """An end of the second request would close the hold of the first."""
    await bench.admit(BODY)
    assert await bench.refusal(BODY) == (403, "bad_request")
    assert bench.kinds == [("start", None)]


JSON: Callable[[], st.SearchStrategy[Any]] = lambda: st.recursive(  # noqa: E731
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)
BODIES = st.dictionaries(st.sampled_from(sorted(RULES["chat"].keys)), JSON(), max_size=4)


@settings(max_examples=200, deadline=None)
@given(BODIES, st.sampled_from(["enforce", "shadow", "off"]), st.integers(0, 10**10))
async def test_arbitrary_body_meets_nothing_but_a_refusal(
    body: dict[str, Any], mode: str, granted: int
) -> None:
    """Whatever the JSON, the gate admits or refuses; outside enforce it admits."""
    with TemporaryDirectory() as folder:
        bench = Bench(folder)
        try:
            await bench.admit(BODY | body | {"model": "gpt-5"}, mode=mode, granted=granted)
        except RefusedCallError as refused:
            assert mode == "enforce"
            json.dumps(refused.refusal.error, ensure_ascii=False).encode()
        else:
            limit = bench.lines[0]["output_limit_tokens"]
            if mode == "enforce" and bench.lines[0]["clamped"]:
                assert limit >= 1
                assert bench.lines[0]["bound_nanos"] <= granted
