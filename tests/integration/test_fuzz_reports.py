"""Fuzz of reports: whatever the JSON, it is on disk, known already, or in quarantine; never an error."""

import random
import uuid
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from accounting.ingest.record import reduce
from tests.integration.office import Office, cost, end, start, token
from tests.unit.fuzzing import JSON, fuzz

RECORDS = [start, end, cost]
TEXTS: list[Any] = ["", "x" * 10_000, "\x00", "\ud800", "0", "1e5", "-1", "nan", "999999e99", "٣"]
NUMBERS: list[Any] = [0, -1, 2**63, 10**30, 1.5, float("nan"), True, None]


def odd(record: dict[str, Any], seed: int) -> dict[str, Any]:
    """A valid record with up to three fields changed, removed or added."""
    rng = random.Random(seed)
    for _ in range(rng.randint(0, 3)):
        name = rng.choice([*record, "prompt", "usage"])
        change = rng.choice(["text", "number", "drop", "nest", "usage"])
        if change == "drop":
            record.pop(name, None)
        elif change == "usage" and isinstance(record.get("usage"), dict):
            record["usage"] = {**record["usage"], "completion_tokens": rng.choice(NUMBERS)}
        else:
            values: list[Any] = {"text": TEXTS, "number": NUMBERS}.get(change, [[], {"a": []}])
            record[name] = rng.choice(values)
    return record


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2**32)), min_size=1, max_size=6), JSON)
@fuzz(25)
async def test_report_of_any_kind_is_recorded_or_set_aside(
    office: Office, drawn: list[tuple[int, int]], junk: Any
) -> None:
    """Each record of a batch is accounted for, beside whatever nonsense; the books add up."""
    account = await office.books.account(10**9)
    hold_id, _ = await office.books.place(account, 50_000_000, hold_id=str(uuid.uuid4()))
    text = token(hold_id, account)
    records = [odd(RECORDS[kind](hold_id, text), seed) for kind, seed in drawn]
    tally = await office.report(*records, junk)
    assert sum(tally) == len(records) + 1
    assert tally[2] >= 1  # no junk is a record
    recorded, _, quarantined = await office.report(*records, junk)
    assert (recorded, quarantined) == (0, tally[2]), "the same again changes nothing"


@given(JSON, st.integers(0, 2), st.integers(0, 2**32))
@fuzz(150)
def test_record_of_any_kind_can_wait_on_a_disk(junk: Any, kind: int, seed: int) -> None:
    """While the ledger is away: reduced to what may be kept, or to its shape; never an error."""
    hold_id = str(uuid.uuid4())
    for raw in (junk, odd(RECORDS[kind](hold_id, None), seed)):
        verdict, kept = reduce(raw)
        assert verdict in {"report", "quarantine"}
        if verdict == "quarantine":
            assert set(kept) == {"digest", "reason", "body"}
        else:
            assert reduce(kept) == (verdict, kept), (
                "what was kept is not accepted when it is replayed"
            )
