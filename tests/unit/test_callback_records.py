"""What the callback writes is what accounting reads, and holds nothing else."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pedagio_callback import records
from pedagio_callback.calls import Call, Calls
from pedagio_callback.evidence import Evidence
from pedagio_callback.journal import Journal
from pedagio_callback.refusal import Sentences

from accounting.ingest.reports import RECORD
from credit.token import sign
from tests.unit.test_token import CLAIMS

SECRET = "o que só a pessoa pode ler"
HOLD = "4fb73fc8-a5da-4949-ab6a-8433058c2415"
RECORD_ID = "0123456789abcdef0123456789abcdef"
START = records.Start(
    stream=True,
    input_bound_tokens=400_000,
    input_count_tokens=90_000,
    images=2,
    granted_nanos=10**12,
    bound_nanos=10**12,
    price_stale=True,
)


class Follower:
    """Evidence with its journal in memory."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        journal = Journal(lambda line: self.lines.append(json.loads(line)), lambda: None)
        self.evidence = Evidence(
            [b"k"], Calls(), journal, Sentences({}), lambda: 1.0, lambda: 1, lambda: RECORD_ID
        )
        self.call = self.evidence.call_of(HOLD, {"x-pedagio-hold": sign(CLAIMS, [b"k"])})


@pytest.fixture
def follower() -> Follower:
    """A fresh one."""
    return Follower()


def chunk(text: str | None, finish: str | None = None) -> Any:
    """A chunk of a chat stream."""
    delta = SimpleNamespace(content=text)
    choice = SimpleNamespace(index=0, delta=delta, finish_reason=finish)
    return SimpleNamespace(choices=[choice])


async def stream(*chunks: Any, error: Exception | None = None) -> Any:
    """A stream that delivers these, and then perhaps breaks."""
    for item in chunks:
        yield item
    if error:
        raise error


def test_start_record_is_read_by_accounting() -> None:
    """Every field of a start has accounting's name and type."""
    call = Call(HOLD, None, None, 0.0, limit_tokens=300, clamped=True)
    line = json.dumps(records.start_record(call, START, RECORD_ID, 1_800_000_000_000))
    read = RECORD.validate_json(line).model_dump()
    assert (read["output_limit_tokens"], read["clamped"], read["price_stale"]) == (300, True, True)


def test_cost_record_is_read_by_accounting_and_holds_no_text_of_anybody() -> None:
    """The payload is full of prompts, answers and exceptions; only named figures leave."""
    payload = {
        "id": "x" * 900,
        "status": "failure",
        "messages": [{"content": SECRET}],
        "response": {"choices": [SECRET]},
        "error_str": SECRET,
        "error_information": {"error_code": "500", "error_message": SECRET, "traceback": SECRET},
        "metadata": {"requester_custom_headers": {"x-user-id": SECRET}},
        "response_cost": 5.2500000000000006e-06,
        "startTime": 1795364553.620813,
    }
    call = Call(HOLD, None, None, 0.0)
    line = json.dumps(
        records.cost_record(call, payload, "default", RECORD_ID, 1), ensure_ascii=False
    )
    assert SECRET not in line
    read = RECORD.validate_json(line).model_dump()
    assert read["cost_usd"] == "5.2500000000000006e-06"
    assert len(read["provider_id"]) == len("sha256:") + 64


async def test_end_record_of_a_stream_counts_and_never_quotes(follower: Follower) -> None:
    """Chunks, characters, the finish: one record, also when other hooks fire later."""
    watched = follower.evidence.watch(
        follower.call, stream(chunk(""), chunk(SECRET), chunk(None, "stop"))
    )
    assert len([item async for item in watched]) == 3
    follower.evidence.failed(follower.call, RuntimeError(SECRET))
    (line,) = follower.lines
    assert (line["outcome"], line["chunks"], line["output_chars"]) == ("ok", 3, len(SECRET))
    assert SECRET not in json.dumps(line, ensure_ascii=False)
    RECORD.validate_python(line)


async def test_stream_that_breaks_is_failed_and_one_that_is_left_is_aborted(
    follower: Follower,
) -> None:
    """The end record is written however the generator ends."""
    broken = follower.evidence.watch(follower.call, stream(chunk("a"), error=RuntimeError(SECRET)))
    with pytest.raises(RuntimeError):
        assert [item async for item in broken]
    other = Follower()
    left = other.evidence.watch(other.call, stream(chunk("a"), chunk("b")))
    assert await anext(left)
    await left.aclose()  # type: ignore[attr-defined]
    assert (follower.lines[0]["outcome"], follower.lines[0]["reason"]) == ("failed", "error")
    assert (other.lines[0]["outcome"], other.lines[0]["complete"]) == ("aborted", False)


@pytest.mark.parametrize("status", [402, None])
def test_end_record_that_cannot_be_written_hurts_nobody(tmp_path: Path, status: Any) -> None:
    """A delivered answer stays delivered when the disk is full."""

    def full(_line: bytes) -> None:
        raise OSError(28, "full")

    evidence = Evidence(
        [b"k"], Calls(), Journal(full, lambda: None), Sentences({}),
        lambda: 1.0, lambda: 1, lambda: RECORD_ID,
    )  # fmt: skip
    error = SimpleNamespace(status_code=status)
    evidence.failed(evidence.call_of(HOLD, {}), error)  # type: ignore[arg-type]


def test_call_that_nobody_vouched_for_leaves_no_end() -> None:
    """LiteLLM turned it away before our hook, under an id of its own: there is no hold to close."""
    stranger = Follower()
    stranger.evidence.failed(stranger.evidence.call_of("another", {}), RuntimeError())
    assert stranger.lines == []
